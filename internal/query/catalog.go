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

// Catalog reads the read model. Its methods fail with [ErrNotFound], with
// [ErrTooSlow], or with what the database or ctx failed with.
type Catalog struct {
	Pool *pgxpool.Pool
	// Timeout is how long the database may work on one query before it gives up.
	Timeout time.Duration
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
	return c.page(ctx, limit, `
		SELECT `+bookColumns+`, 0 AS tier FROM books ORDER BY id LIMIT $1 OFFSET $2`, limit+1, offset)
}

// Get returns the book with that id. The snapshot is set also where there is none.
func (c *Catalog) Get(ctx context.Context, id int64) (web.Book, Snapshot, error) {
	page, err := c.page(ctx, 1, `SELECT `+bookColumns+`, 0 AS tier FROM books WHERE id = $1`, id)
	if err != nil {
		return web.Book{}, Snapshot{}, err
	}
	if len(page.Books) == 0 {
		return web.Book{}, page.Snapshot, fmt.Errorf("get book %d: %w", id, ErrNotFound)
	}
	return page.Books[0], page.Snapshot, nil
}

const bookColumns = `id, version, title, author, published_at, description, created_at, updated_at`

// page runs a SELECT of bookColumns and a tier, ordered by tier and id, that is
// asked for one book more than limit; that one only tells that there are more.
func (c *Catalog) page(ctx context.Context, limit int, books string, args ...any) (Page, error) {
	page := Page{Books: make([]web.Book, 0, limit+1)}
	// Joined from the left, so that the snapshot comes also without any book.
	sql := `
		SELECT snapshot.*, book.* FROM ` + snapshotOf("catalog") + `
		LEFT JOIN (` + books + `) AS book ON true ORDER BY book.tier, book.id`
	err := c.read(ctx, sql, args, func(row pgx.CollectableRow) error {
		var b web.Book
		var tier zeronull.Int4
		var position offsetsScanner
		err := row.Scan(&page.Generation, &position.partitions, &position.next,
			(*zeronull.Int8)(&b.ID), (*zeronull.Int8)(&b.Version), (*zeronull.Text)(&b.Title), (*zeronull.Text)(&b.Author),
			(*zeronull.Text)(&b.PublishedAt), (*zeronull.Text)(&b.Description),
			(*zeronull.Timestamptz)(&b.CreatedAt), (*zeronull.Timestamptz)(&b.UpdatedAt), &tier)
		if err != nil {
			return err
		}
		page.Offsets = position.offsets()
		if b.ID > 0 {
			b.CreatedAt, b.UpdatedAt = b.CreatedAt.UTC(), b.UpdatedAt.UTC()
			page.Books = append(page.Books, b)
		}
		return nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("read books: %w", err)
	}
	if len(page.Books) > limit {
		page.Books, page.More = page.Books[:limit], true
	}
	return page, nil
}
