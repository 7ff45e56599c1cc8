package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// headers are those of a request.
type headers map[string]string

// answer is what a service said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request. A payload that is not nil is sent as JSON. An error means
// that there was no answer, or not all of it.
func send(ctx context.Context, client *http.Client, method, url string, h headers, payload any) (answer, error) {
	var body io.Reader
	if payload != nil {
		content, err := json.Marshal(payload)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(content)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{}, err
	}
	if payload != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range h {
		r.Header.Set(name, value)
	}
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, err
}

// newClient returns a client whose connections end with the test.
func newClient(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// caller talks to one service and expects answers.
type caller struct {
	t      testing.TB
	url    string
	client *http.Client
}

func newCaller(t testing.TB, url string) caller {
	t.Helper()
	return caller{t, url, newClient(t)}
}

func (c caller) do(method, path string, h headers, payload any) answer {
	c.t.Helper()
	a, err := send(c.t.Context(), c.client, method, c.url+path, h, payload)
	require.NoError(c.t, err)
	return a
}

func (c caller) get(path string, h headers) answer {
	c.t.Helper()
	return c.do(http.MethodGet, path, h, nil)
}

// create makes a book and returns the answer, which must be a 201.
func (c caller) create(details events.Details) (web.Book, answer) {
	c.t.Helper()
	a := c.do(http.MethodPost, "/api/books", nil, details)
	require.Equal(c.t, http.StatusCreated, a.status, string(a.body))
	return decode[web.Book](c.t, a), a
}

// decode reads an answer's JSON.
func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(a.body, &v), string(a.body))
	return v
}

func bookPath(id int64) string { return fmt.Sprintf("/api/books/%d", id) }

// asPublished writes books as the contract has them on the topic of searches. It
// is written out here, and not taken from the service, to be a second opinion.
func asPublished(books []web.Book) string {
	type served struct {
		ID          int64  `json:"id"`
		Title       string `json:"title"`
		Author      string `json:"author"`
		PublishedAt string `json:"published_at"`
		Description string `json:"description"`
		CreatedAt   string `json:"created_at"`
	}
	list := make([]served, len(books))
	for i, b := range books {
		list[i] = served{b.ID, b.Title, b.Author, b.PublishedAt, b.Description, b.CreatedAt.UTC().Format("2006-01-02 15:04:05")}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(list); err != nil {
		panic(err) // strings and numbers only
	}
	return string(bytes.TrimSpace(out.Bytes()))
}
