package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"

	"bookstore/internal/telemetry"
)

func bookRoutes(router *mux.Router) {
	say := func(word string) http.Handler {
		return Handle(func(w http.ResponseWriter, _ *http.Request) error { return WriteJSON(w, 200, word) })
	}
	router.Handle("/books", say("created")).Methods("POST")
	router.Handle("/books", say("found")).Methods("GET")
	router.Handle("/books/{id}", say("read")).Methods("GET", "HEAD")
	router.Handle("/books/{id}", say("deleted")).Methods("DELETE")
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t, bookRoutes)
	for path, detail := range map[string]string{
		"/nothing":    "Nothing has this path",
		"/books/":     "/books is there",
		"//books":     "/books is there",
		"/books//7":   "/books/7 is there",
		"/books/7/":   "/books/7 is there",
		"/books/7/8":  "Nothing has this path",
		"/a/../books": "Nothing has this path",
		"/docs/":      "/docs is there",
		"/%ff/":       "Nothing has this path",
	} {
		for _, method := range []string{"GET", "POST"} {
			reply := b.do(t, method, path, "")
			require.Equal(t, 404, reply.StatusCode, path)
			require.Contains(t, reply.problem(t).Detail, detail, path)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	b := setup(t, bookRoutes)
	for path, allow := range map[string]string{
		"/books":   "GET, HEAD, POST, OPTIONS",
		"/books/7": "GET, HEAD, DELETE, OPTIONS",
		"/healthz": "GET, HEAD, OPTIONS",
	} {
		for _, method := range []string{"PATCH", "BREW"} {
			reply := b.do(t, method, path, "")
			require.Equal(t, 405, reply.StatusCode, path)
			require.Equal(t, TypeMethodNotAllowed, reply.problem(t).Type)
			require.Equal(t, allow, reply.Header.Get("Allow"))
		}
		reply := b.do(t, "OPTIONS", path, "")
		require.Equal(t, 204, reply.StatusCode)
		require.Equal(t, allow, reply.Header.Get("Allow"))
	}
	require.Equal(t, "\"deleted\"\n", string(b.do(t, "DELETE", "/books/7", "").body))

	// HEAD is GET without the body, whether the route says so or not.
	for _, path := range []string{"/books", "/books/7", "/healthz"} {
		get, head := b.do(t, "GET", path, ""), b.do(t, "HEAD", path, "")
		require.Equal(t, get.StatusCode, head.StatusCode)
		require.Equal(t, get.Header.Get("Content-Length"), head.Header.Get("Content-Length"))
		require.Empty(t, head.body)
	}
	require.Equal(t, 404, b.do(t, "HEAD", "/nothing", "").StatusCode)
}

func TestHandlersSeeHEAD(t *testing.T) {
	t.Parallel()
	b := setup(t, func(router *mux.Router) {
		router.Handle("/x", Handle(func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("X-Method", r.Method)
			return nil
		})).Methods("GET")
	})
	require.Equal(t, "HEAD", b.do(t, "HEAD", "/x", "").Header.Get("X-Method"))
	require.Equal(t, "HEAD", b.nextLog(t).attrs["method"])
	require.Equal(t, "GET", b.do(t, "GET", "/x", "").Header.Get("X-Method"))
}

