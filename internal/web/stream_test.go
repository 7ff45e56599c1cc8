package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"

	"bookstore/internal/telemetry"
)

// streamOf serves one stream at /x.
func streamOf(f func(s *EventStream, r *http.Request) error) func(*mux.Router) {
	return func(router *mux.Router) { router.Handle("/x", Stream(f)).Methods(http.MethodGet) }
}

// stay is a stream that says "hello" and goes on until its context ends.
func stay(s *EventStream, r *http.Request) error {
	if err := s.Send(Event{Data: []byte("hello")}); err != nil {
		return err
	}
	<-r.Context().Done()
	return r.Context().Err()
}

// What EventSource reads: WHATWG HTML, section 9.2.6.
func TestStreamOnTheWire(t *testing.T) {
	t.Parallel()
	b := setup(t, streamOf(func(s *EventStream, _ *http.Request) error {
		if err := s.Begin(); err != nil {
			return err
		}
		if err := s.Mark("0,0"); err != nil {
			return err
		}
		return s.Send(
			Event{ID: "1,0", Name: "bookstore.book.created.v1", Data: []byte(`{"title":"Wuthering Heights"}`)},
			Event{Data: []byte(" first\nsecond\r\n\rfourth: é\n")},
			Event{ID: "2,0"},
		)
	}))
	reply := b.do(t, "GET", "/x", "")
	require.Equal(t, 200, reply.StatusCode)
	require.Equal(t, "text/event-stream", reply.Header.Get("Content-Type"))
	require.Equal(t, "no-store, no-transform", reply.Header.Get("Cache-Control"))
	require.Equal(t, "no", reply.Header.Get("X-Accel-Buffering"))
	require.Equal(t, "nosniff", reply.Header.Get("X-Content-Type-Options"))
	require.Equal(t, `retry: 2000

id: 0,0

id: 1,0
event: bookstore.book.created.v1
data: {"title":"Wuthering Heights"}

data:  first
data: second
data: 
data: fourth: é
data: 

id: 2,0
data: 

`, string(reply.body))
}

func TestStreamThatHasNothingToSay(t *testing.T) {
	t.Parallel()
	b := setup(t, streamOf(func(*EventStream, *http.Request) error { return nil }))
	reply := b.do(t, "GET", "/x", "")
	require.Equal(t, "text/event-stream", reply.Header.Get("Content-Type"))
	require.Equal(t, "retry: 2000\n\n", string(reply.body))
}

func TestStreamHEAD(t *testing.T) {
	t.Parallel()
	b := setup(t, streamOf(stay))
	reply := b.do(t, "HEAD", "/x", "")
	require.Equal(t, 200, reply.StatusCode)
	require.Equal(t, "text/event-stream", reply.Header.Get("Content-Type"))
	require.Empty(t, reply.body)
}

func TestStreamFailsBeforeItBegins(t *testing.T) {
	t.Parallel()
	b := setup(t, streamOf(func(_ *EventStream, r *http.Request) error { return Params(r).Err() }))
	reply := b.do(t, "GET", "/x?form=beginning", "")
	require.Equal(t, 400, reply.StatusCode)
	require.Equal(t, "form", reply.problem(t).Errors[0].Field)
}

