package projection

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/searchtext"
)

// Apply implements [Projection]. A batch is folded to the last state of each of
// its books before anything is written, so that a book that changes ten times in
// a batch is indexed once. A creation that is a duplicate is dropped by the
// statement itself, see headsOf. It fails with [*events.DecodeError] and [*GapError].
func (Catalog) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error) {
	steps, err := decodeSteps(records)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	heads, err := headsOf(ctx, db, `
		SELECT id, version, false FROM `+catalogBooks(generation)+` WHERE id = ANY($1)
		UNION ALL
		SELECT id, version, true FROM `+catalogDeleted(generation)+` WHERE id = ANY($1)`, steps)
	if err != nil {
		return nil, err
	}
	fresh, err := advance(heads, steps)
	if err != nil {
		return nil, err
	}
	words, err := newWords(ctx, db, generation, fresh)
	if err != nil {
		return nil, err
	}
	return foldCatalog(fresh).writes(generation, words), nil
}

// catalogFold is what a batch changes, each book once and in one of the three.
type catalogFold struct {
	created bookRows
	updated bookRows
	deleted deletedRows
}

// bookRow is a book as it is at the end of a batch.
type bookRow struct {
	id, version int64
	events.Details
	createdAt time.Time // known only where the batch creates the book
	updatedAt time.Time
	isNew     bool
	deleted   bool
}

func foldCatalog(steps []step) catalogFold {
	order := make([]*bookRow, 0, len(steps)) // so that the same batch makes the same writes
	books := make(map[int64]*bookRow, len(steps))
	for _, s := range steps {
		b := books[s.book]
		if b == nil {
			b = &bookRow{id: s.book}
			books[s.book] = b
			order = append(order, b)
		}
		b.version = s.version
		switch e := s.Event.(type) {
		case events.BookCreated:
			b.Details, b.createdAt, b.updatedAt, b.isNew = e.Details, e.CreatedAt, e.CreatedAt, true
		case events.BookUpdated:
			b.Details, b.updatedAt = e.Details, e.UpdatedAt
		case events.BookDeleted:
			b.deleted = true
		}
	}
	var fold catalogFold
	for _, b := range order {
		switch {
		case b.deleted:
			fold.deleted.add(b)
		case b.isNew:
			fold.created.add(b)
		default:
			fold.updated.add(b)
		}
	}
	return fold
}

// writes makes one statement of each kind of change, whatever the size of the
// batch: a row of parameters per book would cost a parse per batch size.
func (f catalogFold) writes(generation int64, words []string) *pgx.Batch {
	batch := &pgx.Batch{}
	if rows := f.created; len(rows.ids) > 0 {
		batch.Queue(`
			INSERT INTO `+catalogBooks(generation)+` (id, version, title, author, published_at, description,
				isbn, updated_at, lexemes, created_at)
			SELECT id, version, title, author, published_at, description, isbn, updated_at, lexemes::tsvector, created_at
			FROM `+unnestBooks+`, $10::timestamptz[]) AS new (`+bookColumns+`, created_at)
			WHERE NOT EXISTS (SELECT FROM `+catalogDeleted(generation)+` AS deleted WHERE deleted.id = new.id)
			ON CONFLICT (id) DO NOTHING`,
			append(rows.arguments(), rows.createdAt)...)
	}
	if rows := f.updated; len(rows.ids) > 0 {
		batch.Queue(`
			UPDATE `+catalogBooks(generation)+` AS book
			SET version = new.version, title = new.title, author = new.author, published_at = new.published_at,
				description = new.description, isbn = new.isbn, updated_at = new.updated_at,
				lexemes = new.lexemes::tsvector
			FROM `+unnestBooks+`) AS new (`+bookColumns+`)
			WHERE book.id = new.id`,
			rows.arguments()...)
	}
	if rows := f.deleted; len(rows.ids) > 0 {
		batch.Queue(`DELETE FROM `+catalogBooks(generation)+` WHERE id = ANY($1)`, rows.ids)
		batch.Queue(`
			INSERT INTO `+catalogDeleted(generation)+` (id, version)
			SELECT * FROM unnest($1::bigint[], $2::bigint[])`, rows.ids, rows.versions)
	}
	if len(words) > 0 {
		writeWords(batch, generation, words)
	}
	return batch
}

// bookRows are books column by column, as unnest takes them.
type bookRows struct {
	ids, versions                             []int64
	titles, authors, publishedAt, description []string
	isbns                                     []string
	createdAt, updatedAt                      []time.Time
	lexemes                                   []string
}

const (
	unnestBooks = `unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
				$7::text[], $8::timestamptz[], $9::text[]`
	bookColumns = `id, version, title, author, published_at, description, isbn, updated_at, lexemes`
)

func (r *bookRows) add(b *bookRow) {
	r.ids = append(r.ids, b.id)
	r.versions = append(r.versions, b.version)
	r.titles = append(r.titles, b.Title)
	r.authors = append(r.authors, b.Author)
	r.publishedAt = append(r.publishedAt, b.PublishedAt)
	r.description = append(r.description, b.Description)
	r.createdAt = append(r.createdAt, b.createdAt)
	r.updatedAt = append(r.updatedAt, b.updatedAt)
	r.isbns = append(r.isbns, b.ISBN)
	r.lexemes = append(r.lexemes, searchtext.Lexemes(b.id, searchtext.Text{
		Title: b.Title, Author: b.Author, Description: b.Description, ISBN: b.ISBN,
	}))
}

// arguments are those of unnestBooks.
func (r *bookRows) arguments() []any {
	return []any{r.ids, r.versions, r.titles, r.authors, r.publishedAt, r.description, r.isbns, r.updatedAt, r.lexemes}
}

type deletedRows struct{ ids, versions []int64 }

func (r *deletedRows) add(b *bookRow) {
	r.ids = append(r.ids, b.id)
	r.versions = append(r.versions, b.version)
}
