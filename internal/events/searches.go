package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// TypeSearchServed is the type of every record on the searches topic.
const TypeSearchServed = "bookstore.search.served.v1"

// Headers that only searches have; the user's is on opens as well. The key joins
// query and user with a ":" for consumers that always did it so; a ":" in a query
// makes that ambiguous, hence both by themselves here.
const (
	HeaderQuery      = "ce_query"
	HeaderUserID     = "ce_userid"     // absent where the user is not known
	HeaderOffset     = "ce_offset"     // how many results were skipped
	HeaderPageSize   = "ce_pagesize"   // how many results were asked for
	HeaderGeneration = "ce_generation" // of the read model that answered
	HeaderPosition   = "ce_position"   // of that read model in the events topic, see [Offsets.String]
)

// SearchServed says that a search was answered, and with what.
type SearchServed struct {
	ID       string // unique; consumers that want each search once compare it
	At       time.Time
	Query    string // as typed
	UserID   string // "" where the user is not known
	Offset   int
	PageSize int
	Books    []ServedBook // never nil once decoded; what was served, in that order

	Generation    int64
	Position      string
	Traceparent   string
	CorrelationID string
}

// ServedBook is a book as consumers of the searches topic know it: exactly
// these six fields.
type ServedBook struct {
	ID          int64  `json:"id"`
	Title       string `json:"title"`
	Author      string `json:"author"`
	PublishedAt string `json:"published_at"`
	Description string `json:"description"`
	CreatedAt   string `json:"created_at"` // see [ServedTime]
}

// ServedTime writes a time as the searches topic has it: "2024-04-10 07:01:51", UTC.
func ServedTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// Key is the record key: the query, and ":uid" behind it when the user is known.
func (s SearchServed) Key() string {
	if s.UserID == "" {
		return s.Query
	}
	return s.Query + ":" + s.UserID
}

// EncodeSearch writes a search. No result is "[]", never "null".
func EncodeSearch(s SearchServed) (Encoded, error) {
	books := s.Books
	if books == nil {
		books = []ServedBook{}
	}
	value, err := marshal(books)
	if err != nil {
		return Encoded{}, fmt.Errorf("encode search %s: %w", s.ID, err)
	}
	headers := Envelope{
		ID: s.ID, Type: TypeSearchServed, Source: SourceQuery, Time: s.At,
		// CloudEvents: a subject must not be empty, and a search's query never is.
		Subject: s.Query, Traceparent: s.Traceparent, CorrelationID: s.CorrelationID,
	}.Headers()
	headers = append(headers, Header{HeaderQuery, s.Query})
	if s.UserID != "" {
		headers = append(headers, Header{HeaderUserID, s.UserID})
	}
	headers = append(headers,
		Header{HeaderOffset, strconv.Itoa(s.Offset)},
		Header{HeaderPageSize, strconv.Itoa(s.PageSize)},
		Header{HeaderGeneration, strconv.FormatInt(s.Generation, 10)},
		Header{HeaderPosition, s.Position},
	)
	return Encoded{Key: []byte(s.Key()), Value: value, Headers: headers}, nil
}

// DecodeSearch reads a record of the searches topic. It fails with a [*DecodeError].
func DecodeSearch(r Record) (SearchServed, error) {
	s, err := decodeSearchHeaders(r)
	if err != nil {
		return SearchServed{}, err
	}
	if err := json.Unmarshal(r.Value, &s.Books); err != nil {
		return SearchServed{}, r.decodeError("bad JSON", err)
	}
	if s.Books == nil {
		s.Books = []ServedBook{}
	}
	return s, nil
}

// DecodeSearchIDs is [DecodeSearch] for those who count, some of them each search that
// there ever was: of the books it returns the ids, in the order in which they were
// served, and Books stays nil. It takes the records that DecodeSearch takes, and
// fails as that does with all others.
func DecodeSearchIDs(r Record) (s SearchServed, books []int64, err error) {
	if s, err = decodeSearchHeaders(r); err != nil {
		return SearchServed{}, nil, err
	}
	if books, plain := scanServedIDs(r.Value); plain {
		return s, books, nil
	}
	whole, err := DecodeSearch(r)
	if err != nil {
		return SearchServed{}, nil, err
	}
	books = make([]int64, len(whole.Books))
	for i, b := range whole.Books {
		books[i] = b.ID
	}
	return s, books, nil
}

// decodeSearchHeaders reads all of a search but its books.
func decodeSearchHeaders(r Record) (SearchServed, error) {
	envelope, err := parseEnvelope(r.Headers)
	if err != nil {
		return SearchServed{}, r.decodeError("bad CloudEvents headers", err)
	}
	if envelope.Type != TypeSearchServed {
		return SearchServed{}, r.decodeError("unknown type "+strconv.Quote(envelope.Type), nil)
	}
	s := SearchServed{
		ID: envelope.ID, At: envelope.Time, Traceparent: envelope.Traceparent, CorrelationID: envelope.CorrelationID,
		Query: r.Header(HeaderQuery), UserID: r.Header(HeaderUserID), Position: r.Header(HeaderPosition),
	}
	if s.Offset, err = strconv.Atoi(r.Header(HeaderOffset)); err != nil {
		return SearchServed{}, r.decodeError("read "+HeaderOffset, err)
	}
	if s.PageSize, err = strconv.Atoi(r.Header(HeaderPageSize)); err != nil {
		return SearchServed{}, r.decodeError("read "+HeaderPageSize, err)
	}
	if s.Generation, err = strconv.ParseInt(r.Header(HeaderGeneration), 10, 64); err != nil {
		return SearchServed{}, r.decodeError("read "+HeaderGeneration, err)
	}
	return s, nil
}
