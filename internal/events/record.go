package events

import (
	"errors"
	"fmt"
	"time"
)

// Header is one Kafka record header. The order of headers is kept, so that the
// same message always gives the same bytes.
type Header struct {
	Key   string
	Value string
}

// Record is a message as it lies in the log: raw bytes and where they are.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time // when the broker or producer stamped it, not when the event happened
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Header returns the value of the first header named key, and "" where there is none.
func (r Record) Header(key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// Position returns where the record lies in its topic.
func (r Record) Position() Position {
	return Position{Partition: r.Partition, Offset: r.Offset}
}

// Size is about how many bytes the record holds in memory.
func (r Record) Size() int {
	size := len(r.Key) + len(r.Value) + 128
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + 32
	}
	return size
}

// DecodeError says that a record is not what the contract allows. It does not
// pass with time: the same bytes fail again until code that understands them runs.
type DecodeError struct {
	Topic    string
	Position Position
	Reason   string
	Err      error // may be nil
}

func (e *DecodeError) Error() string {
	msg := fmt.Sprintf("decode record %s/%s: %s", e.Topic, e.Position, e.Reason)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause, if any.
func (e *DecodeError) Unwrap() error { return e.Err }

func (r Record) decodeError(reason string, err error) *DecodeError {
	return &DecodeError{Topic: r.Topic, Position: r.Position(), Reason: reason, Err: err}
}

// What writing to the log can fail with. Both pass with time.
var (
	// ErrLogUnavailable: the log could not be reached and nothing was written.
	ErrLogUnavailable = errors.New("the log cannot be reached")
	// ErrMaybeWritten: no answer came in time. What was sent may still arrive; only
	// a retry under the same id is safe.
	ErrMaybeWritten = errors.New("the log did not confirm the write in time")
)
