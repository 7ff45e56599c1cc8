package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"bookstore/internal/web"
)

// api is the HTTP API of this process.
type api struct{ routes http.Handler }

// call is a request to the API.
type call struct {
	method string // GET if ""
	path   string
	query  url.Values
	header http.Header // of the call, beside what is known of the reader
	body   any         // sent as JSON; nil: none
}

// writes says whether the call may change something, which is put down with who asked for it.
func (c call) writes() bool { return c.method != "" && c.method != http.MethodGet }

// do asks the API on behalf of the reader who has sent r, and reads the answer into a
// value unless that is nil. It fails with the [*web.Problem] that the API answers.
func (a api) do(r *http.Request, c call, into any) (web.Answer, error) {
	body := io.Reader(http.NoBody)
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return web.Answer{}, fmt.Errorf("write %T: %w", c.body, err)
		}
		body = bytes.NewReader(text)
	}
	target := url.URL{Path: c.path, RawQuery: c.query.Encode()}
	asked, err := http.NewRequestWithContext(r.Context(), c.method, target.String(), body)
	if err != nil {
		return web.Answer{}, fmt.Errorf("ask for %s: %w", c.path, err)
	}
	for name, values := range c.header {
		asked.Header[name] = values
	}
	if c.body != nil {
		asked.Header.Set("Content-Type", "application/json")
	}
	if uid := reader(r); uid != "" && c.writes() {
		asked.Header.Set("X-User-Id", pseudonym(uid))
	} else if uid != "" {
		asked.Header.Set("X-User-Id", uid)
	}
	answer, err := web.Call(a.routes, asked)
	if err != nil || into == nil {
		return answer, err
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return answer, fmt.Errorf("read the answer of %s: %w", c.path, err)
	}
	return answer, nil
}

// get asks for a resource.
func (a api) get(r *http.Request, path string, query url.Values, into any) (web.Answer, error) {
	return a.do(r, call{path: path, query: query}, into)
}
