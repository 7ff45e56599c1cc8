package pace

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// windowLength is how long queries are counted together.
	windowLength = time.Second
	// kept is how long a row is of use to anybody: nobody asks for older ones.
	kept = 2 * time.Minute
	// tableTimeout bounds each exchange with the database. Its answers are worth
	// nothing when they are late.
	tableTimeout = 2 * time.Second
)

// window is what one process counted in about a second. Windows with the same
// process and beginning are the same.
type window struct {
	process string
	began   time.Time // by the database's clock
	counts  histogram
}

// isWatched says whether some rebuild wants to know how long queries take, and what
// time it is in the database.
func isWatched(ctx context.Context, pool *pgxpool.Pool) (watched bool, now time.Time, err error) {
	err = pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM rebuilds WHERE finished_at IS NULL AND max_query_slowdown IS NOT NULL), clock_timestamp()`,
	).Scan(&watched, &now)
	if err != nil {
		return false, now, fmt.Errorf("ask whether a rebuild watches queries: %w", err)
	}
	return watched, now, nil
}

// writeWindows adds windows. One that is there already, since an earlier try was
// answered too late, stays as it is.
func writeWindows(ctx context.Context, pool *pgxpool.Pool, windows []window) error {
	batch := &pgx.Batch{}
	for _, w := range windows {
		batch.Queue(`INSERT INTO query_windows (process, began_at, counts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			w.process, w.began, []int64(w.counts))
	}
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write how long queries took: %w", err)
	}
	return nil
}

// deleteOldWindows removes what nobody needs any more, of all processes: some have
// died.
func deleteOldWindows(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, `DELETE FROM query_windows WHERE began_at < now() - $1::interval`, kept); err != nil {
		return fmt.Errorf("delete how long queries took: %w", err)
	}
	return nil
}

// deleteWindows removes those of a process.
func deleteWindows(ctx context.Context, pool *pgxpool.Pool, process string) error {
	if _, err := pool.Exec(ctx, `DELETE FROM query_windows WHERE process = $1`, process); err != nil {
		return fmt.Errorf("delete how long queries took: %w", err)
	}
	return nil
}

// readWindows returns the windows that began at since or later, of all processes,
// and what time it was in the database just before.
func readWindows(ctx context.Context, pool *pgxpool.Pool, since time.Time) (now time.Time, windows []window, err error) {
	batch := &pgx.Batch{}
	batch.Queue(`SELECT clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
	batch.Queue(`SELECT process, began_at, counts FROM query_windows WHERE began_at >= $1`, since).
		Query(func(rows pgx.Rows) error {
			windows, err = pgx.CollectRows(rows, scanWindow)
			return err
		})
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return now, nil, fmt.Errorf("read how long queries take: %w", err)
	}
	return now, windows, nil
}

// readBefore returns the p99 of queries before a rebuild that was started at since;
// the package comment says where it is taken from. It is 0 where it is not known.
func readBefore(ctx context.Context, pool *pgxpool.Pool, since time.Time) (time.Duration, error) {
	const failed = "read how long queries took before the rebuild: %w"

	var reported *float64 // milliseconds
	// What an owner said long ago, or before a pause, is of another time of day.
	err := pool.QueryRow(ctx, `
		SELECT min(query_p99_before) FROM rebuilds
		WHERE finished_at IS NULL AND NOT paused AND reported_at > now() - $1::interval`, kept).Scan(&reported)
	if err != nil {
		return 0, fmt.Errorf(failed, err)
	}
	if reported != nil {
		return time.Duration(*reported * float64(time.Millisecond)), nil
	}

	// This rebuild itself does not exclude any: they were over when it was started.
	rows, err := pool.Query(ctx, `
		SELECT process, began_at, counts FROM query_windows w
		WHERE began_at > $1::timestamptz - $2::interval AND began_at + $3::interval <= $1
		  AND NOT EXISTS (SELECT FROM rebuilds r WHERE r.started_at < w.began_at + $3::interval
		                  AND (r.finished_at IS NULL OR r.finished_at > w.began_at))`, since, kept, windowLength)
	if err != nil {
		return 0, fmt.Errorf(failed, err)
	}
	windows, err := pgx.CollectRows(rows, scanWindow)
	if err != nil {
		return 0, fmt.Errorf(failed, err)
	}
	var before histogram
	for _, w := range windows {
		before.add(w.counts)
	}
	if before.total() < fewQueries {
		return 0, nil
	}
	return before.p99(), nil
}

func scanWindow(row pgx.CollectableRow) (w window, err error) {
	err = row.Scan(&w.process, &w.began, (*[]int64)(&w.counts))
	return w, err
}
