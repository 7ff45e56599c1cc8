package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// item is a record, and what is shown of it. It is made out once, when somebody looks,
// for all who do.
type item struct {
	record events.Record

	once   sync.Once
	event  web.Event
	silent bool // nothing in the catalogue has changed
	entry  Entry
}

func newItem(r events.Record) *item { return &item{record: r} }

// change returns the event of the stream, without an id, and false for a record that
// has none.
func (i *item) change() (web.Event, bool) {
	i.once.Do(i.makeOut)
	return i.event, !i.silent
}

// asEntry returns the line of the log's tail.
func (i *item) asEntry() Entry {
	i.once.Do(i.makeOut)
	return i.entry
}

func (i *item) makeOut() {
	recorded, err := events.DecodeEvent(i.record)
	if err == nil {
		i.event, err = changeOf(recorded)
	}
	if err != nil {
		i.event, i.entry = unreadable(i.record, err)
		return
	}
	i.entry = entryOf(recorded)
	_, i.silent = recorded.Event.(events.CommandRejected)
}

// nameUnreadable is the name of an event that stands for a record that can't be read.
const nameUnreadable = "unreadable"

// Unreadable is the data of an event that stands for a record that can't be read.
type Unreadable struct {
	Position string    `json:"position"` // partition.offset
	At       time.Time `json:"at"`       // when it was written
	Error    string    `json:"error"`
}

func unreadable(r events.Record, cause error) (web.Event, Entry) {
	u := Unreadable{Position: r.Position().String(), At: r.Timestamp.UTC(), Error: cause.Error()}
	data, _ := json.Marshal(u) // strings and a time
	entry := Entry{Position: u.Position, At: u.At, Type: r.Header(events.HeaderType), Error: u.Error}
	return web.Event{Name: nameUnreadable, Data: data}, entry
}

// Change is the data of an event: a CloudEvent 1.0 in JSON (CloudEvents JSON event
// format, section 3), of the schema version that is written today, whatever is in the
// log. The extensions are those of the record, by the same names.
type Change struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	Type            string `json:"type"`
	Subject         string `json:"subject"` // the book's id
	Time            string `json:"time"`
	DataContentType string `json:"datacontenttype"`

	Traceparent      string `json:"traceparent,omitempty"`
	CorrelationID    string `json:"correlationid,omitempty"`
	Actor            string `json:"actor,omitempty"`
	CommandID        string `json:"commandid,omitempty"`
	CommandHash      string `json:"commandhash,omitempty"`
	CommandPartition string `json:"commandpartition,omitempty"`
	CommandOffset    string `json:"commandoffset,omitempty"`

	Data events.Event `json:"data"`
}

// changeOf makes the event of the stream.
func changeOf(r events.Recorded) (web.Event, error) {
	c := Change{
		SpecVersion: "1.0", ID: r.ID, Source: r.Source, Type: r.Type, Subject: r.Subject, Time: events.FormatTime(r.Time),
		DataContentType: "application/json",
		Traceparent:     r.Traceparent, CorrelationID: r.CorrelationID, Actor: r.Actor, Data: r.Event,
	}
	if r.Cause != nil {
		c.CommandID, c.CommandHash = r.Cause.CommandID, r.Cause.Hash
		c.CommandPartition, c.CommandOffset = fmt.Sprint(r.Cause.Position.Partition), fmt.Sprint(r.Cause.Position.Offset)
	}
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // the "&" of a title is no HTML here
	if err := encoder.Encode(c); err != nil {
		return web.Event{}, fmt.Errorf("write %s as JSON: %w", r.Type, err)
	}
	return web.Event{Name: r.Type, Data: bytes.TrimSuffix(data.Bytes(), []byte("\n"))}, nil
}

// Entry is a record of the log, in short. What a record does not have is left out.
type Entry struct {
	Position  string    `json:"position"`       // partition.offset
	At        time.Time `json:"at"`             // when it happened; of what can't be read, when it was written
	Type      string    `json:"type,omitempty"` // of what can't be read, as its header has it
	BookID    int64     `json:"book_id,omitempty"`
	Version   int64     `json:"version,omitempty"` // of the book, with this
	Title     string    `json:"title,omitempty"`
	Actor     string    `json:"actor,omitempty"`
	CommandID string    `json:"command_id,omitempty"`
	Reason    string    `json:"reason,omitempty"` // for which a command was rejected
	Error     string    `json:"error,omitempty"`  // why the record can't be read
}

func entryOf(r events.Recorded) Entry {
	entry := Entry{Position: r.Position.String(), At: r.Time, Type: r.Type, BookID: r.Event.Book(), Actor: r.Actor}
	if r.Cause != nil {
		entry.CommandID = r.Cause.CommandID
	}
	switch e := r.Event.(type) {
	case events.BookCreated:
		entry.Version, entry.Title = e.Version, e.Title
	case events.BookUpdated:
		entry.Version, entry.Title = e.Version, e.Title
	case events.BookDeleted:
		entry.Version = e.Version
	case events.CommandRejected:
		entry.Reason = string(e.Code)
	}
	return entry
}
