package projection

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// GapError says that an event does not continue its book's history as a read
// model has it: the log has lost what lies between, or names a book again that
// was deleted. It does not pass with time, and following such an event would make
// a read model that no rebuild gives again.
type GapError struct {
	Book     int64
	Have     int64 // the book's version here; 0 where there is no such book
	Got      int64 // the event's version; Have+1 would have been right
	Ended    bool  // the book was deleted at version Have, so that no version would be right
	Position events.Position
}

func (e *GapError) Error() string {
	if e.Ended {
		return fmt.Sprintf("event %s is version %d of book %d, which was deleted at version %d", e.Position, e.Got, e.Book, e.Have)
	}
	return fmt.Sprintf("event %s is version %d of book %d, whose version here is %d", e.Position, e.Got, e.Book, e.Have)
}

// step is an event in a book's history, as the log has it.
type step struct {
	events.Recorded
	book, version int64
}

// decodeSteps reads records of the events topic and leaves out rejections, which
// change no book. It fails with all that can't be read, joined: they are parked
// together then, and not one try after the other.
func decodeSteps(records []events.Record) ([]step, error) {
	steps := make([]step, 0, len(records))
	var faults []error
	for _, r := range records {
		recorded, err := events.DecodeEvent(r)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		event, changesBook := recorded.Event.(events.BookEvent)
		if !changesBook {
			continue
		}
		if fault := storable(recorded, event); fault != "" {
			faults = append(faults, &events.DecodeError{Topic: r.Topic, Position: r.Position(), Reason: fault})
			continue
		}
		steps = append(steps, step{Recorded: recorded, book: event.Book(), version: event.BookVersion()})
	}
	return steps, errors.Join(faults...)
}

// storable says why no read model can ever store an event, and "" when it can.
// PostgreSQL would refuse it as well, but together with its whole batch and
// without naming the record.
func storable(recorded events.Recorded, event events.BookEvent) string {
	_, creates := event.(events.BookCreated)
	switch version := event.BookVersion(); {
	case version < 1:
		return fmt.Sprintf("version %d is not positive", version)
	case creates != (version == 1):
		return fmt.Sprintf("%s has version %d; the first event of a book, and no other, creates it", recorded.Type, version)
	}
	texts := []string{recorded.Actor, recorded.CorrelationID}
	if recorded.Cause != nil {
		texts = append(texts, recorded.Cause.CommandID)
	}
	if d := details(event); d != nil {
		texts = append(texts, d.Title, d.Author, d.PublishedAt, d.Description, d.ISBN)
	}
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
			return "a text has a NUL byte or is not UTF-8"
		}
	}
	return ""
}

// details returns what event says of the book; nil for a deletion.
func details(event events.Event) *events.Details {
	switch e := event.(type) {
	case events.BookCreated:
		return &e.Details
	case events.BookUpdated:
		return &e.Details
	}
	return nil
}

// head is where a book's history ends in a read model; the zero head is that of
// a book that was never there.
type head struct {
	version int64
	deleted bool
}

// headsOf returns where the histories of the books in steps end, reading it with
// [readHeads] unless all that steps do is create books. Then there is nothing to
// know: a creation begins a history or is a duplicate, and which of the two, the
// statement that writes it finds out by itself. That saves the most common batch
// a round trip on the way from a write to its reader.
func headsOf(ctx context.Context, db postgres.Reader, query string, steps []step) (map[int64]head, error) {
	for _, s := range steps {
		if s.version != 1 {
			return readHeads(ctx, db, query, steps)
		}
	}
	return make(map[int64]head, len(steps)), nil
}

// readHeads runs a query for (book, version, deleted) of the books in steps, its
// one parameter being their ids.
func readHeads(ctx context.Context, db postgres.Reader, query string, steps []step) (map[int64]head, error) {
	heads := make(map[int64]head, len(steps))
	for _, s := range steps {
		heads[s.book] = head{}
	}
	ids := make([]int64, 0, len(heads))
	for id := range heads {
		ids = append(ids, id)
	}
	rows, err := db.Query(ctx, query, ids)
	if err != nil {
		return nil, fmt.Errorf("read heads of %d books: %w", len(ids), err)
	}
	var id int64
	var h head
	_, err = pgx.ForEachRow(rows, []any{&id, &h.version, &h.deleted}, func() error {
		heads[id] = h
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read heads of %d books: %w", len(ids), err)
	}
	return heads, nil
}

// advance moves heads along steps, and returns those that were new. A step that
// a head has passed is a duplicate (a crash makes the write side publish again)
// and is dropped; one that skips a version is a [*GapError]. It fails with the
// first of each book, joined.
func advance(heads map[int64]head, steps []step) ([]step, error) {
	fresh := steps[:0]
	var gaps []error
	broken := make(map[int64]bool)
	for _, s := range steps {
		if broken[s.book] {
			continue
		}
		h := heads[s.book]
		if s.version <= h.version {
			continue
		}
		if h.deleted || s.version > h.version+1 {
			gaps = append(gaps, &GapError{Book: s.book, Have: h.version, Got: s.version, Ended: h.deleted, Position: s.Position})
			broken[s.book] = true
			continue
		}
		_, deletes := s.Event.(events.BookDeleted)
		heads[s.book] = head{version: s.version, deleted: deletes}
		fresh = append(fresh, s)
	}
	return fresh, errors.Join(gaps...)
}

// tableName is the name of a generation's table or index, safe to put into SQL.
func tableName(name string, generation int64) string {
	return pgx.Identifier{TableName(name, generation)}.Sanitize()
}

// execAll runs statements one after the other.
func execAll(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