func TestEveryAnswerCanBeFoundAndIsSafe(t *testing.T) {
	t.Parallel()
	b := setup(t, bookRoutes)
	for _, path := range []string{"/books", "/nothing", "/healthz", "/docs", "/openapi.json", "/metrics"} {
		reply := b.do(t, "GET", path, "")
		require.NotEmpty(t, reply.Header.Get(HeaderRequestID), path)
		require.Equal(t, "nosniff", reply.Header.Get("X-Content-Type-Options"), path)
		require.Contains(t, reply.Header.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotEmpty(t, reply.Header.Get("Cache-Control"), path)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	b := setup(t, bookRoutes)
	for _, id := range []string{"a", "550e8400-e29b-41d4-a716-446655440000", "a.b:c/d+e=f_g", strings.Repeat("x", 128)} {
		require.Equal(t, id, b.do(t, "GET", "/books", "", HeaderRequestID, id).Header.Get(HeaderRequestID))
	}
	seen := map[string]bool{}
	for _, id := range []string{"", "a b", "a\"b", "é", "a,b", strings.Repeat("x", 129)} {
		got := b.do(t, "GET", "/books", "", HeaderRequestID, id).Header.Get(HeaderRequestID)
		require.NotEqual(t, id, got)
		require.True(t, saneID(got))
		require.False(t, seen[got], "each request has its own")
		seen[got] = true
	}
}

func TestTraceContinues(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(func(w http.ResponseWriter, r *http.Request) error {
		return WriteJSON(w, 200, telemetry.Traceparent(r.Context()))
	}))
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	require.Equal(t, "\""+trace+"\"\n", string(b.do(t, "GET", "/x", "", "traceparent", trace).body))
	require.Regexp(t, `^"00-[0-9a-f]{32}-`, string(b.do(t, "GET", "/x", "", "traceparent", "x").body))
}

func TestMetricsByRouteMethodAndStatus(t *testing.T) {
	t.Parallel()
	b := setup(t, bookRoutes)
	b.do(t, "GET", "/books/1", "")
	b.do(t, "GET", "/books/2", "")
	b.do(t, "HEAD", "/books/3", "")
	b.do(t, "GET", "/nothing/1", "")
	b.do(t, "BREW", "/books", "")
	metrics := string(b.do(t, "GET", "/metrics", "").body)
	for _, line := range []string{
		`{method="GET",route="/books/{id}",status="2xx"} 2`,
		`{method="HEAD",route="/books/{id}",status="2xx"} 1`,
		`{method="GET",route="unmatched",status="4xx"} 1`,
		`{method="other",route="unmatched",status="4xx"} 1`,
	} {
		require.Contains(t, metrics, "bookstore_http_request_duration_seconds_count"+line)
	}
	require.Contains(t, metrics, "go_goroutines")
}

func TestQuietWhenWell(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := setup(t, bookRoutes, func(c *Config) { c.Logger = telemetry.NewLogger(&out, 0, "text") })
	b.do(t, "GET", "/books", "")
	b.do(t, "GET", "/nothing", "")
	b.do(t, "PATCH", "/books", "")
	b.client.CloseIdleConnections()
	require.NoError(t, b.Shutdown(t.Context())) // so that nothing is written any more
	require.Empty(t, out.String())
}

func TestHeadersThatAreTooLarge(t *testing.T) {
	t.Parallel()
	b := setup(t, bookRoutes)
	reply := b.do(t, "GET", "/books", "", "X-Large", strings.Repeat("x", maxHeaderBytes+4096))
	require.Equal(t, 431, reply.StatusCode)
}

func TestBusyPort(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	second, err := New(Config{Logger: b.logger, Registry: telemetry.NewRegistry(), MaxBodyBytes: 1})
	require.NoError(t, err)
	err = second.Listen(b.Addr().String())
	var busy *ListenError
	require.ErrorAs(t, err, &busy)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.Equal(t, b.Addr().String(), busy.Addr)
	require.Contains(t, busy.Error(), "app.port")
}

func TestRegistryIsTaken(t *testing.T) {
	t.Parallel()
	registry := telemetry.NewRegistry()
	_, err := New(Config{Registry: registry, Logger: setup(t, nil).logger})
	require.NoError(t, err)
	_, err = New(Config{Registry: registry, Logger: setup(t, nil).logger})
	require.Error(t, err)
}

func TestShutdownAnswersWhatItHasTaken(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	b := setup(t, routeOf(func(w http.ResponseWriter, _ *http.Request) error {
		close(arrived)
		<-release
		return WriteJSON(w, 200, "done")
	}))
	conn := b.connect(t)
	_, err := io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-arrived

	down := make(chan error, 1)
	go func() { down <- b.Shutdown(context.Background()) }()
	require.NoError(t, <-b.served, "Serve returns as soon as Shutdown begins")
	_, err = net.Dial("tcp", b.Addr().String()) //nolint:noctx // refused at once
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Empty(t, down, "a request is under way")

	close(release)
	require.NoError(t, <-down)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), "200 OK")
	require.Contains(t, string(answer), "done")
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan struct{}), make(chan struct{})
	b := setup(t, routeOf(func(_ http.ResponseWriter, r *http.Request) error {
		defer close(left)
		close(arrived)
		<-r.Context().Done()
		return r.Context().Err()
	}))
	conn := b.connect(t)
	_, err := io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-arrived

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Shutdown(ctx), context.Canceled)
	<-left // its context ended with the connection
}

func TestShutdownWithoutServe(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Registry: telemetry.NewRegistry(), Logger: setup(t, nil).logger})
	require.NoError(t, err)
	require.NoError(t, s.Shutdown(t.Context()), "not listening yet")

	require.NoError(t, s.Listen("127.0.0.1:0"))
	require.NoError(t, s.Shutdown(t.Context()))
	_, err = net.Dial("tcp", s.Addr().String()) //nolint:noctx // refused at once
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, s.Serve())
}
