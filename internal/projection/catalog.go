package projection

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Catalog is the projection that is searched: a row for each book that there is,
// with its words in a form that one index finds by all kinds of questions, and the
// vocabulary that mistyped words are looked up in.
//
// Queries see it as the views books (the rows, with the column generation),
// catalog_words, catalog_statistics (how often which lexeme is there, as PostgreSQL
// last estimated) and catalog_generation (one row, also while there are no books).
type Catalog struct{}

// Name implements [Projection].
func (Catalog) Name() string { return "catalog" }

// Version implements [Projection].
func (Catalog) Version() int { return 2 }

// Tables implements [Projection].
func (Catalog) Tables() []Table {
	return []Table{
		{Name: "catalog_books", Key: []string{"id"}},
		{Name: "catalog_deleted", Key: []string{"id"}},
		{Name: "catalog_words", Key: []string{"word"}},
	}
}

// Create implements [Projection]. It fails where the tables exist: what they
// hold is not known to be what the log gives.
func (Catalog) Create(ctx context.Context, tx pgx.Tx, generation int64) error {
	books, deleted, words := catalogBooks(generation), catalogDeleted(generation), catalogWords(generation)
	err := execAll(ctx, tx,
		`CREATE TABLE `+books+` (
			id           bigint      PRIMARY KEY,
			version      bigint      NOT NULL,
			title        text        NOT NULL,
			author       text        NOT NULL,
			published_at text        NOT NULL,
			description  text        NOT NULL,
			isbn         text        NOT NULL, -- 13 digits, or ''
			created_at   timestamptz NOT NULL,
			updated_at   timestamptz NOT NULL,
			lexemes      tsvector    NOT NULL  -- see searchtext.Lexemes
		)`,
		// What searches are planned by: which words are in a thousandth of all books,
		// and not only in a hundredth.
		`ALTER TABLE `+books+` ALTER COLUMN lexemes SET STATISTICS 300`,
		// What tells a duplicate of a deleted book's events from a book that is
		// missing its first ones.
		`CREATE TABLE `+deleted+` (
			id      bigint PRIMARY KEY,
			version bigint NOT NULL
		)`,
		// All words that titles and authors ever had. Words that no book has any more
		// do no harm: nothing is found by them.
		`CREATE TABLE `+words+` (
			word     text COLLATE "C" PRIMARY KEY, -- so that what begins so lies together
			variants int[] NOT NULL               -- see spelling.Variants
		)`,
	)
	if err != nil {
		return fmt.Errorf("create catalog generation %d: %w", generation, err)
	}
	return nil
}

// Indexes implements [Projection]. That of the books collects new rows in a pending list
// (fastupdate), which is merged when it is full, see [PendingListKB], and some times a
// second, see [Merger]. Those of the vocabulary do not: new words become
// rare, and to look for one in a list would take as long as many searches.
func (Catalog) Indexes(generation int64) []Index {
	gin := func(name, table, on string, collects bool) Index {
		with := `fastupdate = off`
		if collects {
			with = `gin_pending_list_limit = ` + strconv.Itoa(PendingListKB)
		}
		return Index{
			Name: TableName(name, generation), Collects: collects,
			SQL: `CREATE INDEX ` + tableName(name, generation) + ` ON ` + table + ` USING gin (` + on + `) WITH (` + with + `)`,
		}
	}
	books, words := catalogBooks(generation), catalogWords(generation)
	return []Index{
		gin("catalog_books_lexemes", books, "lexemes", true),
		gin("catalog_words_variants", words, "variants", false),
		gin("catalog_words_parts", words, "word gin_trgm_ops", false),
	}
}

// Activate implements [Projection]. The views are replaced in the order in which
// queries name them, so that the two wait for each other and never deadlock.
func (Catalog) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	number := strconv.FormatInt(generation, 10)
	for _, view := range []struct{ name, query string }{
		{"catalog_generation", `SELECT ` + number + `::bigint AS generation`},
		{"books", `
			SELECT ` + number + `::bigint AS generation, id, version, title, author, published_at, description,
				created_at, updated_at, isbn, lexemes
			FROM ` + catalogBooks(generation)},
		{"catalog_words", `SELECT word, variants FROM ` + catalogWords(generation)},
		{"catalog_statistics", `
			SELECT books.reltuples::float8 AS books,
				lexemes.most_common_elems::text::text[] AS lexemes, lexemes.most_common_elem_freqs AS shares
			FROM pg_class AS books
			JOIN pg_namespace AS schema ON schema.oid = books.relnamespace
			LEFT JOIN pg_stats AS lexemes ON lexemes.schemaname = schema.nspname
				AND lexemes.tablename = books.relname AND lexemes.attname = 'lexemes'
			WHERE books.oid = '` + catalogBooks(generation) + `'::regclass`},
	} {
		if err := replaceView(ctx, tx, view.name, view.query); err != nil {
			return fmt.Errorf("activate catalog generation %d: %w", generation, err)
		}
	}
	return nil
}

func catalogBooks(generation int64) string   { return tableName("catalog_books", generation) }
func catalogDeleted(generation int64) string { return tableName("catalog_deleted", generation) }
func catalogWords(generation int64) string   { return tableName("catalog_words", generation) }
