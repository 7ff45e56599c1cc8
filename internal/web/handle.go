package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/telemetry"
)

// retryAfter is what a 503 asks a client to wait where the error itself does
// not say: long enough to not add to the trouble, short enough for a restart of
// the broker or the database to be hardly noticed.
const retryAfter = 2 * time.Second

// statusClientGone is what the access log and the metrics say of a request whose
// client left before the answer. It is never sent: nobody is there to read it.
const statusClientGone = 499

// Handle makes an http.Handler of a function that returns its failure. It is
// the one place that turns errors into statuses; an error that is not known
// here becomes a 500 that tells the client nothing but where to find it in the
// log.
//
// A function that returns an error should not have written anything yet. If it
// has, the connection is cut (by panicking with [http.ErrAbortHandler]), so that
// the client does not take half an answer for a whole one. The same happens when
// the client is gone.
//
// What made an answer a 500 is logged by the middleware of [Server], once,
// together with the request; without that middleware nothing is logged.
func Handle(f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return HandlePage(f, writeProblem)
}

func writeProblem(w http.ResponseWriter, _ *http.Request, p *Problem) { p.write(w) }

// HandlePage is [Handle] for those who are shown a problem by a page, which show writes.
func HandlePage(f func(w http.ResponseWriter, r *http.Request) error, show func(http.ResponseWriter, *http.Request, *Problem)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := newResponse(w)
		if err := f(answer, r); err != nil {
			fail(answer, r, err, show)
		}
	})
}

// fail answers with what went wrong, or cuts the connection where that would be
// a lie.
func fail(w *response, r *http.Request, err error, show func(http.ResponseWriter, *http.Request, *Problem)) {
	p := *problemOf(r, err) // a copy: an error may be shared between requests
	// net/http cancels the context when the client leaves, and also when the body
	// does not arrive; in the second case the client is there and gets its 4xx.
	if p.Status >= http.StatusInternalServerError && errors.Is(r.Context().Err(), context.Canceled) {
		// Every other error is a consequence. A return would send "200 OK" with no
		// body, which a client that only closed its sending side would read as success.
		w.status = statusClientGone
		panic(http.ErrAbortHandler)
	}
	if p.Status >= http.StatusInternalServerError {
		w.err = err
	}
	if w.status != 0 {
		w.err = err
		panic(http.ErrAbortHandler)
	}
	p.Instance = r.URL.EscapedPath()
	p.CorrelationID = telemetry.CorrelationID(r.Context())
	show(w, r, &p)
}

// problemOf maps an error to what the client may know of it.
func problemOf(r *http.Request, err error) *Problem {
	var problem *Problem
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.Is(err, events.ErrMaybeWritten):
		return maybeWritten("The log did not confirm the write in time, and it may still arrive.")
	case errors.Is(err, events.ErrLogUnavailable):
		return Unavailable("The log cannot be reached. Nothing was written.", retryAfter)
	case errors.Is(r.Context().Err(), context.DeadlineExceeded):
		return interrupted(r, "The answer took longer than a request may take.")
	case postgres.IsTransient(err):
		return interrupted(r, "The database cannot be reached.")
	default:
		return newProblem(TypeInternal, "The log of the service tells more under this correlation_id.")
	}
}

// interrupted is for what stopped a request half-way. A write may have reached
// the log before that, and a client that is told otherwise would do it twice.
func interrupted(r *http.Request, what string) *Problem {
	if readOnly(r.Method) {
		return Unavailable(what, retryAfter)
	}
	return maybeWritten(what + " The write may have got through before that.")
}

func maybeWritten(what string) *Problem {
	p := newProblem(TypeMaybeWritten, what+" Retrying with the same Idempotency-Key is safe: it takes effect once.")
	p.RetryAfter = retryAfter
	return p
}

// readOnly tells the methods that change nothing (RFC 9110, section 9.2.1).
func readOnly(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
