package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// patience is how long a statement of a switch waits for a lock. Queries that come
// in that time wait behind it: what a client must not notice.
const patience = 100 * time.Millisecond

// insistence is how often, with a pause between, that is tried before it is
// reported as trouble: a query may take as long as its own limit.
const insistence = 40

// quickly runs a transaction that changes generations, and begins anew where it
// would have to wait for a lock that queries stand behind.
func quickly(ctx context.Context, pool *pgxpool.Pool, f func(context.Context, pgx.Tx) error) (err error) {
	for range insistence {
		err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if err := projection.LockGenerations(ctx, tx); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, patience.Milliseconds())); err != nil {
				return err
			}
			return f(ctx, tx)
		})
		if !postgres.IsLockTimeout(err) {
			return err
		}
		wait(ctx, patience)
	}
	return err
}

// switchOver makes the new generation the one that queries read.
func (o *owner) switchOver(ctx context.Context, b Rebuild) error {
	began := time.Now()
	err := quickly(ctx, o.cfg.Pool, func(ctx context.Context, tx pgx.Tx) error {
		began = time.Now()
		if err := projection.Activate(ctx, tx, o.code, b.Generation); err != nil {
			return err
		}
		if err := o.detachUnknown(ctx, tx, b.Projection); err != nil {
			return err
		}
		return o.advance(ctx, tx, b, Switched)
	})
	if err != nil {
		return err
	}
	o.log.Info("queries are answered from the new generation", "switched_in", time.Since(began).Round(time.Microsecond))
	if err := o.dropOlder(ctx, b); err != nil {
		o.log.Warn("can't drop generations that nothing will roll back to; 'bookstore projections drop' does", "error", err)
	}
	return nil
}

// detachUnknown lets go of generations that were made by code which this program
// doesn't have. They held up the live consumer, and can't be rolled back to.
func (r *Rebuilder) detachUnknown(ctx context.Context, tx pgx.Tx, name string) error {
	kept, err := generations(ctx, tx, name)
	if err != nil {
		return err
	}
	for _, g := range kept {
		if g.attached && r.code(name, g.version) == nil {
			if err := projection.Detach(ctx, tx, name, g.number); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropOlder drops all retired generations but the one that was replaced: each one
// that is kept is fed, and one is enough to go back to.
func (o *owner) dropOlder(ctx context.Context, b Rebuild) error {
	kept, err := generations(ctx, o.cfg.Pool, b.Projection)
	if err != nil {
		return err
	}
	for _, g := range kept {
		if g.state == projection.Retired && (b.Replaces == nil || g.number != *b.Replaces) {
			if err := o.Drop(ctx, b.Projection, g.number); err != nil {
				return err
			}
		}
	}
	return nil
}

// generation is one of a projection, as the database has it.
type generation struct {
	number   int64
	version  int
	state    projection.State
	attached bool
}

// generations returns those of a projection, the newest first.
func generations(ctx context.Context, db postgres.Reader, name string) ([]generation, error) {
	rows, err := db.Query(ctx, `
		SELECT generation, version, state, attached FROM generations WHERE projection = $1 ORDER BY generation DESC`, name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g generation, err error) {
		err = row.Scan(&g.number, &g.version, &g.state, &g.attached)
		return g, err
	})
}

// Rollback makes the newest retired generation the active one again. It is level
// with the one that it replaces, which is kept in its place. It fails with
// [ErrUnknownProjection], [*UnderWayError] or [ErrNothingToRollBackTo].
func (r *Rebuilder) Rollback(ctx context.Context, name string) error {
	if r.newest(name) == nil {
		return fmt.Errorf("roll back %s: %w", name, ErrUnknownProjection)
	}
	var to int64
	err := quickly(ctx, r.cfg.Pool, func(ctx context.Context, tx pgx.Tx) error {
		if err := notUnderWay(ctx, tx, name); err != nil {
			return err
		}
		kept, err := generations(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, g := range kept {
			code := r.code(name, g.version)
			if g.state == projection.Retired && g.attached && code != nil {
				to = g.number
				return projection.Activate(ctx, tx, code, g.number)
			}
		}
		return ErrNothingToRollBackTo
	})
	if err != nil {
		return fmt.Errorf("roll back %s: %w", name, err)
	}
	r.cfg.Logger.Warn("rolled back: queries are answered from the retired generation again", "projection", name, "generation", to)
	return nil
}

// Drop takes a retired generation away and gives its disk back. It fails with
// [ErrNoGeneration], [ErrActive] or [ErrBeingBuilt].
func (r *Rebuilder) Drop(ctx context.Context, name string, number int64) error {
	err := quickly(ctx, r.cfg.Pool, func(ctx context.Context, tx pgx.Tx) error {
		kept, err := generations(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, g := range kept {
			switch {
			case g.number != number:
			case g.state == projection.Active:
				return ErrActive
			case g.state == projection.Building:
				return ErrBeingBuilt
			default:
				return projection.DropGeneration(ctx, tx, name, number)
			}
		}
		return ErrNoGeneration
	})
	if err != nil {
		return fmt.Errorf("drop generation %d of %s: %w", number, name, err)
	}
	r.cfg.Logger.Info("dropped a generation", "projection", name, "generation", number)
	return nil
}
