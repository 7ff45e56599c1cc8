package projection

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Trends is the projection of what is searched: how often, by how many, when, how it
// was typed, and what was served last. Queries that differ only in what
// [searchkey.Query] folds are one; searches for nothing are none.
//
// Queries see it as these views, each but the first with the column generation before
// those of its table, see [Trends.Create]:
//
//   - trends_generation: one row, also while nothing was searched.
//   - trends_queries: a row for each query, of all time.
//   - trends_readers: a row for each query and reader of it, of all time.
//   - trends_slots: a row for each query and five minutes in which it was searched.
//   - trends_forms: a row for each query and way to type it.
//
// All times are those at which searches were answered, so that nothing here depends on
// when it is built. All writes add, or keep the oldest or the newest: in whatever
// order partitions and batches come, the rows are the same in the end. As with
// [Tally], a record that lies in the topic twice counts twice; of readers it makes no
// more.
type Trends struct{}

// Name implements [Projection].
func (Trends) Name() string { return "trends" }

// Version implements [Projection].
func (Trends) Version() int { return 1 }

// Source implements [Projection].
func (Trends) Source() Source { return Searches }

// The tables of trends, without their generation.
const (
	trendsQueries = "trends_queries"
	trendsReaders = "trends_readers"
	trendsSlots   = "trends_slots"
	trendsForms   = "trends_forms"
)

// Tables implements [Projection].
func (Trends) Tables() []Table {
	return []Table{
		{Name: trendsQueries, Key: []string{"query"}},
		{Name: trendsReaders, Key: []string{"query", "reader"}},
		{Name: trendsSlots, Key: []string{"slot", "query"}},
		{Name: trendsForms, Key: []string{"query", "form"}},
	}
}

// Create implements [Projection]. It fails where a table exists: what it holds is not
// known to be what the log gives.
//
// Rows of slots and forms change without touching an index, and stay on their page if
// there is room (HOT).
func (Trends) Create(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := execAll(ctx, tx,
		`CREATE TABLE `+tableName(trendsQueries, generation)+` (
			query     uuid        PRIMARY KEY,
			searches  bigint      NOT NULL,
			anonymous bigint      NOT NULL, -- those of the searches whose reader is not known
			readers   bigint      NOT NULL, -- rows in trends_readers: all who are not known are one
			first_at  timestamptz NOT NULL, -- of the oldest search

			-- The first page that was served last, by time and then by place in the
			-- log; null, and no books, where only later pages were.
			books           bigint[] NOT NULL DEFAULT '{}',
			books_at        timestamptz,
			books_partition int,
			books_offset    bigint
		) WITH (fillfactor = 80)`,
		`CREATE TABLE `+tableName(trendsReaders, generation)+` (
			query    uuid        NOT NULL,
			reader   uuid        NOT NULL, -- searchkey.Nobody where not known
			searches bigint      NOT NULL,
			last_at  timestamptz NOT NULL,
			PRIMARY KEY (query, reader)
		)`,
		`CREATE TABLE `+tableName(trendsSlots, generation)+` (
			slot      timestamptz NOT NULL, -- the five minutes that begin then
			query     uuid        NOT NULL,
			searches  bigint      NOT NULL,
			anonymous bigint      NOT NULL,
			PRIMARY KEY (slot, query)
		) WITH (fillfactor = 80)`,
		`CREATE TABLE `+tableName(trendsForms, generation)+` (
			query    uuid             NOT NULL,
			form     text COLLATE "C" NOT NULL,
			searches bigint           NOT NULL,
			PRIMARY KEY (query, form)
		) WITH (fillfactor = 80)`)
	if err != nil {
		return fmt.Errorf("create trends generation %d: %w", generation, err)
	}
	return nil
}

// Indexes implements [Projection].
func (Trends) Indexes(generation int64) []Index {
	index := func(name, on, columns string) Index {
		return Index{
			Name: TableName(name, generation),
			SQL:  `CREATE INDEX ` + tableName(name, generation) + ` ON ` + tableName(on, generation) + ` ` + columns,
		}
	}
	return []Index{
		index("trends_queries_rank", trendsQueries, `(readers DESC, anonymous DESC, first_at DESC, query)`),
		index("trends_readers_last", trendsReaders, `(last_at) INCLUDE (query)`),
	}
}

// Activate implements [Projection]; see [Catalog.Activate] for the order.
func (Trends) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := replaceView(ctx, tx, "trends_generation", fmt.Sprintf(`SELECT %d::bigint AS generation`, generation))
	for _, view := range []struct{ name, columns string }{
		{trendsQueries, "query, searches, anonymous, readers, first_at, books, books_at, books_partition, books_offset"},
		{trendsReaders, "query, reader, searches, last_at"},
		{trendsSlots, "slot, query, searches, anonymous"},
		{trendsForms, "query, form, searches"},
	} {
		if err == nil {
			err = replaceView(ctx, tx, view.name, fmt.Sprintf(`
				SELECT %d::bigint AS generation, %s FROM %s`, generation, view.columns, tableName(view.name, generation)))
		}
	}
	if err != nil {
		return fmt.Errorf("activate trends generation %d: %w", generation, err)
	}
	return nil
}
