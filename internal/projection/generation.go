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

	// Source is the topic whose records Apply takes.
	Source() Source

	// Version goes up when tables or Apply change so that what is there must be
	// built anew.
	Version() int

	// Tables are what a generation is made of.
	Tables() []Table

	// Create makes the tables of a generation, with their primary keys: what Apply
	// needs to be right.
	Create(ctx context.Context, tx pgx.Tx, generation int64) error

	// Indexes are the other indexes of a generation: what queries need to be fast.
	// They are made with the tables, or after a bulk load.
	Indexes(generation int64) []Index

	// Activate points the views that queries read at a generation. Views keep their
	// columns from version to version, new ones come last, and those that a newer
	// version has added stay when it is rolled back, empty: PostgreSQL replaces no
	// other view, and programs that run meanwhile must find what they know.
	Activate(ctx context.Context, tx pgx.Tx, generation int64) error

	// Apply turns records of the source into writes to a generation's tables. The
	// same records must always come to the same rows; see [Handler] for what each
	// call may count on.
	Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error)
}

// Table is a table of a projection.
type Table struct {
	Name string   // without the generation; see [TableName]
	Key  []string // columns of the primary key
}

// Index is an index of a generation.
type Index struct {
	Name string // within the schema
	SQL  string // the statement that makes it
	// Collects means that new entries wait in a pending list, see [PendingListKB].
	Collects bool
}

// TableName is the name of a generation's table, unquoted.
func TableName(name string, generation int64) string { return fmt.Sprintf("%s_g%d", name, generation) }

// State is what a generation is there for.
type State string

// The states of a generation.
const (
	Building State = "building" // not for queries yet
	Active   State = "active"   // what queries read; one of each projection
	Retired  State = "retired"  // was active, and can be again
)

// Attached says which generations of a projection the live consumer feeds. It
// fails with [ErrNotInstalled] where there are none.
func Attached(projection string) Generations {
	return func(ctx context.Context, db postgres.Reader) ([]int64, error) {
		rows, err := db.Query(ctx, `
			SELECT generation FROM generations WHERE projection = $1 AND attached ORDER BY generation`, projection)
		if err != nil {
			return nil, err
		}
		attached, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err == nil && len(attached) == 0 {
			return nil, fmt.Errorf("projection %s: %w", projection, ErrNotInstalled)
		}
		return attached, err
	}
}

// ErrNotInstalled says that a projection has no generation to feed or to read.
var ErrNotInstalled = errors.New("there is no generation yet")

// Install returns the active generation of p, making the first one where there
// is none. Several processes may do so at once.
func Install(ctx context.Context, pool *pgxpool.Pool, p Projection) (generation int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := LockGenerations(ctx, tx); err != nil {
			return err
		}
		generation, err = ActiveGeneration(ctx, tx, p.Name())
		if !errors.Is(err, ErrNotInstalled) {
			return err
		}
		generation, err = CreateGeneration(ctx, tx, p)
		if err != nil {
			return err
		}
		if err := CreateIndexes(ctx, tx, p, generation); err != nil {
			return err
		}
		return Activate(ctx, tx, p, generation)
	})
	if err != nil {
		return 0, fmt.Errorf("install projection %s: %w", p.Name(), err)
	}
	return generation, nil
}

// LockGenerations lets one transaction at a time make, switch or drop generations:
// CREATE VIEW and CREATE TABLE are not safe against themselves. Readers go on.
func LockGenerations(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `LOCK TABLE generations IN EXCLUSIVE MODE`)
	return err
}

// ActiveGeneration returns the generation of a projection that queries read. It
// fails with [ErrNotInstalled].
func ActiveGeneration(ctx context.Context, db postgres.Reader, projection string) (int64, error) {
	rows, err := db.Query(ctx, `
		SELECT generation FROM generations WHERE projection = $1 AND state = 'active'`, projection)
	if err != nil {
		return 0, err
	}
	generation, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("projection %s: %w", projection, ErrNotInstalled)
	}
	return generation, err
}

// CreateGeneration makes the tables of a new generation of p, empty and without
// its other indexes, not attached and in state building. The transaction must
// have called [LockGenerations]. Numbers are never used again while the database
// remembers that they were.
func CreateGeneration(ctx context.Context, tx pgx.Tx, p Projection) (generation int64, err error) {
	err = tx.QueryRow(ctx, `
		SELECT 1 + greatest(
			(SELECT coalesce(max(generation), 0) FROM generations WHERE projection = $1),
			(SELECT coalesce(max(generation), 0) FROM rebuilds WHERE projection = $1))`, p.Name()).Scan(&generation)
	if err != nil {
		return 0, err
	}
	if err := p.Create(ctx, tx, generation); err != nil {
		return 0, err
	}
	tables := make([]string, 0, len(p.Tables()))
	for _, t := range p.Tables() {
		tables = append(tables, TableName(t.Name, generation))
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO generations (projection, generation, version, state, attached, tables)
		VALUES ($1, $2, $3, 'building', false, $4)`, p.Name(), generation, p.Version(), tables)
	return generation, err
}

// CreateIndexes makes what [Projection.Indexes] tells.
func CreateIndexes(ctx context.Context, tx pgx.Tx, p Projection, generation int64) error {
	for _, index := range p.Indexes(generation) {
		if _, err := tx.Exec(ctx, index.SQL); err != nil {
			return fmt.Errorf("create index %s: %w", index.Name, err)
		}
	}
	return nil
}

// Activate makes a generation the one that queries read, and retires the one that
// was. Each query is answered from one of the two: from which, is decided by the
// lock on the views, which this waits for. The transaction must have called
// [LockGenerations].
func Activate(ctx context.Context, tx pgx.Tx, p Projection, generation int64) error {
	if err := p.Activate(ctx, tx, generation); err != nil {
		return err
	}
	err := execAll(ctx, tx,
		fmt.Sprintf(`UPDATE generations SET state = 'retired' WHERE projection = '%s' AND state = 'active'`, p.Name()),
		fmt.Sprintf(`UPDATE generations SET state = 'active', attached = true WHERE projection = '%s' AND generation = %d`, p.Name(), generation))
	if err != nil {
		return fmt.Errorf("activate generation %d of %s: %w", generation, p.Name(), err)
	}
	return nil
}
