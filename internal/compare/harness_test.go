package compare_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/postgres"
	"bookstore/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// database returns a pool of a database of the test's own, after running setup.
func database(t testing.TB, setup ...string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "test"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	for _, statement := range setup {
		execute(t, pool, statement)
	}
	return pool
}

func execute(t testing.TB, pool *pgxpool.Pool, statement string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), statement)
	require.NoError(t, err)
}

// books is the pair of the tables that most tests compare.
func books(key ...string) compare.Pair {
	return compare.Pair{Name: "books", Active: "books_g1", New: "books_g2", Key: key}
}

// run compares in a snapshot, and collects the full diff.
func run(t testing.TB, pool *pgxpool.Pool, o compare.Options, pairs ...compare.Pair) (compare.Report, []compare.Row) {
	t.Helper()
	var rows []compare.Row
	o.Differs = func(r compare.Row) error {
		rows = append(rows, r)
		return nil
	}
	report, err := inSnapshot(t, pool, func(tx pgx.Tx) (compare.Report, error) {
		return compare.Run(t.Context(), tx, pairs, o)
	})
	require.NoError(t, err)
	return report, rows
}

func inSnapshot(t testing.TB, pool *pgxpool.Pool, do func(pgx.Tx) (compare.Report, error)) (compare.Report, error) {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	return do(tx)
}
