package pages_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"bookstore/internal/operations"
	"bookstore/internal/web"
	"bookstore/internal/web/pages"
)

// fakeAPI answers operators as it was told to, since most of what they have to see can
// hardly be provoked: every phase of a rebuild, every refusal. What it answers are the
// API's own types, so that pages which read others fail.
type fakeAPI struct {
	mu      sync.Mutex
	answers map[string]fakeAnswer // by method and path
	asked   map[string]int
	orders  []string // "POST /api/parked/retry?consumer=catalog {...}", all but GETs
}

type fakeAnswer struct {
	status int
	body   any // a *web.Problem, or what becomes JSON
	header http.Header
}

// answer sets what a method and path are answered.
func (f *fakeAPI) answer(route string, status int, body any) {
	f.answerWith(route, fakeAnswer{status: status, body: body})
}

func (f *fakeAPI) answerWith(route string, a fakeAnswer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[route] = a
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + r.URL.EscapedPath()
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.asked[route]++
	if r.Method != http.MethodGet {
		order := r.Method + " " + r.URL.RequestURI()
		if len(body) > 0 {
			order += " " + string(body)
		}
		f.orders = append(f.orders, order)
	}
	answer, known := f.answers[route]
	f.mu.Unlock()
	web.Handle(func(w http.ResponseWriter, _ *http.Request) error {
		if !known {
			return web.NotFound("There is no such thing.")
		}
		if problem, is := answer.body.(error); is {
			return problem
		}
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		if answer.status == http.StatusNoContent {
			w.WriteHeader(answer.status)
			return nil
		}
		return web.WriteJSON(w, answer.status, answer.body)
	}).ServeHTTP(w, r)
}

func (f *fakeAPI) timesAsked(route string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[route]
}

func (f *fakeAPI) ordered() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.orders)
}

// operatorsBundle is a server with the pages on a fake API, and a browser that runs no scripts.
type operatorsBundle struct {
	api    *fakeAPI
	url    string
	client *http.Client
	// stop shuts the server down as the service does, and waits for that.
	stop func()
}

// setupOperators begins with one projection and nothing else known.
func setupOperators(t *testing.T) operatorsBundle {
	t.Helper()
	api := &fakeAPI{answers: make(map[string]fakeAnswer), asked: make(map[string]int)}
	api.answer("GET /api/projections", http.StatusOK, []operations.Projection{{Name: "catalog"}})
	api.answer("GET /api/parked", http.StatusOK, []operations.Parked{})

	server, err := web.New(web.Config{Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxBodyBytes: 1 << 16})
	require.NoError(t, err)
	stopping, cancel := context.WithCancel(context.Background())
	shown, err := pages.New(stopping, api, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	shown.Routes(server.Router())
	require.NoError(t, server.Listen("127.0.0.1:0"))
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	transport := &http.Transport{}
	stop := sync.OnceFunc(func() {
		ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		shutdown := server.Shutdown(ctx)
		cancel()
		transport.CloseIdleConnections()
		require.NoError(t, errors.Join(shutdown, <-served))
	})
	t.Cleanup(stop)
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return operatorsBundle{api, "http://" + server.Addr().String(), client, stop}
}

// get loads a page, which must have the status.
func (b operatorsBundle) get(t *testing.T, path string, status int) operatorsPage {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
	require.NoError(t, err)
	return b.load(t, request, status)
}

// post sends a form, and returns where it leads and what page came instead.
func (b operatorsBundle) post(t *testing.T, path string, form url.Values, status int) (to string, page operatorsPage) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	page = b.load(t, request, status)
	return page.header.Get("Location"), page
}

func (b operatorsBundle) load(t *testing.T, request *http.Request, status int) operatorsPage {
	t.Helper()
	response, err := b.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, status, response.StatusCode, "%s", text)
	require.NotContains(t, string(text), "ZgotmplZ", "html/template has refused a value")
	return operatorsPage{parse(t, string(text)), response.Header}
}

// operatorsPage is a page as a browser has it that runs no scripts.
type operatorsPage struct {
	document
	header http.Header
}

// with returns the elements below that have an attribute of that value.
func (d document) with(name, value string) []document {
	return d.all(func(e document) bool { return e.carries(name) && e.attr(name) == value })
}

// carries says whether an element has an attribute, of whatever value.
func (d document) carries(name string) bool {
	return slices.ContainsFunc(d.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func (d document) lacks(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.False(t, d.has(id), "there is an element with id %s", id)
	}
}

// figure is the value of a figure below.
func (d document) figure(t *testing.T, name string) string {
	t.Helper()
	found := d.with("data-figure", name)
	require.Len(t, found, 1, "figures %q", name)
	return found[0].text()
}

// sentEvent is a server-sent event as it came.
type sentEvent struct {
	id, name, data string
}

// watch follows a stream until ctx ends. The channel is closed when the stream is.
func (b operatorsBundle) watch(ctx context.Context, t *testing.T, path, lastID string) <-chan sentEvent {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	require.NoError(t, err)
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := b.client.Do(request) //nolint:bodyclose // where the stream ends, below
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	sent := make(chan sentEvent)
	go func() {
		defer close(sent)
		defer response.Body.Close()
		var e sentEvent
		var data []string
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "id":
				e.id = value
			case name == "event":
				e.name = value
			case name == "data":
				data = append(data, value)
			case lines.Text() == "" && data != nil:
				e.data = strings.Join(data, "\n")
				select {
				case sent <- e:
				case <-ctx.Done():
					return
				}
				e, data = sentEvent{}, nil
			}
		}
	}()
	return sent
}

// asJSON is v as the API would write it.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
