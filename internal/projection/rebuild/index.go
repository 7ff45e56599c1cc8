package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/projection"
)

// effort is how an index is made.
type effort bool

const (
	bulk   effort = false // over full tables, as fast as it goes
	gentle effort = true  // on empty tables, and so that no insertion takes long
)

// index makes the indexes that are missing, and tells the planner what there is.
func (o *owner) index(ctx context.Context, b Rebuild) error {
	if err := o.makeIndexes(ctx, b, bulk); err != nil {
		return err
	}
	for _, table := range o.code.Tables() {
		name := projection.TableName(table.Name, b.Generation)
		o.status.progress(1, "analyzing "+name)
		if _, err := o.cfg.Pool.Exec(ctx, `ANALYZE `+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return o.advance(ctx, o.cfg.Pool, b, CatchingUp)
}

// makeIndexes makes all at once, each on a connection of its own: PostgreSQL makes
// most kinds of index on one core. One that is there is whole.
func (o *owner) makeIndexes(ctx context.Context, b Rebuild, how effort) error {
	indexes := o.code.Indexes(b.Generation)
	stop := o.watchIndexes(ctx, b, len(indexes))
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, index := range indexes {
		group.Go(func() error { return o.makeIndex(ctx, index, how) })
	}
	return group.Wait()
}

func (o *owner) makeIndex(ctx context.Context, index projection.Index, how effort) error {
	conn, err := o.cfg.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	there, err := isThere(ctx, conn, index)
	if err == nil && !there {
		err = createIndex(ctx, conn, index)
	}
	if err != nil {
		return err
	}
	return setPendingList(ctx, conn, index, how)
}

// createIndex makes an index. That of an owner who was killed may be on its way
// still, as PostgreSQL notices only after a while that nobody waits for it: ours then
// waits for the name, and fails if the other one gets done.
func createIndex(ctx context.Context, conn *pgxpool.Conn, index projection.Index) error {
	if _, err := conn.Exec(ctx, `SET client_connection_check_interval = '1s'`); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, index.SQL)
	if err == nil {
		return nil
	}
	if there, _ := isThere(ctx, conn, index); there {
		return nil
	}
	return fmt.Errorf("make index %s: %w", index.Name, err)
}

// isThere says whether an index is made, and then it is whole.
func isThere(ctx context.Context, conn *pgxpool.Conn, index projection.Index) (there bool, err error) {
	err = conn.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, pgx.Identifier{index.Name}.Sanitize()).Scan(&there)
	return there, err
}

// gentlePendingListKB is merged in some milliseconds.
const gentlePendingListKB = 256

// setPendingList makes an index that collects what is new merge it in small pieces, or
// as usual again: the insertion that finds a list full merges all of it, and queries
// beside it wait.
func setPendingList(ctx context.Context, db executor, index projection.Index, how effort) error {
	if !index.Collects {
		return nil
	}
	limit := projection.PendingListKB
	if how == gentle {
		limit = gentlePendingListKB
	}
	_, err := db.Exec(ctx, fmt.Sprintf(`ALTER INDEX %s SET (gin_pending_list_limit = %d)`, pgx.Identifier{index.Name}.Sanitize(), limit))
	return err
}

// watchIndexes keeps the status at how far the indexes are, as PostgreSQL tells,
// until the returned function is called.
func (o *owner) watchIndexes(ctx context.Context, b Rebuild, all int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(lookInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			var under int
			var share float64
			err := o.cfg.Pool.QueryRow(ctx, `
				SELECT count(*), coalesce(sum(blocks_done::float / nullif(blocks_total, 0)), 0)
				FROM pg_stat_progress_create_index JOIN pg_class ON pg_class.oid = relid
				WHERE relname = ANY (SELECT unnest(tables) FROM generations WHERE projection = $1 AND generation = $2)`,
				b.Projection, b.Generation).Scan(&under, &share)
			if err == nil && under > 0 {
				o.status.progress((float64(all-under)+share)/float64(all), fmt.Sprintf("%d of %d indexes under way", under, all))
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
