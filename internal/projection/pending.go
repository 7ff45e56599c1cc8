package projection

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PendingListKB is how much a GIN index of a projection collects before an insertion
// merges it, in kB. A list is unsorted, and every part of a search reads all of it: 1 ms
// for 2 MB, measured. A long one is merged with less work for each row: 130 µs at 0.5 MB,
// 90 at 2, 50 at 8, in an index on a million books.
const PendingListKB = 2 << 10

// mergeInterval is how often pending lists are merged while records come in no more than
// trickle of them in that time. At more an insertion finds its list full soon enough; and
// a merge that was asked for goes on until its list is empty, which never comes while
// insertions, that leave theirs to it, are faster.
const (
	mergeInterval = 250 * time.Millisecond
	trickle       = 100
)

// Collects says whether a projection has indexes with pending lists.
func Collects(p Projection) bool {
	return slices.ContainsFunc(p.Indexes(0), func(i Index) bool { return i.Collects })
}

// Merger merges the pending lists of a projection while it moves a little. Without one, a
// trickle of writes would take minutes to fill a list, and every part of a search would
// read it.
type Merger struct {
	Pool       *pgxpool.Pool
	Projection string
	Logger     *slog.Logger

	mu      sync.Mutex
	next    map[int32]int64 // of each partition
	records int64           // since last looked
}

// Advanced takes note that partitions are applied up to their next offsets.
func (m *Merger) Advanced(next map[int32]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.next == nil {
		m.next = make(map[int32]int64)
	}
	for partition, offset := range next {
		m.records += max(1, offset-m.next[partition])
		m.next[partition] = offset
	}
}

// Run merges until ctx ends. A merge that fails is tried again; PostgreSQL does the same
// when it vacuums, so that nothing is lost but time.
func (m *Merger) Run(ctx context.Context) {
	tick := time.NewTicker(mergeInterval)
	defer tick.Stop()
	unmerged := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		came := m.came()
		unmerged = unmerged || came > 0
		if !unmerged || came > trickle {
			continue
		}
		err := MergePending(ctx, m.Pool, m.Projection)
		if err != nil && ctx.Err() == nil {
			m.Logger.Debug("can't merge what the indexes have collected", "projection", m.Projection, "error", err)
		}
		unmerged = err != nil
	}
}

// came is how many records have come since it was last asked.
func (m *Merger) came() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	came := m.records
	m.records = 0
	return came
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
