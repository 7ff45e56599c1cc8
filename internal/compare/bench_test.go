package compare_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
)

const benchRows = 1_000_000

// BenchmarkRun compares two catalogs of a million books, and for comparison runs
// the shortest statements that look at all rows. Run it once:
//
//	go test -run '^$' -bench . -benchtime 1x ./internal/compare
func BenchmarkRun(b *testing.B) {
	pool := database(b,
		`CREATE TABLE books_g1 (
			id bigint PRIMARY KEY, version bigint NOT NULL, title text NOT NULL, author text NOT NULL, published_at text NOT NULL,
			description text NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, isbn text NOT NULL, lexemes tsvector NOT NULL)`,
		`INSERT INTO books_g1
		SELECT i, 1 + i % 3, title, author, 1900 + i % 120, description, now(), now() + i * interval '1s',
			lpad(i::text, 13, '9'), to_tsvector('simple', title || ' ' || author || ' ' || description)
		FROM generate_series(1, `+fmt.Sprint(benchRows)+`) AS i, LATERAL (
			SELECT 'The book of ' || md5(i::text) || ', part ' || i AS title, 'Author ' || md5((i % 1000)::text) AS author,
				'What is said of ' || repeat(md5(i::text) || ' and others ', 3) AS description) AS words`,
		`CREATE TABLE books_g2 (LIKE books_g1)`,
		`INSERT INTO books_g2 SELECT * FROM books_g1`,
		`ALTER TABLE books_g2 ADD PRIMARY KEY (id)`,
		`VACUUM ANALYZE`,
	)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			for _, table := range []string{"books_g1", "books_g2"} {
				execute(b, pool, `SELECT count(*), sum(hashtextextended(t::text, 0)) FROM `+table+` AS t`)
			}
		}
		reportRows(b)
	})
	b.Run("plain on one core", func(b *testing.B) {
		for b.Loop() {
			for _, table := range []string{"books_g1", "books_g2"} {
				execute(b, pool, `SET max_parallel_workers_per_gather = 0; SELECT count(*), sum(hashtextextended(t::text, 0)) FROM `+table+` AS t; RESET max_parallel_workers_per_gather`)
			}
		}
		reportRows(b)
	})
	b.Run("equal", func(b *testing.B) {
		for b.Loop() {
			require.Zero(b, benchRun(b, pool, compare.Options{}).Differences)
		}
		reportRows(b)
	})

	execute(b, pool, `UPDATE books_g2 SET isbn = isbn || '.'`)
	execute(b, pool, `VACUUM ANALYZE`)
	b.Run("a field differs everywhere", func(b *testing.B) {
		for b.Loop() {
			require.EqualValues(b, benchRows, benchRun(b, pool, compare.Options{}).Differences)
		}
		reportRows(b)
	})
	b.Run("a field differs everywhere, full diff", func(b *testing.B) {
		for b.Loop() {
			rows := 0
			benchRun(b, pool, compare.Options{Differs: func(compare.Row) error { rows++; return nil }})
			require.Equal(b, benchRows, rows)
		}
		reportRows(b)
	})
}

func benchRun(b *testing.B, pool *pgxpool.Pool, o compare.Options) compare.Report {
	b.Helper()
	report, err := inSnapshot(b, pool, func(tx pgx.Tx) (compare.Report, error) {
		return compare.Run(b.Context(), tx, []compare.Pair{books("id")}, o)
	})
	require.NoError(b, err)
	return report
}

// reportRows tells how many rows a second were looked at, of both sides.
func reportRows(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(2*benchRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
