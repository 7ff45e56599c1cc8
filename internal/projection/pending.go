package projection

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PendingListKB is how much a GIN index of a projection collects before an insertion
// merges it, in kB. A list is unsorted, and every part of a search reads all of it: 1 ms
// for 2 MB, measured. A long one is merged with less work for each row: 130 µs at 0.5 MB,
// 90 at 2, 50 at 8, in an index on a million books.
const PendingListKB = 2 << 10

// mergeInterval is how often pending lists are merged while something comes, unless a
// merge takes long: then the next waits for mergeRest times as long. At a trickle short
// lists cost nothing, and are read fast; at thousands of rows a second so many merges
// took the processor from the searches that they were for.
const (
	mergeInterval = 250 * time.Millisecond
	mergeRest     = 30
)

// Merger merges the pending lists of a projection while it moves. Without one, a trickle
// of writes would fill a list for minutes, and every part of a search would read it.
type Merger struct {
	Pool       *pgxpool.Pool
	Projection string
	Logger     *slog.Logger

	moved atomic.Bool
}

// Moved takes note that something was written.
func (m *Merger) Moved() { m.moved.Store(true) }

// Run merges until ctx ends. A merge that fails is tried again; PostgreSQL does the same
// when it vacuums, so that nothing is lost but time.
func (m *Merger) Run(ctx context.Context) {
	rest := mergeInterval
	for {
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
		rest = mergeInterval
		if !m.moved.Swap(false) {
			continue
		}
		began := time.Now()
		if err := MergePending(ctx, m.Pool, m.Projection); err != nil && ctx.Err() == nil {
			m.Moved()
			m.Logger.Debug("can't merge what the indexes have collected", "projection", m.Projection, "error", err)
		}
		rest = max(mergeInterval, mergeRest*time.Since(began))
	}
}

// MergePending merges what the GIN indexes of a projection's attached generations
// have collected.
//
// It changes no row, and may be done by several at once: they take turns.
func MergePending(ctx context.Context, pool *pgxpool.Pool, projection string) error {
	_, err := pool.Exec(ctx, `
		SELECT gin_clean_pending_list(index.oid::regclass)
		FROM generations CROSS JOIN unnest(tables) AS name
		JOIN pg_index ON pg_index.indrelid = to_regclass(quote_ident(name))
		JOIN pg_class AS index ON index.oid = pg_index.indexrelid
		JOIN pg_am ON pg_am.oid = index.relam AND pg_am.amname = 'gin'
		WHERE projection = $1 AND attached`, projection)
	if err != nil {
		return fmt.Errorf("merge the pending lists of %s: %w", projection, err)
	}
	return nil
}
