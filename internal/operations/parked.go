package operations

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"bookstore/internal/projection/parked"
	"bookstore/internal/web"
)

// Bounds of what can be asked for.
const (
	// MaxLimit is how many parked records a page may have.
	MaxLimit = 1000
	// defaultLimit is how many it has where the client does not say.
	defaultLimit = 100
	// maxConsumer is how many characters the name of a consumer may have.
	maxConsumer = 100
)

// Parked is a parked record as operators see it.
type Parked struct {
	ID          int64        `json:"id"`
	Consumer    string       `json:"consumer"` // the projection, or commands
	Generation  int64        `json:"generation"`
	Topic       string       `json:"topic"`
	Partition   int32        `json:"partition"`
	Offset      int64        `json:"offset"`
	RecordedAt  time.Time    `json:"recorded_at"` // the record's timestamp
	Key         []byte       `json:"key"`
	KeyText     *string      `json:"key_text"`
	Book        *int64       `json:"book"`   // nil where the key is no book's
	Poison      bool         `json:"poison"` // else it is only held back by one that is
	Error       string       `json:"error"`
	Tries       int          `json:"tries"`
	ParkedAt    time.Time    `json:"parked_at"`
	TriedAt     time.Time    `json:"tried_at"`
	Request     *parked.Wish `json:"request"` // nil where nobody has asked for anything since the last try
	DiscardedAt *time.Time   `json:"discarded_at"`
}

// ParkedRecord is a parked record with its content. Bytes are in base64 (RFC 4648,
// section 4), and once more as text where they are UTF-8; both are nil where the log
// has none, which is not the same as empty.
type ParkedRecord struct {
	Parked

	Value     []byte   `json:"value"`
	ValueText *string  `json:"value_text"`
	Headers   []Header `json:"headers"` // in order
}

// Header is a header of a record. Nothing says that it is text.
type Header struct {
	Key       []byte  `json:"key"`
	KeyText   *string `json:"key_text"`
	Value     []byte  `json:"value"`
	ValueText *string `json:"value_text"`
}

// text is b as far as it is text.
func text(b []byte) *string {
	if b == nil || !utf8.Valid(b) {
		return nil
	}
	return new(string(b))
}

func newParked(r parked.Record) Parked {
	p := Parked{
		ID: r.ID, Consumer: r.Consumer, Generation: r.Generation,
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, RecordedAt: r.Timestamp, Key: r.Key, KeyText: text(r.Key),
		Poison: r.Poison, Error: r.Error, Tries: r.Tries, ParkedAt: r.ParkedAt, TriedAt: r.TriedAt,
	}
	if r.Book > 0 {
		p.Book = &r.Book
	}
	if r.Request != "" {
		p.Request = &r.Request
	}
	if !r.DiscardedAt.IsZero() {
		p.DiscardedAt = &r.DiscardedAt
	}
	return p
}

func (a *API) listParked(w http.ResponseWriter, r *http.Request) error {
	params := web.Params(r)
	filter := parked.Filter{Consumer: params.String("consumer", maxConsumer), Book: book(params)}
	switch params.String("discarded", len("false")) {
	case "", "false":
	case "true":
		filter.Discarded = true
	default:
		params.Refuse("discarded", "must be true or false")
	}
	filter.After = int64(params.Int("after", 0, 0, math.MaxInt))
	limit := params.Int("limit", defaultLimit, 1, MaxLimit)
	if err := params.Err(); err != nil {
		return err
	}
	filter.Limit = limit + 1 // one more only tells that there are more
	found, err := parked.List(r.Context(), a.Pool, filter)
	if err != nil {
		return err
	}
	if len(found) > limit {
		found = found[:limit]
		linkNext(w.Header(), r, found[limit-1].ID)
	}
	page := make([]Parked, len(found))
	for i, record := range found {
		page[i] = newParked(record)
	}
	return web.WriteJSON(w, http.StatusOK, page)
}

// book returns the parameter book; nil where it is not there.
func book(params *web.Query) *int64 {
	if id := int64(params.Int("book", 0, 1, math.MaxInt)); id > 0 {
		return &id
	}
	return nil
}

// linkNext names the page behind a record (RFC 8288).
func linkNext(h http.Header, r *http.Request, last int64) {
	values := r.URL.Query()
	values.Set("after", strconv.FormatInt(last, 10))
	h.Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.EscapedPath(), values.Encode()))
}

func (a *API) showParked(w http.ResponseWriter, r *http.Request) error {
	id, err := parkedTarget(r)
	if err != nil {
		return err
	}
	found, err := parked.Get(r.Context(), a.Pool, id)
	if err != nil {
		return asProblem(err)
	}
	shown := ParkedRecord{
		Parked: newParked(found), Value: found.Value, ValueText: text(found.Value), Headers: make([]Header, len(found.Headers)),
	}
	for i, h := range found.Headers {
		key, value := []byte(h.Key), []byte(h.Value)
		shown.Headers[i] = Header{Key: key, KeyText: text(key), Value: value, ValueText: text(value)}
	}
	return web.WriteJSON(w, http.StatusOK, shown)
}

// parkedTarget returns the record that the path names.
func parkedTarget(r *http.Request) (int64, error) {
	id, err := web.PathID(r, "id")
	if err != nil {
		return 0, err
	}
	return id, web.Params(r).Err()
}
