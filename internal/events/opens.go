package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// TypeBookOpened is the type of every record on the opens topic.
const TypeBookOpened = "bookstore.book.opened.v1"

// BookOpened says that a reader looked at a book. It is no step in the book's
// history, which readers don't change, and so is on a topic of its own.
type BookOpened struct {
	ID     string // unique; consumers that want each open once compare it
	At     time.Time
	Book   int64  // its id, 1 or more
	UserID string // "" where the user is not known

	Traceparent   string
	CorrelationID string
}

// opened is the value of the record: what consumers may come to know of an open
// later is added to it.
type opened struct {
	BookID int64 `json:"book_id"`
}

// Key is the record key: the book's id, and ":uid" behind it when the user is
// known. An id has no ":", so the first one always ends it.
func (o BookOpened) Key() string {
	key := strconv.FormatInt(o.Book, 10)
	if o.UserID != "" {
		key += ":" + o.UserID
	}
	return key
}

// EncodeOpened writes an open.
func EncodeOpened(o BookOpened) (Encoded, error) {
	value, err := marshal(opened{BookID: o.Book})
	if err != nil {
		return Encoded{}, fmt.Errorf("encode opening %s of book %d: %w", o.ID, o.Book, err)
	}
	headers := Envelope{
		ID: o.ID, Type: TypeBookOpened, Source: SourceQuery, Time: o.At,
		Subject: strconv.FormatInt(o.Book, 10), Traceparent: o.Traceparent, CorrelationID: o.CorrelationID,
	}.Headers()
	if o.UserID != "" {
		headers = append(headers, Header{HeaderUserID, o.UserID})
	}
	return Encoded{Key: []byte(o.Key()), Value: value, Headers: headers}, nil
}

// DecodeOpened reads a record of the opens topic. It fails with a [*DecodeError].
func DecodeOpened(r Record) (BookOpened, error) {
	envelope, err := parseEnvelope(r.Headers)
	if err != nil {
		return BookOpened{}, r.decodeError("bad CloudEvents headers", err)
	}
	if envelope.Type != TypeBookOpened {
		return BookOpened{}, r.decodeError("unknown type "+strconv.Quote(envelope.Type), nil)
	}
	var value opened
	if err := json.Unmarshal(r.Value, &value); err != nil {
		return BookOpened{}, r.decodeError("bad JSON", err)
	}
	if value.BookID < 1 { // also where JSON of another shape has none
		return BookOpened{}, r.decodeError(fmt.Sprintf("book_id is %d", value.BookID), nil)
	}
	o := BookOpened{
		ID: envelope.ID, At: envelope.Time, Book: value.BookID, UserID: r.Header(HeaderUserID),
		Traceparent: envelope.Traceparent, CorrelationID: envelope.CorrelationID,
	}
	if key := o.Key(); string(r.Key) != key {
		return BookOpened{}, r.decodeError(fmt.Sprintf("key %q is not %q", r.Key, key), nil)
	}
	return o, nil
}
