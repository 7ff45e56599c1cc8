package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/telemetry"
)

func TestErrorsBecomeStatuses(t *testing.T) {
	t.Parallel()
	databaseAway := fmt.Errorf("read: %w", &pgconn.PgError{Code: "57P03", Message: "secret-host is starting up"})
	tests := []struct {
		name       string
		err        error
		method     string
		status     int
		kind       string
		retryAfter string
		level      slog.Level
	}{
		{"a problem as it is", NotFound("No book 7."), "GET", 404, TypeNotFound, "", slog.LevelDebug},
		{"a wrapped problem", fmt.Errorf("secret: %w", Conflict("x")), "POST", 409, TypeConflict, "", slog.LevelDebug},
		{"seconds are rounded up", Unavailable("x", 1100*time.Millisecond), "GET", 503, TypeUnavailable, "2", slog.LevelWarn},
		{"read model behind", ReadModelBehind(2*time.Second, time.Second), "GET", 503, TypeReadModelBehind, "1", slog.LevelWarn},
		{"log away", fmt.Errorf("secret: %w", events.ErrLogUnavailable), "POST", 503, TypeUnavailable, "2", slog.LevelWarn},
		{"write not confirmed", fmt.Errorf("secret: %w", events.ErrMaybeWritten), "POST", 503, TypeMaybeWritten, "2", slog.LevelWarn},
		{"database away, nothing to write", databaseAway, "GET", 503, TypeUnavailable, "2", slog.LevelWarn},
		{"database away in a write", databaseAway, "POST", 503, TypeMaybeWritten, "2", slog.LevelWarn},
		{"anything else", errors.New("secret"), "GET", 500, TypeInternal, "", slog.LevelError},
		{"cancelled, but not by the client", fmt.Errorf("secret: %w", context.Canceled), "GET", 500, TypeInternal, "", slog.LevelError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, routeOf(func(w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("ETag", `"1"`)
				return tt.err
			}))
			reply := b.do(t, tt.method, "/x?q=1", "", HeaderRequestID, "req-1")

			require.Equal(t, tt.status, reply.StatusCode)
			p := reply.problem(t)
			require.Equal(t, tt.kind, p.Type)
			require.Equal(t, "req-1", p.CorrelationID)
			require.Equal(t, "/x", p.Instance)
			require.Equal(t, tt.retryAfter, reply.Header.Get("Retry-After"))
			require.Equal(t, "no-store", reply.Header.Get("Cache-Control"))
			require.Empty(t, reply.Header.Get("ETag"), "of the answer that was not given")
			require.NotContains(t, string(reply.body), "secret")

			line := b.nextLog(t)
			require.Equal(t, tt.level, line.level)
			require.Equal(t, "req-1", telemetry.CorrelationID(line.ctx))
			require.Equal(t, int64(tt.status), line.attrs["status"])
			if tt.status >= 500 {
				require.Equal(t, tt.err, line.attrs["error"])
			}
			require.Empty(t, b.logs, "one line a request")
		})
	}
}

func TestMaybeWrittenTellsHowToRetry(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(func(http.ResponseWriter, *http.Request) error { return events.ErrMaybeWritten }))
	p := b.do(t, "POST", "/x", "").problem(t)
	require.Contains(t, p.Detail, "may still arrive")
	require.Contains(t, p.Detail, "same Idempotency-Key is safe")
}

func TestRequestThatTakesTooLong(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return fmt.Errorf("wait: %w", r.Context().Err())
	}), withTimeouts(func(to *Timeouts) { to.Handle = 10 * time.Millisecond }))

	require.Equal(t, TypeUnavailable, b.do(t, "GET", "/x", "").problem(t).Type)
	require.Equal(t, TypeMaybeWritten, b.do(t, "POST", "/x", "").problem(t).Type, "how far it got is not known")
}

func TestPanicIsAnAnswerOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t, func(r *mux.Router) {
		r.Handle("/panic", Handle(func(http.ResponseWriter, *http.Request) error { panic(events.ErrLogUnavailable) })).Methods("GET")
		r.Handle("/ok", Handle(func(w http.ResponseWriter, _ *http.Request) error { return WriteJSON(w, 200, "ok") })).Methods("GET")
	})
	reply := b.do(t, "GET", "/panic", "")
	require.Equal(t, 500, reply.StatusCode, "whatever was thrown")
	require.Equal(t, TypeInternal, reply.problem(t).Type)
	require.NotEmpty(t, reply.Header.Get("X-Content-Type-Options"))

	line := b.nextLog(t)
	require.Equal(t, slog.LevelError, line.level)
	require.Equal(t, "/panic", line.attrs["route"])
	require.Contains(t, line.attrs["stack"], "TestPanicIsAnAnswerOfItsOwn")
	require.Empty(t, b.logs, "one line a request")

	require.Equal(t, 200, b.do(t, "GET", "/ok", "").StatusCode)
}

func TestHalfAnAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	failure := errors.New("in the middle")
	half := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
	}
	for name, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"error": func(w http.ResponseWriter, _ *http.Request) error { half(w); return failure },
		"panic": func(w http.ResponseWriter, _ *http.Request) error { half(w); panic("in the middle") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, routeOf(f))
			req, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/x", nil)
			require.NoError(t, err)
			resp, err := b.client.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, "half", string(body))
			require.Equal(t, slog.LevelError, b.nextLog(t).level)
			require.Empty(t, b.logs)
		})
	}
}

func TestVanishedClient(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	b := setup(t, routeOf(func(_ http.ResponseWriter, r *http.Request) error {
		close(arrived)
		<-r.Context().Done()
		return fmt.Errorf("wait: %w", r.Context().Err())
	}))
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-arrived
		leave()
	}()
	req, err := http.NewRequestWithContext(ctx, "POST", b.url+"/x", nil)
	require.NoError(t, err)
	resp, err := b.client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)

	line := b.nextLog(t)
	require.Equal(t, int64(statusClientGone), line.attrs["status"])
	require.Equal(t, slog.LevelDebug, line.level, "not our failure")
	require.Empty(t, b.logs)
}

// A client may close its sending side and still read. Whatever it is sent must
// not look like success.
func TestClientThatClosesItsSideIsNotToldOK(t *testing.T) {
	t.Parallel()
	b := setup(t, routeOf(func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}))
	conn := b.connect(t)
	_, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	answer, err := io.ReadAll(bufio.NewReader(conn))
	require.NoError(t, err)
	require.Empty(t, string(answer))
}
