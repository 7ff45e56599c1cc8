package web

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an error as a client sees it: RFC 9457, application/problem+json.
// It is an error, so that a handler just returns it; whatever it holds is fit
// for the client.
type Problem struct {
	// Type is a URI-reference that names the kind of problem, one of the Type
	// constants. It leads to that kind's paragraph in /docs. Clients compare it.
	Type string `json:"type"`
	// Title says what kind of problem it is; the same for every problem of a Type.
	Title string `json:"title"`
	// Status is the HTTP status code, 400..599.
	Status int `json:"status"`
	// Detail says what went wrong this time and what helps.
	Detail string `json:"detail,omitempty"`
	// Instance is the path that was asked for. [Handle] fills it in.
	Instance string `json:"instance,omitempty"`
	// CorrelationID finds the request in the log. [Handle] fills it in.
	CorrelationID string `json:"correlation_id,omitempty"`
	// Errors are all faults that were found, by field.
	Errors []FieldError `json:"errors,omitempty"`
	// RetryAfter, when above 0, is sent as the header Retry-After in whole
	// seconds, rounded up: RFC 9110 knows no fractions.
	RetryAfter time.Duration `json:"-"`
}

// FieldError is one fault of the input.
type FieldError struct {
	// Field is a member of the body ("title"), a query parameter ("limit"), a
	// header ("If-Match") or a part of the path ("id").
	Field string `json:"field"`
	// Message completes "<field> ...": "must not be empty".
	Message string `json:"message"`
}

// Error gives the problem in one line, for logs.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for i, e := range p.Errors {
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		b.WriteString(separator + e.Field + " " + e.Message)
	}
	return b.String()
}

// write sends the problem. Whether the client is still there to read it is not
// known, and nothing can be done if not.
func (p *Problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // strings and numbers only: cannot happen
		http.Error(w, http.StatusText(p.Status), p.Status)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	// A failure is of the moment; a cache that keeps it keeps it failing.
	header.Set("Cache-Control", "no-store")
	// What the handler had prepared describes the answer it did not give.
	header.Del("ETag")
	header.Del("Last-Modified")
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// newProblem makes a problem of a type that is in [problemKinds].
func newProblem(kind, detail string) *Problem {
	k := problemKinds[kind]
	return &Problem{Type: kind, Title: k.title, Status: k.status, Detail: detail}
}

// BadRequest is for a request that cannot be read: bad parameters, bad headers,
// a body that is not JSON.
func BadRequest(detail string, fields ...FieldError) *Problem {
	p := newProblem(TypeBadRequest, detail)
	p.Errors = fields
	return p
}

// Unprocessable is for a body that can be read and asks for what cannot be. It
// takes at least one field.
func Unprocessable(fields ...FieldError) *Problem {
	p := newProblem(TypeInvalidFields, "Nothing was written. See errors for each field that must change.")
	p.Errors = fields
	return p
}

// NotFound is for what is not there: a book, a rebuild, a path.
func NotFound(detail string, fields ...FieldError) *Problem {
	p := newProblem(TypeNotFound, detail)
	p.Errors = fields
	return p
}

// Conflict is for a command, or an operator's order, that the present state does not
// allow.
func Conflict(detail string) *Problem { return newProblem(TypeConflict, detail) }

// PreconditionFailed is for an If-Match that names no version the book has.
func PreconditionFailed(detail string) *Problem { return newProblem(TypePreconditionFailed, detail) }

// PayloadTooLarge is for a body of more than limit bytes.
func PayloadTooLarge(limit int64) *Problem {
	return newProblem(TypePayloadTooLarge, fmt.Sprintf("The body may have at most %d bytes.", limit))
}

// UnsupportedMediaType is for a body that does not say it is JSON; got is the
// Content-Type it came with, which may be empty.
func UnsupportedMediaType(got string) *Problem {
	detail := "Send JSON with Content-Type: application/json."
	if got != "" {
		detail = fmt.Sprintf("The body is %q. %s", printable(got), detail)
	}
	return newProblem(TypeUnsupportedMediaType, detail)
}

// IdempotencyKeyReused is for an Idempotency-Key that came before, with other
// content.
func IdempotencyKeyReused() *Problem {
	p := newProblem(TypeIdempotencyKeyReused, "Nothing was written. Use a new key for a new request; repeat a request byte for byte under its old one.")
	p.Errors = []FieldError{{"Idempotency-Key", "was used before for a request that asked for something else"}}
	return p
}

// Unavailable is for what cannot be done now and can be again by itself.
func Unavailable(detail string, retryAfter time.Duration) *Problem {
	p := newProblem(TypeUnavailable, detail)
	p.RetryAfter = retryAfter
	return p
}

// ReadModelBehind is for a Consistency-Token whose write the read model has not
// reached within the time that a query waits for it.
func ReadModelBehind(waited, retryAfter time.Duration) *Problem {
	p := newProblem(TypeReadModelBehind, fmt.Sprintf(
		"The write that the Consistency-Token names is safe but not readable yet, after %s. Ask again, or leave the header out to read what is there.", waited))
	p.RetryAfter = retryAfter
	return p
}

// printable makes a client's text fit for an answer: bounded, valid UTF-8.
func printable(s string) string {
	const most = 80
	s = strings.ToValidUTF8(s, "\uFFFD")
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
