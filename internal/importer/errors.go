package importer

import (
	"fmt"
	"time"
)

// GaveUpError says that the service did not take a request for as long as an
// import tries. What was imported stays; running it again goes on from there.
type GaveUpError struct {
	URL   string
	After time.Duration
	Err   error // of the last attempt
}

func (e *GaveUpError) Error() string {
	return fmt.Sprintf("%s took no request for %s: %v; once it runs, the same import again adds what is missing",
		e.URL, e.After.Round(time.Millisecond), e.Err)
}

// Unwrap returns the error of the last attempt.
func (e *GaveUpError) Unwrap() error { return e.Err }

// StatusError is an HTTP answer that is not what was asked for.
type StatusError struct {
	Status int
	Reason string // from the answer, if it gives one
}

func (e *StatusError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("it answered %d", e.Status)
	}
	return fmt.Sprintf("it answered %d: %s", e.Status, e.Reason)
}

// NotBookstoreError says that what listens at the URL doesn't know books, or not
// for us. No row would fare better than the first.
type NotBookstoreError struct {
	URL    string
	Answer *StatusError
}

func (e *NotBookstoreError) Error() string {
	return fmt.Sprintf("%s is not a bookstore's address: %v; give the right one with --url", e.URL, e.Answer)
}

// Unwrap returns the answer.
func (e *NotBookstoreError) Unwrap() error { return e.Answer }
