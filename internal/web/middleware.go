package web

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"time"
)

// middleware wraps the router. From the outside in:
//
//  1. correlate, then joinTrace: whatever happens further in can be named.
//  2. setHeaders: every answer has them, also those of the layers below.
//  3. observe (log and metrics): outside of recoverPanic, to see the 500 that a
//     panic becomes; inside of correlate, to log the id.
//  4. recoverPanic: outside of all that could panic.
//  5. limit (time, size of the body): inside of recoverPanic and observe, since
//     it refuses requests; outside of the routes, so that none can forget it.
//  6. route, and in it noteRoute, which only mux can run: it knows the route.
//  7. [Handle], around each function: an error becomes an answer as far inside as
//     can be, so that all layers see an ordinary one.
func (s *Server) middleware(next http.Handler) http.Handler {
	for _, layer := range []func(http.Handler) http.Handler{ // from the inside out
		limit(s.timeouts.Handle, s.maxBodyBytes, s.streams),
		recoverPanic,
		observe(s.logger, s.durations),
		setHeaders,
		joinTrace,
		correlate,
	} {
		next = layer(next)
	}
	return next
}

// setHeaders sets what holds for every answer, unless its handler knows better.
func setHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		// JSON that holds a stranger's title must never run as a page.
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		// Without this a cache may guess how long an answer stays good, and a client
		// would not read its own write.
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// recoverPanic turns a panic into a 500 for this request alone.
func recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := newResponse(w)
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) { // meant to cut the connection
				panic(value)
			}
			answer.err = &panicked{value: value, stack: debug.Stack()}
			fail(answer, r, answer.err, writeProblem)
		}()
		next.ServeHTTP(answer, r)
	})
}

// limit bounds what one request can take: the time of its context, and the bytes
// of its body. A [Stream] gets the context from before: it ends with its client.
func limit(longest time.Duration, maxBodyBytes int64, streams *streamHost) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return Handle(func(w http.ResponseWriter, r *http.Request) error {
			ctx, cancel := context.WithTimeout(streams.seat(r.Context()), longest)
			defer cancel()
			if r.ContentLength > maxBodyBytes {
				return tooLarge(w, maxBodyBytes)
			}
			r = r.WithContext(ctx)
			r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
			next.ServeHTTP(w, r)
			return nil
		})
	}
}
