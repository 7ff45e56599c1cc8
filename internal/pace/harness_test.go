package pace

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/postgres"
	"bookstore/internal/testenv"
)

// patience bounds every wait of a test for something that must happen.
const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// migrated returns a pool on a database of the test's own, with the service's schema.
func migrated(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "pace tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, quiet)
	require.NoError(t, err)
	return pool
}

// rebuild is a row of rebuilds.
type rebuild struct {
	projection string
	bound      *float64
	started    time.Duration // ago
	finished   *time.Duration
	p99Before  *float64 // milliseconds
}

func (r rebuild) insert(t testing.TB, pool *pgxpool.Pool) (started time.Time) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `
		INSERT INTO rebuilds (projection, generation, version, phase, max_query_slowdown, query_p99_before, started_at, finished_at)
		VALUES ($1, 2, 1, 'copying', $2, $3, clock_timestamp() - $4::interval, clock_timestamp() - $5::interval)
		RETURNING started_at`,
		r.projection, r.bound, r.p99Before, r.started, r.finished).Scan(&started))
	return started
}

func finishRebuilds(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `UPDATE rebuilds SET finished_at = now()`)
	require.NoError(t, err)
}

// written returns the rows of a process, oldest first.
func written(t testing.TB, pool *pgxpool.Pool, process string) []window {
	t.Helper()
	rows, err := pool.Query(t.Context(),
		`SELECT process, began_at, counts FROM query_windows WHERE process = $1 ORDER BY began_at`, process)
	require.NoError(t, err)
	windows, err := pgx.CollectRows(rows, scanWindow)
	require.NoError(t, err)
	return windows
}

// databaseNow returns the database's time.
func databaseNow(t testing.TB, pool *pgxpool.Pool) (now time.Time) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&now))
	return now
}

// write adds a window of n queries that took so long.
func write(t testing.TB, pool *pgxpool.Pool, process string, began time.Time, n int, took time.Duration) {
	t.Helper()
	var counts histogram
	for range n {
		counts.add(counted(took))
	}
	require.NoError(t, writeWindows(t.Context(), pool, []window{{process: process, began: began, counts: counts}}))
}
