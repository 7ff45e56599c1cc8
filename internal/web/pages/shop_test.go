package pages_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/web"
	"bookstore/internal/web/pages"
)

// shop is the pages in front of an API that says what a test has it say: most of what
// they have to cope with is hard to bring about in a real one.
type shop struct {
	http.Handler
	api *cannedAPI
}

func newShop(t *testing.T) *shop {
	t.Helper()
	api := &cannedAPI{answers: make(map[string]http.HandlerFunc)}
	shown, err := pages.New(t.Context(), api, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	router := web.NewRouter()
	shown.Routes(router)
	return &shop{router, api}
}

// get asks for a page as a browser does; headers are pairs of name and value.
func (s *shop) get(t *testing.T, target string, headers ...string) *shown {
	t.Helper()
	return s.send(t, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil), headers...)
}

// post sends a form.
func (s *shop) post(t *testing.T, target string, form url.Values, headers ...string) *shown {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(t, r, headers...)
}

func (s *shop) send(t *testing.T, r *http.Request, headers ...string) *shown {
	t.Helper()
	r.Header.Set("Accept", "text/html")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, r)
	answer := recorder.Result()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return &shown{status: answer.StatusCode, header: answer.Header, cookies: answer.Cookies(), document: parse(t, string(body))}
}

// shown is a page as a browser got it.
type shown struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	document
}

// cannedAPI answers what it was told to, by method and path, and else that there is
// nothing.
type cannedAPI struct {
	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	asked   []asked
}

// asked is a request that the API got.
type asked struct {
	what   string // method and path
	query  url.Values
	header http.Header
	body   string
}

func (a *cannedAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	what := r.Method + " " + r.URL.Path
	a.mu.Lock()
	a.asked = append(a.asked, asked{what, r.URL.Query(), r.Header, string(body)})
	answer := a.answers[what]
	a.mu.Unlock()
	if answer == nil {
		answer = problem(web.NotFound("There is no such thing."))
	}
	answer(w, r)
}

// on says what to answer to a method and path.
func (a *cannedAPI) on(what string, answer http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[what] = answer
}

// requests returns those that the API got for a method and path.
func (a *cannedAPI) requests(what string) []asked {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []asked
	for _, request := range a.asked {
		if request.what == what {
			found = append(found, request)
		}
	}
	return found
}

// answer is a status, a body of JSON and headers as pairs of name and value.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// problem answers as routes do.
func problem(p *web.Problem) http.HandlerFunc {
	return web.Handle(func(http.ResponseWriter, *http.Request) error { return p }).ServeHTTP
}

// of a kind of problem that package web makes itself.
func problemOf(status int, kind, detail string) *web.Problem {
	return &web.Problem{Type: kind, Title: "Title of " + kind, Status: status, Detail: detail}
}

// aBook is book 7 at a version.
func aBook(version int, title string) string {
	return fmt.Sprintf(`{"id":7,"version":%d,"title":%q,"author":"Jane Austen","published_at":"1815-12","description":"A matchmaker.",`+
		`"isbn":"9780306406157","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-02-03T04:05:06Z"}`, version, title)
}

// aVersion is a step of book 7's history, as the API tells it.
func aVersion(version int, kind, title string) string {
	details := "null"
	if kind != "deleted" {
		details = fmt.Sprintf(`{"title":%q,"author":"Jane Austen","published_at":"1815","description":""}`, title)
	}
	return fmt.Sprintf(`{"version":%d,"type":%q,"at":"2026-01-02T03:04:05Z","actor":"","command_id":"6397477d-aee7-5b3a-a276-22bbb92514da",`+
		`"correlation_id":"c","details":%s}`, version, kind, details)
}

const (
	readerID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
	// readerPseudonym is what its writes are known by.
	readerPseudonym = "reader-0e1ecd9a"
	cookie          = "uid=" + readerID
)
