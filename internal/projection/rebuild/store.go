package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/postgres"
)

// listed is how many rebuilds List returns at most.
const listed = 100

// List returns the last hundred rebuilds of a projection, the newest first.
func List(ctx context.Context, db postgres.Reader, projection string) ([]Rebuild, error) {
	found, err := selectRebuilds(ctx, db, `SELECT `+columns+` FROM rebuilds WHERE projection = $1 ORDER BY id DESC LIMIT $2`, projection, listed)
	if err != nil {
		return nil, fmt.Errorf("list rebuilds of %s: %w", projection, err)
	}
	return found, nil
}

// Get returns a rebuild. It fails with [ErrNotFound].
func Get(ctx context.Context, db postgres.Reader, id int64) (Rebuild, error) {
	found, err := selectRebuilds(ctx, db, `SELECT `+columns+` FROM rebuilds WHERE id = $1`, id)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Rebuild{}, fmt.Errorf("get rebuild %d: %w", id, err)
	}
	return found[0], nil
}

// Unfinished returns the rebuild of a projection that is not over; there is one
// at most.
func Unfinished(ctx context.Context, db postgres.Reader, projection string) (r Rebuild, there bool, err error) {
	found, err := selectRebuilds(ctx, db, `SELECT `+columns+` FROM rebuilds WHERE projection = $1 AND finished_at IS NULL`, projection)
	if err != nil {
		return Rebuild{}, false, fmt.Errorf("get the unfinished rebuild of %s: %w", projection, err)
	}
	if len(found) == 0 {
		return Rebuild{}, false, nil
	}
	return found[0], true, nil
}

// Last returns the newest rebuild of a projection: the unfinished one where there
// is one.
func Last(ctx context.Context, db postgres.Reader, projection string) (r Rebuild, there bool, err error) {
	found, err := selectRebuilds(ctx, db, `SELECT `+columns+` FROM rebuilds WHERE projection = $1 ORDER BY id DESC LIMIT 1`, projection)
	if err != nil {
		return Rebuild{}, false, fmt.Errorf("get the last rebuild of %s: %w", projection, err)
	}
	if len(found) == 0 {
		return Rebuild{}, false, nil
	}
	return found[0], true, nil
}

// SetWish tells the owner of a rebuild what to do; that it is done is seen in
// Paused and Phase. The same wish twice is no fault. It fails with [ErrNotFound],
// [ErrOver], or [ErrBeingCancelled]: a cancelled rebuild may have dropped its
// tables this moment.
func SetWish(ctx context.Context, pool *pgxpool.Pool, id int64, wish Wish) (Rebuild, error) {
	r, err := change(ctx, pool, id, func(r *Rebuild) error {
		if r.Wish == Cancel && wish != Cancel {
			return ErrBeingCancelled
		}
		r.Wish = wish
		return nil
	})
	if err != nil {
		return Rebuild{}, fmt.Errorf("tell rebuild %d to %s: %w", id, wish, err)
	}
	return r, nil
}

// Accept lets a rebuild switch whose rows differ from the active generation's. It
// fails with [ErrNotFound], [ErrOver], [ErrBeingCancelled] or
// [ErrNothingToAccept]: nobody can accept what has not been found yet, but when
// the rebuild is started.
func Accept(ctx context.Context, pool *pgxpool.Pool, id int64) (Rebuild, error) {
	r, err := change(ctx, pool, id, func(r *Rebuild) error {
		switch {
		case r.Wish == Cancel:
			return ErrBeingCancelled
		case r.Phase != Differs:
			return ErrNothingToAccept
		}
		r.AcceptDiff = true
		return nil
	})
	if err != nil {
		return Rebuild{}, fmt.Errorf("accept what differs in rebuild %d: %w", id, err)
	}
	return r, nil
}

// change writes down what order makes of a rebuild's wishes, unless it is over.
// The row is locked meanwhile: the owner may be about to finish it.
func change(ctx context.Context, pool *pgxpool.Pool, id int64, order func(*Rebuild) error) (r Rebuild, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		found, err := selectRebuilds(ctx, tx, `SELECT `+columns+` FROM rebuilds WHERE id = $1 FOR UPDATE`, id)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return ErrNotFound
		case found[0].FinishedAt != nil:
			return ErrOver
		}
		changed := found[0]
		if err := order(&changed); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE rebuilds SET wish = $2, accept_diff = $3 WHERE id = $1`,
			id, changed.Wish, changed.AcceptDiff); err != nil {
			return err
		}
		r, err = Get(ctx, tx, id) // what it foretells depends on the wish
		return err
	})
	return r, err
}

// columns are what selectRebuilds scans. The database's clock comes along: it is
// the one that reported_at is of.
const columns = `id, projection, generation, version, replaces, phase, wish, accept_diff, max_query_slowdown,
	owner, paused, events_done, events_total, phase_share, detail, query_p99_before, query_p99_now, given_way, trouble,
	verification, phases, started_at, phase_started_at, reported_at, finished_at, now()`

// selectRebuilds runs a statement that returns columns.
func selectRebuilds(ctx context.Context, db postgres.Reader, sql string, args ...any) ([]Rebuild, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]Rebuild{}, rows, func(row pgx.CollectableRow) (Rebuild, error) {
		var r Rebuild
		var now time.Time
		err := row.Scan(&r.ID, &r.Projection, &r.Generation, &r.Version, &r.Replaces, &r.Phase, &r.Wish, &r.AcceptDiff, &r.MaxQuerySlowdown,
			&r.Owner, &r.Paused, &r.EventsDone, &r.EventsTotal, &r.PhaseShare, &r.Detail, &r.QueryP99Before, &r.QueryP99Now, &r.GivenWay, &r.Trouble,
			&r.Verification, &r.Phases, &r.StartedAt, &r.PhaseStartedAt, &r.ReportedAt, &r.FinishedAt, &now)
		if err != nil {
			return Rebuild{}, err
		}
		for _, at := range []*time.Time{&r.StartedAt, &r.PhaseStartedAt, &r.ReportedAt, r.FinishedAt} {
			if at != nil {
				*at = at.UTC()
			}
		}
		r.forecast(now)
		return r, nil
	})
}