func TestStreamFailsOnItsWay(t *testing.T) {
	t.Parallel()
	errBroken := errors.New("broken")
	b := setup(t, streamOf(func(s *EventStream, _ *http.Request) error {
		if err := s.Send(Event{Data: []byte("hello")}); err != nil {
			return err
		}
		return errBroken
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/x", nil)
	require.NoError(t, err)
	resp, err := b.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "a client must not take it for the end")
	require.Contains(t, string(body), "data: hello\n\n")
	line := b.nextLog(t)
	require.Equal(t, slog.LevelError, line.level)
	require.Equal(t, errBroken, line.attrs["error"])
}

func TestStreamRefusesWhatTheFormatCannotCarry(t *testing.T) {
	t.Parallel()
	faults := make(chan error, 4)
	b := setup(t, streamOf(func(s *EventStream, _ *http.Request) error {
		faults <- s.Send(Event{ID: "1\n2"})
		faults <- s.Send(Event{Data: []byte("not sent either")}, Event{Name: "a\rb"})
		faults <- s.Send(Event{ID: "\x00"})
		faults <- s.Mark("1\n2")
		return nil
	}))
	require.Equal(t, "retry: 2000\n\n", string(b.do(t, "GET", "/x", "").body))
	for range 4 {
		var bad *EventError
		require.ErrorAs(t, <-faults, &bad)
	}
}

func TestStreamIsCountedWhileItIsOpen(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	b := setup(t, streamOf(func(s *EventStream, r *http.Request) error {
		defer close(over)
		return stay(s, r)
	}))
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/x", nil)
	require.NoError(t, err)
	resp, err := b.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Contains(t, string(b.do(t, "GET", "/metrics", "").body), `bookstore_http_streams_open{route="/x"} 1`)
	require.Equal(t, "/metrics", b.nextLog(t).attrs["route"])

	leave() // which the stream's context follows
	<-over
	require.Equal(t, "/x", b.nextLog(t).attrs["route"])
	metrics := string(b.do(t, "GET", "/metrics", "").body)
	require.Contains(t, metrics, `bookstore_http_streams_open{route="/x"} 0`)
	require.NotContains(t, metrics, `bookstore_http_request_duration_seconds_count{method="GET",route="/x"`)
}

func TestStreamFromManyGoroutines(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 50
	b := setup(t, streamOf(func(s *EventStream, _ *http.Request) error {
		var all sync.WaitGroup
		for range senders {
			all.Go(func() {
				for range each {
					_ = s.Send(Event{ID: "1", Data: []byte("a\nb")})
				}
			})
		}
		all.Wait()
		return nil
	}))
	reply := b.do(t, "GET", "/x", "")
	require.Equal(t, "retry: 2000\n\n"+strings.Repeat("id: 1\ndata: a\ndata: b\n\n", senders*each), string(reply.body))
}

// pipes is a listener whose connections hold nothing back: a write waits for its
// reader. Within a synctest bubble it costs no time to wait for minutes.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.over) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// piped is a server on pipes.
type piped struct {
	*Server
	pipes *pipes
}

// serveOnPipes must be called within a bubble. What it makes ends with the test.
func serveOnPipes(t *testing.T, f func(s *EventStream, r *http.Request) error) piped {
	t.Helper()
	s, err := New(Config{Logger: slog.New(slog.DiscardHandler), Registry: telemetry.NewRegistry(), MaxBodyBytes: testMaxBody})
	require.NoError(t, err)
	streamOf(f)(s.Router())
	listener := &pipes{conns: make(chan net.Conn), over: make(chan struct{})}
	s.listener = listener
	go func() { _ = s.Serve() }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return piped{s, listener}
}

// open asks for the stream, reads the answer's headers and returns its body.
func (p piped) open(t *testing.T) io.Reader {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { _ = client.Close() })
	p.pipes.conns <- server
	_, err := io.WriteString(client, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(client), nil) //nolint:bodyclose // ends with the connection
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	return resp.Body
}

// down shuts the server down and returns how long that took.
func (p piped) down(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	require.NoError(t, p.Shutdown(t.Context()))
	return time.Since(began)
}

func TestStreamOutlivesTheLimitsOfRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const after = time.Hour + time.Second // longer than each of DefaultTimeouts
		server := serveOnPipes(t, func(s *EventStream, _ *http.Request) error {
			if err := s.Begin(); err != nil {
				return err
			}
			<-time.After(after)
			return s.Send(Event{Data: []byte("still here")})
		})
		began := time.Now()
		body := server.open(t)
		content, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, after, time.Since(began))
		require.True(t, bytes.HasSuffix(content, []byte("data: still here\n\n")))
		require.Equal(t, int(after/heartbeat), bytes.Count(content, []byte(":\n\n")))
	})
}

func TestStreamIsSilentForNoLongerThanAHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := serveOnPipes(t, func(s *EventStream, r *http.Request) error {
			if err := s.Begin(); err != nil {
				return err
			}
			<-time.After(10 * time.Second)
			return stay(s, r)
		})
		body := server.open(t)
		began := time.Now()
		lines := bufio.NewScanner(body)
		for _, want := range []struct {
			line string
			at   time.Duration
		}{
			{"retry: 2000", 0}, {"", 0},
			{"data: hello", 10 * time.Second}, {"", 10 * time.Second},
			{":", 25 * time.Second}, {"", 25 * time.Second},
			{":", 40 * time.Second}, {"", 40 * time.Second},
		} {
			require.True(t, lines.Scan())
			require.Equal(t, want.line, lines.Text())
			require.Equal(t, want.at, time.Since(began))
		}
	})
}

func TestStreamLeavesAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type end struct {
			sent error
			took time.Duration
			ctx  error
		}
		ended := make(chan end, 1)
		server := serveOnPipes(t, func(s *EventStream, r *http.Request) error {
			began := time.Now()
			err := s.Send(Event{Data: bytes.Repeat([]byte("x"), 1<<20)})
			ended <- end{err, time.Since(began), r.Context().Err()}
			return err
		})
		server.open(t)
		got := <-ended
		require.Error(t, got.sent)
		require.Equal(t, eventTimeout, got.took)
		require.ErrorIs(t, got.ctx, context.Canceled)
		require.Less(t, server.down(t), time.Second)
	})
}

func TestStreamGivesEachEventItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const count = 20
		server := serveOnPipes(t, func(s *EventStream, _ *http.Request) error {
			events := make([]Event, count)
			for i := range events {
				events[i].Data = bytes.Repeat([]byte("x"), 64<<10)
			}
			return s.Send(events...)
		})
		body := server.open(t)
		// Each takes nearly all of its time, all together far more than one has.
		lines := bufio.NewReader(body)
		for received := 0; received < count; {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			if strings.HasPrefix(line, "data") {
				received++
				<-time.After(eventTimeout - time.Second)
			}
		}
	})
}

func TestShutdownEndsStreamsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := serveOnPipes(t, stay)
		body := server.open(t)
		content := make(chan string, 1)
		go func() {
			read, err := io.ReadAll(body)
			if err != nil {
				read = append(read, err.Error()...)
			}
			content <- string(read)
		}()
		synctest.Wait()
		// net/http looks for connections that have become idle ever more rarely; the
		// first looks are milliseconds apart.
		require.Less(t, server.down(t), 100*time.Millisecond)
		require.Equal(t, "retry: 2000\n\ndata: hello\n\n", <-content, "it ends in good order")
	})
}

func TestShutdownDoesNotWaitForAStreamThatNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := serveOnPipes(t, func(s *EventStream, _ *http.Request) error {
			return s.Send(Event{Data: bytes.Repeat([]byte("x"), 1<<20)})
		})
		server.open(t)
		synctest.Wait()
		require.Less(t, server.down(t), 2*partingTimeout)
	})
}

// A client whose stream is ended before it began connects again; one that gets a 503
// would not.
func TestShutdownBeforeAStreamHasBegun(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	b := setup(t, streamOf(func(_ *EventStream, r *http.Request) error {
		close(arrived)
		<-r.Context().Done()
		return r.Context().Err()
	}))
	down := make(chan error, 1)
	go func() {
		<-arrived
		down <- b.Shutdown(context.Background())
	}()
	reply := b.do(t, "GET", "/x", "")
	require.Equal(t, 200, reply.StatusCode)
	require.Equal(t, "text/event-stream", reply.Header.Get("Content-Type"))
	require.NoError(t, <-down)
}
