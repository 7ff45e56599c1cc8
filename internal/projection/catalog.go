package projection

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Catalog is the projection that is searched: a row for each book that there is,
// with its words indexed for full text and for parts of words.
//
// Queries see it as the views books (the rows, with the column generation) and
// catalog_generation (one row, also while there are no books).
type Catalog struct{}

// Name implements [Projection].
func (Catalog) Name() string { return "catalog" }

// Version implements [Projection].
func (Catalog) Version() int { return 1 }

// Tables implements [Projection].
func (Catalog) Tables() []Table {
	return []Table{{Name: "catalog_books", Key: []string{"id"}}, {Name: "catalog_deleted", Key: []string{"id"}}}
}

// Create implements [Projection]. It fails where the tables exist: what they
// hold is not known to be what the log gives.
func (Catalog) Create(ctx context.Context, tx pgx.Tx, generation int64) error {
	books, deleted := catalogBooks(generation), catalogDeleted(generation)
	err := execAll(ctx, tx,
		`CREATE TABLE `+books+` (
			id           bigint      PRIMARY KEY,
			version      bigint      NOT NULL,
			title        text        NOT NULL,
			author       text        NOT NULL,
			published_at text        NOT NULL,
			description  text        NOT NULL,
			created_at   timestamptz NOT NULL,
			updated_at   timestamptz NOT NULL,
			terms        text        NOT NULL, -- see searchtext.Terms
			document     tsvector    NOT NULL  -- see searchtext.Document
		)`,
		// What tells a duplicate of a deleted book's events from a book that is
		// missing its first ones.
		`CREATE TABLE `+deleted+` (
			id      bigint PRIMARY KEY,
			version bigint NOT NULL
		)`,
	)
	if err != nil {
		return fmt.Errorf("create catalog generation %d: %w", generation, err)
	}
	return nil
}

// Indexes implements [Projection]. Both collect new rows in a pending list
// (fastupdate), which is merged when it is full, see [PendingListKB], or when nothing
// comes for a second, see [MergePending].
func (Catalog) Indexes(generation int64) []Index {
	books := catalogBooks(generation)
	gin := func(name, on string) Index {
		return Index{Name: TableName(name, generation), SQL: `CREATE INDEX ` + tableName(name, generation) + ` ON ` + books + ` USING gin (` + on + `) WITH (gin_pending_list_limit = ` + strconv.Itoa(PendingListKB) + `)`}
	}
	return []Index{gin("catalog_books_terms", "terms gin_trgm_ops"), gin("catalog_books_document", "document")}
}

// Activate implements [Projection]. The views are replaced in the order in which
// queries name them, so that the two wait for each other and never deadlock.
func (Catalog) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := replaceView(ctx, tx, "catalog_generation", fmt.Sprintf(`SELECT %d::bigint AS generation`, generation))
	if err == nil {
		err = replaceView(ctx, tx, "books", fmt.Sprintf(`
			SELECT %d::bigint AS generation, id, version, title, author, published_at, description,
				created_at, updated_at, terms, document
			FROM %s`, generation, catalogBooks(generation)))
	}
	if err != nil {
		return fmt.Errorf("activate catalog generation %d: %w", generation, err)
	}
	return nil
}

func catalogBooks(generation int64) string   { return tableName("catalog_books", generation) }
func catalogDeleted(generation int64) string { return tableName("catalog_deleted", generation) }
