package operations

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/projection/rebuild"
)

// Projection is a projection as operators see it.
type Projection struct {
	Name         string `json:"name"`
	Version      int    `json:"version"` // of the code
	Topic        string `json:"topic"`   // that it is made of, and that positions are in
	NeedsRebuild bool   `json:"needs_rebuild"`
	Active       int64  `json:"active"` // the generation that answers queries; 0: none yet

	// How far the live consumer has come, in next offsets by partition, and how far
	// the topic reaches. What the log is needed for is nil while it is away.
	Position      events.Offsets `json:"position"`
	Head          events.Offsets `json:"head"`
	Behind        *int64         `json:"behind"`         // events
	BehindSeconds *float64       `json:"behind_seconds"` // since the oldest event that is not applied came
	// EventsPerSecond is how fast it moved at last look; nil: not looked twice yet.
	EventsPerSecond *float64 `json:"events_per_second"`

	Parked      int64            `json:"parked"` // records of the active generation
	Generations []Generation     `json:"generations"`
	Rebuild     *rebuild.Rebuild `json:"rebuild"` // the unfinished one, else the last one, if any
}

// Generation is one set of a projection's tables.
type Generation struct {
	Generation int64     `json:"generation"`
	Version    int       `json:"version"`  // of the code that it was made by
	State      string    `json:"state"`    // building, active, retired
	Attached   bool      `json:"attached"` // it is fed by the live consumer
	Rows       int64     `json:"rows"`     // of all its tables, as PostgreSQL's statistics estimate
	Bytes      int64     `json:"bytes"`    // on disk, with indexes
	Parked     int64     `json:"parked"`   // records that it could not apply, and those behind them
	CreatedAt  time.Time `json:"created_at"`
}

// look returns what there is to see of some projections, in their order, all of
// it at one moment of the database.
func (a *API) look(ctx context.Context, projections ...Described) ([]Projection, error) {
	views := make([]Projection, len(projections))
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, a.Pool, snapshot, func(tx pgx.Tx) error {
		counts, err := parked.Counts(ctx, tx)
		if err != nil {
			return err
		}
		for i, p := range projections {
			if views[i], err = read(ctx, tx, p, counts); err != nil {
				return fmt.Errorf("read projection %s: %w", p.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// All of them together: a log that is away is not waited for again and again.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i := range views {
		a.relate(ctx, &views[i])
	}
	return views, nil
}

// patience is how long an answer waits for the log to say how old its records
// are: a healthy one needs milliseconds.
const patience = 500 * time.Millisecond

// read sees what the database has of a projection.
func read(ctx context.Context, tx pgx.Tx, p Described, counts []parked.Count) (Projection, error) {
	view := Projection{Name: p.Name, Version: p.Version, Topic: p.Topic}
	var err error
	if view.Generations, err = readGenerations(ctx, tx, p.Name); err != nil {
		return Projection{}, err
	}
	for i := range view.Generations {
		g := &view.Generations[i]
		for _, c := range counts {
			if c.Consumer == p.Name && c.Generation == g.Generation {
				g.Parked = c.Records
			}
		}
		if g.State == "active" {
			view.Active, view.NeedsRebuild, view.Parked = g.Generation, g.Version != p.Version, g.Parked
		}
	}
	if view.Position, err = projection.Checkpoints(ctx, tx, p.Name); err != nil {
		return Projection{}, err
	}
	if view.Position == nil {
		view.Position = events.Offsets{} // not null
	}
	if last, there, err := rebuild.Last(ctx, tx, p.Name); err != nil {
		return Projection{}, err
	} else if there {
		view.Rebuild = &last
	}
	return view, nil
}

func readGenerations(ctx context.Context, db postgres.Reader, projection string) ([]Generation, error) {
	// Statistics of what was just loaded know it before VACUUM has counted; after a
	// crash it is the other way round.
	rows, err := db.Query(ctx, `
		SELECT generation, version, state, attached, size.rows, size.bytes, created_at
		FROM generations CROSS JOIN LATERAL (
			SELECT coalesce(sum(coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), greatest(c.reltuples, 0)::bigint)), 0)::bigint AS rows,
				coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes
			FROM unnest(tables) AS t JOIN pg_class AS c ON c.oid = to_regclass(t)
		) AS size
		WHERE projection = $1 ORDER BY generation`, projection)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]Generation{}, rows, func(row pgx.CollectableRow) (Generation, error) {
		var g Generation
		err := row.Scan(&g.Generation, &g.Version, &g.State, &g.Attached, &g.Rows, &g.Bytes, &g.CreatedAt)
		g.CreatedAt = g.CreatedAt.UTC()
		return g, err
	})
}

// relate says where a projection stands in the log, and how it moves.
func (a *API) relate(ctx context.Context, view *Projection) {
	view.EventsPerSecond = a.pace.of(view.Name)
	head := slices.Clone(a.Heads(view.Topic))
	if head == nil {
		return
	}
	for len(view.Position) < len(head) {
		view.Position = append(view.Position, 0)
	}
	var behind int64
	for partition, next := range view.Position[:len(head)] {
		// The head is from a moment before, and what is applied was there.
		head[partition] = max(head[partition], next)
		behind += head[partition] - next
	}
	view.Head = head
	view.Behind = &behind
	if behind == 0 {
		view.BehindSeconds = new(float64)
		return
	}
	at, found, err := a.OldestUnapplied(ctx, view.Topic, view.Position)
	switch {
	case err != nil: // not known: the log is away, which those say who need it
	case !found:
		view.BehindSeconds = new(float64)
	default:
		view.BehindSeconds = new(max(0, time.Since(at).Seconds()))
	}
}
