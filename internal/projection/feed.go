package projection

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// Feed is the [Handler] that keeps generations of one projection up to date, each
// by the code of its version.
type Feed struct {
	name     string
	versions map[int]Projection

	mu    sync.Mutex
	codes map[int64]Projection // by generation, whose version never changes
}

// NewFeed returns a feed of the given versions of one projection: the newest, and
// any older ones whose generations are to be kept up to date until they are
// replaced.
func NewFeed(versions ...Projection) *Feed {
	f := &Feed{versions: make(map[int]Projection), codes: make(map[int64]Projection)}
	for _, p := range versions {
		f.name = p.Name()
		f.versions[p.Version()] = p
	}
	return f
}

// UnknownVersionError says that a generation was made by code that this program
// does not have: newer, or older and given up. Nothing of the projection is fed
// then, as all its generations are fed together; queries are answered from what
// is there. A rebuild puts it right, or the program that made it.
type UnknownVersionError struct {
	Projection string
	Generation int64
	Version    int
}

func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("generation %d of %s is of version %d, which this program can't feed; rebuild %s",
		e.Generation, e.Projection, e.Version, e.Projection)
}

// Resume implements [Handler]; a projection leaves nothing undone.
func (*Feed) Resume(context.Context, []int32) error { return nil }

// Apply implements [Handler]. It fails with [*UnknownVersionError], or as
// [Projection.Apply] does.
func (f *Feed) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	p, err := f.code(ctx, db, generation)
	if err != nil {
		return nil, nil, err
	}
	writes, err := p.Apply(ctx, db, generation, records)
	return writes, nil, err
}

// code returns the code that a generation was made by.
func (f *Feed) code(ctx context.Context, db postgres.Reader, generation int64) (Projection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, known := f.codes[generation]; known {
		return p, nil
	}
	rows, err := db.Query(ctx, `SELECT version FROM generations WHERE projection = $1 AND generation = $2`, f.name, generation)
	if err != nil {
		return nil, err
	}
	version, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("find generation %d of %s: %w", generation, f.name, err)
	}
	p, known := f.versions[version]
	if !known {
		return nil, &UnknownVersionError{Projection: f.name, Generation: generation, Version: version}
	}
	f.codes[generation] = p
	return p, nil
}
