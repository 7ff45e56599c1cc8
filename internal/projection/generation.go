package projection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// Projection is a read model: how its tables look and what an event does to them.
type Projection interface {
	// Name is also the consumer's name in the checkpoints.
	Name() string

	// Version goes up when tables or Apply change so that what is there must be
	// built anew.
	Version() int

	// Create makes the tables and indexes of a generation.
	Create(ctx context.Context, tx pgx.Tx, generation int64) error

	// Activate points the views that queries read at a generation.
	Activate(ctx context.Context, tx pgx.Tx, generation int64) error

	// Apply turns records of the events topic into writes to a generation's
	// tables. The same records must always come to the same rows, and records
	// that were applied before to none: see [Handler].
	Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error)
}

// Install returns the active generation of p, making the first one where there
// is none. Several processes may do so at once.
func Install(ctx context.Context, pool *pgxpool.Pool, p Projection) (generation int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// One at a time: CREATE VIEW and CREATE TABLE are not safe against themselves.
		if _, err := tx.Exec(ctx, `LOCK TABLE generations IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		generation, err = activeGeneration(ctx, tx, p.Name())
		if err != nil || generation > 0 {
			return err
		}
		generation = 1
		if err := p.Create(ctx, tx, generation); err != nil {
			return err
		}
		if err := p.Activate(ctx, tx, generation); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO generations (projection, generation, version, state)
			VALUES ($1, $2, $3, 'active')`, p.Name(), generation, p.Version())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("install projection %s: %w", p.Name(), err)
	}
	return generation, nil
}

// activeGeneration returns 0 where there is none.
func activeGeneration(ctx context.Context, tx pgx.Tx, projection string) (int64, error) {
	var generation int64
	err := tx.QueryRow(ctx, `
		SELECT generation FROM generations WHERE projection = $1 AND state = 'active'`,
		projection).Scan(&generation)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return generation, err
}

// Feed is the [Handler] that keeps one generation of a projection up to date.
type Feed struct {
	Projection Projection
	Generation int64
}

// Resume implements [Handler]; a projection leaves nothing undone.
func (Feed) Resume(context.Context, []int32) error { return nil }

// Apply implements [Handler].
func (f Feed) Apply(ctx context.Context, db postgres.Reader, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	writes, err := f.Projection.Apply(ctx, db, f.Generation, records)
	return writes, nil, err
}
