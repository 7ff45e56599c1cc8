package web

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
)

// Event is a server-sent event (WHATWG HTML, section 9.2).
type Event struct {
	// ID is what the client has seen with this event, and sends as Last-Event-ID when it
	// connects again. "" leaves the one before in force.
	ID string
	// Name is what the client's listeners are registered for; "" is "message".
	Name string
	// Data is any text in UTF-8, which may be empty. The client gets each line break in
	// it (CR LF, CR or LF) as LF.
	Data []byte
}

// EventError says that an event has a line break or a NUL in its ID or Name, which
// the format can't carry: they would end the line, or be ignored.
type EventError struct {
	ID, Name string
}

func (e *EventError) Error() string {
	return fmt.Sprintf("a line break or NUL in the name %q or the id %q of a server-sent event", e.Name, e.ID)
}

// check fails with an [*EventError].
func (e Event) check() error {
	if strings.ContainsAny(e.ID+e.Name, "\r\n\x00") {
		return &EventError{ID: e.ID, Name: e.Name}
	}
	return nil
}

// block returns the event's lines and the empty one behind them, which is what makes
// the client dispatch it.
func (e Event) block() []byte {
	var b bytes.Buffer
	if e.ID != "" {
		b.WriteString("id: " + e.ID + "\n")
	}
	if e.Name != "" {
		b.WriteString("event: " + e.Name + "\n")
	}
	for line := range lines(e.Data) {
		// The client drops one space behind the colon: without this, one of the data's.
		b.WriteString("data: ")
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// lines yields what lies between line breaks as the format knows them; of no data at
// all one empty line, as an event without any would not be dispatched.
func lines(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			i := bytes.IndexAny(data, "\r\n")
			if i < 0 {
				yield(data)
				return
			}
			if !yield(data[:i]) {
				return
			}
			if bytes.HasPrefix(data[i:], []byte("\r\n")) {
				i++
			}
			data = data[i+1:]
		}
	}
}
