package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"bookstore/internal/events"
)

// writeLine prints a record for people.
func writeLine(out io.Writer, r events.Record) {
	fmt.Fprintf(out, "%s  %-9s  %s\n", happened(r).UTC().Format("2006-01-02T15:04:05.000Z"), r.Position(), printable(sentence(r)))
}

// happened is when, by the message itself; the record's own time is that of its
// last publication.
func happened(r events.Record) time.Time {
	if at, err := events.ParseTime(r.Header(events.HeaderTime)); err == nil {
		return at
	}
	return r.Timestamp
}

// sentence says what happened, by whom.
func sentence(r events.Record) string {
	kind := r.Header(events.HeaderType)
	var what string
	var err error
	switch kind {
	case events.TypeSearchServed:
		what, err = searchSentence(r)
	case events.TypeBookOpened:
		what, err = openSentence(r)
	case events.TypeCreateBook, events.TypeUpdateBook, events.TypeDeleteBook:
		what, err = commandSentence(r)
	default:
		what, err = eventSentence(r)
	}
	if err != nil {
		return "CAN'T BE READ: " + err.Error()
	}
	if actor := r.Header(events.HeaderActor); actor != "" {
		what += " by " + actor
	}
	return what
}

func eventSentence(r events.Record) (string, error) {
	recorded, err := events.DecodeEvent(r)
	if err != nil {
		return "", err
	}
	switch e := recorded.Event.(type) {
	case events.BookCreated:
		return fmt.Sprintf("created   book %d v%d  %q", e.ID, e.Version, e.Title), nil
	case events.BookUpdated:
		return fmt.Sprintf("updated   book %d v%d  %q", e.ID, e.Version, e.Title), nil
	case events.BookDeleted:
		return fmt.Sprintf("deleted   book %d v%d", e.ID, e.Version), nil
	case events.CommandRejected:
		return fmt.Sprintf("rejected  book %d v%d  %s: %s", e.ID, e.CurrentVersion, e.CommandType, e.Code), nil
	}
	return recorded.Type, nil
}

func commandSentence(r events.Record) (string, error) {
	issued, err := events.DecodeCommand(r)
	if err != nil {
		return "", err
	}
	switch c := issued.Command.(type) {
	case events.CreateBook:
		return fmt.Sprintf("create    book %d  %q", c.ID, c.Title), nil
	case events.UpdateBook:
		return fmt.Sprintf("update    book %d  %q%s", c.ID, c.Title, condition(c.IfMatch)), nil
	case events.DeleteBook:
		return fmt.Sprintf("delete    book %d%s", c.ID, condition(c.IfMatch)), nil
	}
	return issued.Type, nil
}

func condition(versions []int64) string {
	if len(versions) == 0 {
		return ""
	}
	return fmt.Sprintf(" if at version %d", versions)
}

func searchSentence(r events.Record) (string, error) {
	s, err := events.DecodeSearch(r)
	if err != nil {
		return "", err
	}
	what := fmt.Sprintf("searched  %q  %d books from %d", s.Query, len(s.Books), s.Offset)
	if s.UserID != "" {
		what += " by " + s.UserID
	}
	return what, nil
}

func openSentence(r events.Record) (string, error) {
	o, err := events.DecodeOpened(r)
	if err != nil {
		return "", err
	}
	what := fmt.Sprintf("opened    book %d", o.Book)
	if o.UserID != "" {
		what += " by " + o.UserID
	}
	return what, nil
}

// jsonRecord is a record as JSON, in the manner of a CloudEvent in structured
// mode: bytes that are no text, or no JSON, are in base64.
type jsonRecord struct {
	Topic       string            `json:"topic"`
	Partition   int32             `json:"partition"`
	Offset      int64             `json:"offset"`
	Timestamp   time.Time         `json:"timestamp"`
	Headers     map[string]string `json:"headers"`
	Key         *string           `json:"key,omitempty"`
	KeyBase64   []byte            `json:"key_base64,omitempty"`
	Value       json.RawMessage   `json:"value,omitempty"`
	ValueBase64 []byte            `json:"value_base64,omitempty"`
}

// writeJSON prints a record for programs.
func writeJSON(out io.Writer, r events.Record) {
	record := jsonRecord{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UTC(),
		Headers: make(map[string]string, len(r.Headers)),
	}
	for _, h := range r.Headers {
		record.Headers[h.Key] = h.Value
	}
	if utf8.Valid(r.Key) {
		record.Key = new(string(r.Key))
	} else {
		record.KeyBase64 = r.Key
	}
	if json.Valid(r.Value) && utf8.Valid(r.Value) {
		record.Value = r.Value
	} else {
		record.ValueBase64 = r.Value
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil { // a valid record always can be
		fmt.Fprintf(&line, "{\"error\": %q}\n", err)
	}
	fmt.Fprintln(out, printableJSON(string(bytes.TrimSuffix(line.Bytes(), []byte("\n")))))
}
