package rebuild_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// current is the version of the catalog that the program makes.
var current = projection.Catalog{}.Version()

// variant is the catalog as another version of the program makes it.
type variant struct {
	projection.Catalog
	version int
	loud    bool   // writes the descriptions of books 1, 4, 7 ... in capitals
	column  string // that it has besides; "" for none
	index   string // the statement that makes one more index; "" for none
	foolish bool   // breaks the rules of its own tables over book 4
	panics  bool   // does so over book 4
	naive   bool   // reads what is undecodable as the creation of its book
}

func (v variant) Version() int { return v.version }

func (v variant) Create(ctx context.Context, tx pgx.Tx, generation int64) error {
	if err := v.Catalog.Create(ctx, tx, generation); err != nil || v.column == "" {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE catalog_books_g%d ADD COLUMN %s int NOT NULL DEFAULT 7`, generation, v.column))
	return err
}

func (v variant) Indexes(generation int64) []projection.Index {
	indexes := v.Catalog.Indexes(generation)
	if v.index != "" {
		name := projection.TableName("catalog_more", generation)
		indexes = append(indexes, projection.Index{Name: name, SQL: fmt.Sprintf(v.index, name, generation)})
	}
	return indexes
}

func (v variant) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	if err := v.Catalog.Activate(ctx, tx, generation); err != nil || v.column == "" {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`
		CREATE OR REPLACE VIEW books AS
			SELECT %[1]d::bigint AS generation, id, version, title, author, published_at, description,
				created_at, updated_at, isbn, lexemes, %[2]s
			FROM catalog_books_g%[1]d`, generation, v.column))
	return err
}

func (v variant) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error) {
	if v.panics && slices.ContainsFunc(records, func(r events.Record) bool { return string(r.Key) == "4" }) {
		panic("book 4")
	}
	if v.naive {
		records = v.reading(records)
	}
	writes, err := v.Catalog.Apply(ctx, db, generation, records)
	if err != nil {
		return nil, err
	}
	if writes == nil {
		writes = &pgx.Batch{}
	}
	if v.loud {
		writes.Queue(fmt.Sprintf(`UPDATE catalog_books_g%d SET description = upper(description) WHERE id %% 3 = 1`, generation))
	}
	if v.foolish {
		writes.Queue(fmt.Sprintf(`UPDATE catalog_books_g%d SET title = NULL WHERE id = 4`, generation))
	}
	return writes, nil
}

// reading makes records of the undecodable ones that are the creations of their books.
func (v variant) reading(records []events.Record) []events.Record {
	read := make([]events.Record, len(records))
	for i, r := range records {
		if string(r.Value) == string(garbage(1).Value) {
			var id int64
			_, _ = fmt.Sscan(string(r.Key), &id)
			encoded, _ := events.EncodeEvent(events.Envelope{
				ID: "e", Source: events.SourceCommands, Time: dayOne, Cause: &events.Cause{CommandID: "c", Hash: "h"},
			}, created(id))
			r.Value, r.Headers = encoded.Value, encoded.Headers
		}
		read[i] = r
	}
	return read
}
