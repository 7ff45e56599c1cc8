package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"bookstore/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testBundle is a server on a port of its own and a client that follows nothing.
type testBundle struct {
	*Server
	client *http.Client
	logs   <-chan logLine
	url    string
	served chan error
}

const testMaxBody = 1 << 10

type setting func(*Config)

// setup starts a server with the given routes; it is shut down with the test.
func setup(t *testing.T, routes func(*mux.Router), settings ...setting) *testBundle {
	t.Helper()
	lines := make(chan logLine, 1000)
	cfg := Config{
		Logger: slog.New(lineHandler{lines: lines}), Registry: telemetry.NewRegistry(), MaxBodyBytes: testMaxBody,
	}
	for _, set := range settings {
		set(&cfg)
	}
	s, err := New(cfg)
	require.NoError(t, err)
	if routes != nil {
		routes(s.Router())
	}
	require.NoError(t, s.Listen("127.0.0.1:0"))
	b := &testBundle{
		Server: s, logs: lines, url: "http://" + s.Addr().String(), served: make(chan error, 1),
		client: &http.Client{
			Transport:     &http.Transport{},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	go func() { b.served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		b.client.CloseIdleConnections()
		require.NoError(t, s.Shutdown(ctx))
	})
	return b
}

func withTimeouts(change func(*Timeouts)) setting {
	return func(c *Config) {
		c.Timeouts = DefaultTimeouts()
		change(&c.Timeouts)
	}
}

// routeOf serves one function at /x, for all methods that tests use.
func routeOf(f func(w http.ResponseWriter, r *http.Request) error) func(*mux.Router) {
	return func(router *mux.Router) {
		router.Handle("/x", Handle(f)).Methods(http.MethodGet, http.MethodPost)
	}
}

// reply is an answer, read to its end.
type reply struct {
	*http.Response
	body []byte
}

// do sends a request; headers are name and value in turn.
func (b *testBundle) do(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return b.send(t, req)
}

func (b *testBundle) send(t *testing.T, req *http.Request) reply {
	t.Helper()
	resp, err := b.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{resp, body}
}

// problem checks that the answer is one and returns it.
func (r reply) problem(t *testing.T) Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"), "body: %s", r.body)
	var p Problem
	require.NoError(t, json.Unmarshal(r.body, &p))
	require.Equal(t, r.StatusCode, p.Status)
	require.Contains(t, problemKinds, p.Type)
	require.Equal(t, r.Header.Get(HeaderRequestID), p.CorrelationID)
	return p
}

// connect opens a bare connection, for clients that misbehave.
func (b *testBundle) connect(t *testing.T) *net.TCPConn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", b.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn.(*net.TCPConn)
}

// logLine is a log record, flattened.
type logLine struct {
	level   slog.Level
	message string
	attrs   map[string]any
	ctx     context.Context
}

// lineHandler hands log records to the test, which can wait for them.
type lineHandler struct {
	lines chan<- logLine
}

func (lineHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h lineHandler) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h lineHandler) WithGroup(string) slog.Handler          { return h }

func (h lineHandler) Handle(ctx context.Context, record slog.Record) error {
	line := logLine{level: record.Level, message: record.Message, attrs: map[string]any{}, ctx: ctx}
	record.Attrs(func(a slog.Attr) bool {
		line.attrs[a.Key] = a.Value.Any()
		return true
	})
	h.lines <- line
	return nil
}

// nextLog waits for a log line.
func (b *testBundle) nextLog(t *testing.T) logLine {
	t.Helper()
	select {
	case line := <-b.logs:
		return line
	case <-time.After(10 * time.Second):
		require.FailNow(t, "nothing was logged")
		return logLine{}
	}
}
