package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// ErrNotFound says that no book has the id, or no longer.
var ErrNotFound = errors.New("no such book")

// ParkedError says that nothing of a book can be shown, because its first event
// could not be applied.
type ParkedError struct {
	Book   int64
	Events int64     // that are parked: that one and those behind it
	Since  time.Time // when the first of them was parked
}

func (e *ParkedError) Error() string {
	return fmt.Sprintf("%d events of book %d are parked since %s", e.Events, e.Book, e.Since.Format(time.RFC3339))
}

// Catalog reads the read model; it must not be copied once it is used. Its methods fail with [ErrNotFound], with
// [*ParkedError], with [ErrTooSlow], or with what the database or ctx failed with.
type Catalog struct {
	Pool *pgxpool.Pool
	// Timeout is how long the database may work on one query before it gives up.
	Timeout time.Duration
	// Observe, when set, is called with how long each query took, also one that
	// failed, with its wait for a connection. It is called by many at once.
	Observe func(time.Duration)

	statistics statisticsCache
	rankings   [len(windows)]rankingCache
	clock      func() time.Time // nil is time.Now; tests of what grows old have another
}

func (c *Catalog) now() time.Time {
	if c.clock != nil {
		return c.clock()
	}
	return time.Now()
}

// Snapshot says which read model answered and how far it had come, at the very
// moment that the rows are of.
type Snapshot struct {
	Generation int64
	Offsets    events.Offsets // next offset of each partition of the events topic
}

// Token is what a reader sends back to see at least what this snapshot shows.
func (s Snapshot) Token() events.Token {
	var token events.Token
	for partition, next := range s.Offsets {
		if next > 0 {
			token = append(token, events.Position{Partition: int32(partition), Offset: next - 1})
		}
	}
	return token
}

// Page is a part of a list of books.
type Page struct {
	Books []web.Book // never nil
	More  bool       // there are books behind these
	Snapshot
}

// List returns limit books from offset on, by id.
func (c *Catalog) List(ctx context.Context, offset, limit int) (Page, error) {
	page, _, err := readPage(ctx, c.read, limit, "book.id", `
		SELECT `+bookColumns+`, id AS place FROM books ORDER BY id LIMIT $1 OFFSET $2`, limit+1, offset)
	return page, err
}

// Get returns the book with that id. The snapshot is set also where there is none,
// or none can be shown.
func (c *Catalog) Get(ctx context.Context, id int64) (web.Book, Snapshot, error) {
	page, parked, err := readPage(ctx, c.read, 1, "$1", `SELECT `+bookColumns+`, 0 AS place FROM books WHERE id = $1`, id)
	switch {
	case err != nil:
		return web.Book{}, Snapshot{}, err
	case len(page.Books) > 0:
		return page.Books[0], page.Snapshot, nil
	case parked.events > 0:
		return web.Book{}, page.Snapshot, fmt.Errorf("get book %d: %w", id, parked.error(id))
	default:
		return web.Book{}, page.Snapshot, fmt.Errorf("get book %d: %w", id, ErrNotFound)
	}
}

// parked is what is parked of a book.
type parked struct {
	events int64
	since  time.Time // zero where nothing is
}

func (p parked) error(book int64) *ParkedError {
	return &ParkedError{Book: book, Events: p.events, Since: p.since.UTC()}
}

const bookColumns = `id, version, title, author, published_at, description, isbn, created_at, updated_at`

// readPage runs a SELECT of bookColumns and their place on the page, that is
// asked for one book more than limit; that one only tells that there are more.
// What is parked is looked up of the book that parkedBook names; last is what was
// found of the last one.
func readPage(ctx context.Context, read reader, limit int, parkedBook, books string, args ...any) (page Page, last parked, err error) {
	page.Books = make([]web.Book, 0, limit+1)
	err = read(ctx, pageStatement(parkedBook, books), args, func(row pgx.CollectableRow) error {
		var b web.Book
		var place zeronull.Int8
		var position offsetsScanner
		err := row.Scan(&page.Generation, &position.partitions, &position.next,
			(*zeronull.Int8)(&b.ID), (*zeronull.Int8)(&b.Version), (*zeronull.Text)(&b.Title), (*zeronull.Text)(&b.Author),
			(*zeronull.Text)(&b.PublishedAt), (*zeronull.Text)(&b.Description), (*zeronull.Text)(&b.ISBN),
			(*zeronull.Timestamptz)(&b.CreatedAt), (*zeronull.Timestamptz)(&b.UpdatedAt), &place,
			&last.events, (*zeronull.Timestamptz)(&last.since))
		if err != nil {
			return err
		}
		page.Offsets = position.offsets()
		if b.ID > 0 {
			b.CreatedAt, b.UpdatedAt = b.CreatedAt.UTC(), b.UpdatedAt.UTC()
			b.ParkedEvents = last.events
			page.Books = append(page.Books, b)
		}
		return nil
	})
	if err != nil {
		return Page{}, parked{}, fmt.Errorf("read books: %w", err)
	}
	if len(page.Books) > limit {
		page.Books, page.More = page.Books[:limit], true
	}
	return page, last, nil
}

// pageStatement is one statement, so that rows and snapshot are of one moment.
// They are joined from the left, so that the snapshot comes also without any book.
func pageStatement(parkedBook, books string) string {
	return `
		SELECT snapshot.*, book.*, parked.* FROM ` + snapshotOf("catalog") + `
		LEFT JOIN (` + books + `) AS book ON true
		CROSS JOIN ` + parkedOf("catalog", parkedBook) + `
		ORDER BY book.place`
}
