package browser

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// policy is what the pages of the service have.
const policy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"

// site serves pages, each the body of a document, scripts and style sheets, by path.
// Others are 404. What forms send is shown at /sent; /stream sends one event and goes on
// for as long as somebody listens; /slow answers to nobody.
func site(t *testing.T, bodies map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, known := bodies[r.URL.Path]
		switch r.URL.Path {
		case "/sent":
			http.SetCookie(w, &http.Cookie{Name: "uid", Value: "7", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			body, known = "<p id=sent>"+html.EscapeString(r.FormValue("title"))+"</p>", true
		case "/stream":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: streamed\n\n")
			_ = http.NewResponseController(w).Flush()
			fallthrough
		case "/slow":
			<-r.Context().Done()

			return
		}
		switch {
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
		case strings.HasSuffix(r.URL.Path, ".css"):
			w.Header().Set("Content-Type", "text/css")
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			body = document(body)
		}
		if !known {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)

	return server.URL
}

func document(body string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>` +
		`<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">` +
		`</head><body><main><h1>A page</h1>` + body + `</main></body></html>`
}

// trial is a test that may fail without failing the one that it is part of.
type trial struct {
	testing.TB
	problems []string
	skipped  bool
	cleanups []func()
}

// try runs a test and returns why it failed.
func try(t *testing.T, test func(t *trial)) (problems []string) {
	t.Helper()

	return attempt(t, test).problems
}

func attempt(t *testing.T, test func(t *trial)) *trial {
	t.Helper()
	tried := &trial{TB: t}
	ended := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(ended)
		defer func() {
			for i := len(tried.cleanups) - 1; i >= 0; i-- {
				tried.cleanups[i]()
			}
		}()
		test(tried)
	}()
	<-ended

	return tried
}

func (t *trial) Helper()                   {}
func (t *trial) Cleanup(f func())          { t.cleanups = append(t.cleanups, f) }
func (t *trial) Logf(string, ...any)       {}
func (t *trial) Failed() bool              { return len(t.problems) > 0 }
func (t *trial) FailNow()                  { runtime.Goexit() }
func (t *trial) Context() context.Context  { return t.TB.Context() }
func (t *trial) Error(args ...any)         { t.problems = append(t.problems, fmt.Sprint(args...)) }
func (t *trial) Errorf(f string, a ...any) { t.Error(fmt.Sprintf(f, a...)) }
func (t *trial) Fatal(args ...any)         { t.Error(args...); t.FailNow() }
func (t *trial) Fatalf(f string, a ...any) { t.Errorf(f, a...); t.FailNow() }
func (t *trial) Skipf(string, ...any)      { t.skipped = true; t.FailNow() }

// requireOne fails unless exactly one problem was found, and it tells all parts.
func requireOne(t *testing.T, problems []string, parts ...string) {
	t.Helper()
	require.Len(t, problems, 1, strings.Join(problems, "\n"))
	for _, part := range parts {
		require.Contains(t, problems[0], part)
	}
}
