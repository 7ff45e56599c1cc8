package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Answer is what a route has answered to [Call].
type Answer struct {
	Status int // below 400
	Header http.Header
	Body   []byte
}

// Call asks a route of this process what a client would ask over the network: without
// the network, and within the request whose context r has. The answer is kept in memory,
// so it is not for streams.
//
// Where the answer is 400 or above, it fails with its [*Problem], and what was the reason
// for a 5xx is in the error's chain for the log of the request that needed it.
func Call(h http.Handler, r *http.Request) (answer Answer, err error) {
	kept := &keptAnswer{header: make(http.Header)}
	inner := newResponse(kept)
	defer func() {
		// How a route says that nobody is there to be answered.
		if value := recover(); value != nil {
			if aborted, is := value.(error); !is || !errors.Is(aborted, http.ErrAbortHandler) {
				panic(value)
			}
			answer, err = Answer{}, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, errors.Join(r.Context().Err(), inner.err, http.ErrAbortHandler))
		}
	}()
	h.ServeHTTP(inner, r)
	answer = Answer{Status: max(inner.status, http.StatusOK), Header: kept.header, Body: kept.body.Bytes()}
	if answer.Status < http.StatusBadRequest {
		return answer, nil
	}
	problem := new(Problem)
	if err := json.Unmarshal(answer.Body, problem); err != nil || problem.Status == 0 {
		return Answer{}, fmt.Errorf("%s %s: answered %d and no problem that can be read", r.Method, r.URL.Path, answer.Status)
	}
	if seconds, err := strconv.Atoi(kept.header.Get("Retry-After")); err == nil {
		problem.RetryAfter = time.Duration(seconds) * time.Second
	}
	return Answer{}, &callError{problem, inner.err}
}

// callError is a problem, and what it comes from, if anybody said.
type callError struct {
	problem *Problem
	cause   error
}

func (e *callError) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%v (%v)", e.problem, e.cause)
	}
	return e.problem.Error()
}

func (e *callError) Unwrap() []error {
	if e.cause != nil {
		return []error{e.problem, e.cause}
	}
	return []error{e.problem}
}

// keptAnswer is a ResponseWriter that sends nothing.
type keptAnswer struct {
	header http.Header
	body   bytes.Buffer
}

func (k *keptAnswer) Header() http.Header         { return k.header }
func (k *keptAnswer) Write(b []byte) (int, error) { return k.body.Write(b) }
func (k *keptAnswer) WriteHeader(int)             {} // noted by the response around it
