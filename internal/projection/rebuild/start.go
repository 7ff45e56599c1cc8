package rebuild

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// Start begins a rebuild with the newest version of a projection: its row, and the
// empty tables of a new generation, in one transaction. Whoever runs a [Rebuilder]
// carries it out. It fails with [ErrUnknownProjection] or [*UnderWayError].
func (r *Rebuilder) Start(ctx context.Context, name string, request Request) (Rebuild, error) {
	p := r.newest(name)
	if p == nil {
		return Rebuild{}, fmt.Errorf("rebuild %s: %w", name, ErrUnknownProjection)
	}
	var started Rebuild
	err := pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) error {
		if err := projection.LockGenerations(ctx, tx); err != nil {
			return err
		}
		if err := notUnderWay(ctx, tx, name); err != nil {
			return err
		}
		replaces, err := activeOrNone(ctx, tx, name)
		if err != nil {
			return err
		}
		generation, err := projection.CreateGeneration(ctx, tx, p)
		if err != nil {
			return err
		}
		var id int64
		err = tx.QueryRow(ctx, `
			INSERT INTO rebuilds (projection, generation, version, replaces, phase, accept_diff, max_query_slowdown)
			VALUES ($1, $2, $3, $4, 'copying', $5, $6) RETURNING id`,
			name, generation, p.Version(), replaces, request.AcceptDiff, request.MaxQuerySlowdown).Scan(&id)
		if err != nil {
			return err
		}
		started, err = Get(ctx, tx, id)
		return err
	})
	if err != nil {
		return Rebuild{}, fmt.Errorf("rebuild %s: %w", name, err)
	}
	r.cfg.Logger.Info("rebuild begins", "rebuild", started.ID, "projection", name, "generation", started.Generation, "version", started.Version)
	r.wake()
	return started, nil
}

// notUnderWay fails with [*UnderWayError] where a rebuild of the projection is.
func notUnderWay(ctx context.Context, db postgres.Reader, name string) error {
	unfinished, there, err := Unfinished(ctx, db, name)
	if err == nil && there {
		err = &UnderWayError{Projection: name, ID: unfinished.ID}
	}
	return err
}

// activeOrNone returns the active generation; nil where there is none.
func activeOrNone(ctx context.Context, db postgres.Reader, name string) (*int64, error) {
	active, err := projection.ActiveGeneration(ctx, db, name)
	if errors.Is(err, projection.ErrNotInstalled) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, err
	}
	return &active, nil
}
