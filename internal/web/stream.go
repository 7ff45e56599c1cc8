package web

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// heartbeat is the longest that a stream is silent. Proxies and home routers
	// forget connections that are, the shortest-lived after half a minute, and a client
	// that has vanished is noticed by nothing but a write.
	heartbeat = 15 * time.Second
	// eventTimeout is how long a client may take to make room for one event.
	eventTimeout = 10 * time.Second
	// partingTimeout is what is left of that once the stream is to end: enough for a
	// client that reads. One that does not must not hold up a shutdown.
	partingTimeout = time.Second
	// reconnectAfter is how long EventSource waits before it connects again.
	reconnectAfter = 2 * time.Second
)

// EventStream is an answer that goes on: server-sent events, each sent at once. Get
// one from [Stream]. It is safe for concurrent use.
type EventStream struct {
	w       *response
	request *http.Request
	control *http.ResponseController
	cancel  context.CancelFunc // ends the request's context
	seat    streamSeat

	mu    sync.Mutex // held while something is written
	begun bool
	over  bool
	beat  *time.Timer // of the next heartbeat

	deadline deadline
}

// Stream makes a handler of a function that sends events until it returns or the
// context of its request ends. The context ends when
//   - the client is gone, or takes more than 10 s to make room for an event;
//   - [Server.Shutdown] begins, which does not wait for streams: clients connect
//     again, with the last id they have, to whoever answers then;
//   - the request is a HEAD and the stream has begun: its headers are all that was
//     asked for.
//
// There is no other limit, not that of requests either: f bounds by itself what it
// does before the stream begins. While nothing is sent, a comment every 15 s keeps the
// connection.
//
// An error that f returns before the stream has begun becomes a [Problem], as with
// [Handle]; after that the stream is cut off, and the error logged. What f returns once
// the context has ended is of no interest.
//
// Streams are not in the histogram of requests; bookstore_http_streams_open counts
// those there are.
func Stream(f func(s *EventStream, r *http.Request) error) http.Handler {
	return Handle(func(w http.ResponseWriter, r *http.Request) error {
		seat := seatOf(r)
		ctx, cancel := seat.context(r)
		defer cancel()
		r = r.WithContext(ctx)
		s := &EventStream{
			w: newResponse(w), request: r, control: http.NewResponseController(w), cancel: cancel, seat: seat,
		}
		s.deadline.set = s.control.SetWriteDeadline
		defer s.end()
		defer context.AfterFunc(ctx, s.deadline.part)()
		if err := f(s, r); err != nil && ctx.Err() == nil {
			return err
		}
		// EventSource never connects again after any other answer, and a stream that a
		// shutdown ends before it has begun is no failure.
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.begin() // a client that is gone has nothing to be told
		return nil
	})
}

// Begin sends the headers, so that the client knows that all is well before there is
// an event, and does nothing when that is done. [EventStream.Send] and
// [EventStream.Mark] do so themselves. It fails when the request's context has ended,
// or ends with it.
func (s *EventStream) Begin() error { return s.write() }

// Send sends events, each with its own time to get through, and returns when all have
// left. It fails when the request's context has ended, or ends with it; and with a
// [*EventError], having sent nothing, when an event can't be written.
func (s *EventStream) Send(events ...Event) error {
	blocks := make([][]byte, len(events))
	for i, e := range events {
		if err := e.check(); err != nil {
			return err
		}
		blocks[i] = e.block()
	}
	return s.write(blocks...)
}

// Mark gives the client an id to send as Last-Event-ID without an event that it would
// notice. It fails as [EventStream.Send] does.
func (s *EventStream) Mark(id string) error {
	if err := (Event{ID: id}).check(); err != nil {
		return err
	}
	// Without data nothing is dispatched, but the id is taken over.
	return s.write([]byte("id: " + id + "\n\n"))
}

// write begins the stream if need be and sends blocks of lines.
func (s *EventStream) write(blocks ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.request.Context().Err(); err != nil {
		return fmt.Errorf("send events: %w", err)
	}
	if err := s.begin(); err != nil {
		return err
	}
	return s.pass(blocks...)
}

// begin sends the headers, and what EventSource is to know, unless that is done.
func (s *EventStream) begin() error {
	if s.begun {
		return nil
	}
	s.begun, s.w.streaming = true, true
	s.seat.opened(routeLabel(s.w), 1)
	s.beat = time.AfterFunc(heartbeat, s.keepAlive)

	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	// A proxy that compresses or buffers holds events back until it has enough of them.
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	if err := s.pass(fmt.Appendf(nil, "retry: %d\n\n", reconnectAfter.Milliseconds())); err != nil {
		return err
	}
	if s.request.Method == http.MethodHead {
		s.cancel()
	}
	return nil
}

// keepAlive is what happens when nothing else does.
func (s *EventStream) keepAlive() {
	if !s.mu.TryLock() {
		return // something is being written, which sets the timer anew
	}
	defer s.mu.Unlock()
	if !s.over {
		_ = s.pass([]byte(":\n\n")) // which ends the stream if it fails
	}
}

// pass writes blocks of lines, and ends the stream when that fails.
func (s *EventStream) pass(blocks ...[]byte) error {
	for _, block := range blocks {
		s.deadline.extend()
		if _, err := s.w.Write(block); err != nil {
			s.cancel()
			return fmt.Errorf("send events: %w", err)
		}
	}
	s.deadline.extend()
	if err := s.control.Flush(); err != nil {
		s.cancel()
		return fmt.Errorf("send events: %w", err)
	}
	s.beat.Reset(heartbeat)
	return nil
}

// end is the last that happens: net/http takes the connection back.
func (s *EventStream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.deadline.release()
	if s.begun {
		s.beat.Stop()
		s.seat.opened(routeLabel(s.w), -1)
	}
}

// deadline is until when a write to the client must be done. Whoever ends the stream
// moves it while a write is under way.
type deadline struct {
	set func(time.Time) error

	mu       sync.Mutex
	parting  bool // the stream is to end
	released bool // the connection may be another request's
}

// extend gives the next write its time. A connection that can't have a deadline
// doesn't need one: nobody is at the other end, or nobody is left.
func (d *deadline) extend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.parting {
		_ = d.set(time.Now().Add(eventTimeout))
	}
}

// part leaves little time to what is being written and what is still to come.
func (d *deadline) part() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.released {
		d.parting = true
		_ = d.set(time.Now().Add(partingTimeout))
	}
}

func (d *deadline) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released = true
}
