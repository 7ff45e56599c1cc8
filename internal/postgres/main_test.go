package postgres

import (
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// openPool opens a pool on connString and closes it when the test ends.
func openPool(t *testing.T, connString string) *pgxpool.Pool {
	t.Helper()
	pool, err := Open(t.Context(), connString, Options{ApplicationName: "bookstore test", MaxConns: 3})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// value runs a query for one text.
func value(t *testing.T, pool *pgxpool.Pool, query string) string {
	t.Helper()
	var text string
	require.NoError(t, pool.QueryRow(t.Context(), query).Scan(&text))
	return text
}

func execute(t *testing.T, pool *pgxpool.Pool, statement string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), statement)
	require.NoError(t, err)
}
