package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bookstore/internal/events"
)

// ErrTooSlow says that a query was given up at its time limit: by the database,
// or by us where that did not answer at all.
var ErrTooSlow = errors.New("the query took too long")

// grace is how much longer than the server's own limit the answer may take
// before the connection is given up: a server that is frozen or cut off can't
// keep its limit.
const grace = time.Second

// reader runs a SELECT, bounded in time, and hands its rows to scan.
type reader func(ctx context.Context, sql string, args []any, scan func(pgx.CollectableRow) error) error

// read is the [reader] of a SELECT by itself.
//
// The limit travels in the same round trip as the query: a pipeline without
// BEGIN is one transaction, and the settings end with it.
func (c *Catalog) read(ctx context.Context, sql string, args []any, scan func(pgx.CollectableRow) error) error {
	if c.Observe != nil {
		began := time.Now()
		defer func() { c.Observe(time.Since(began)) }()
	}
	return c.readTogether(ctx, selected{sql, args, scan})
}

// selected is a SELECT and what takes its rows.
type selected struct {
	sql  string
	args []any
	scan func(pgx.CollectableRow) error
}

// readTogether runs SELECTs in one round trip. Each sees the moment at which it begins.
//
// Where they are of several projections, that of the catalog comes first: a switch of one
// projection waits for those who read it, and of two that wait for each other's readers
// none would go on.
func (c *Catalog) readTogether(ctx context.Context, all ...selected) error {
	bounded, cancel := context.WithTimeout(ctx, c.Timeout+grace)
	defer cancel()
	pipeline := &pgx.Batch{}
	bound(pipeline, c.Timeout, "force_generic_plan")
	for _, one := range all {
		one.queue(pipeline)
	}
	return asTooSlow(ctx, c.Pool.SendBatch(bounded, pipeline).Close())
}

// readWhole runs a SELECT that looks through whole tables, or large parts of them. It may
// take longer than what a reader asks for, and is planned for the very arguments it has:
// how much they leave of a table decides how it is read.
func (c *Catalog) readWhole(ctx context.Context, timeout time.Duration, one selected) error {
	bounded, cancel := context.WithTimeout(ctx, timeout+grace)
	defer cancel()
	pipeline := &pgx.Batch{}
	bound(pipeline, timeout, "force_custom_plan")
	one.queue(pipeline)
	return asTooSlow(ctx, c.Pool.SendBatch(bounded, pipeline).Close())
}

// atOneMoment gives f a [reader] for several SELECTs that all see the read model as it is
// at the first of them. It takes a round trip more than they do, to end it.
//
// The generation's view is locked first: a switch replaces it first as well, so that the
// two wait for each other and never deadlock. LOCK does not set the moment yet: that would
// be too early for a generation that was switched to meanwhile.
func (c *Catalog) atOneMoment(ctx context.Context, f func(reader) error) error {
	if c.Observe != nil {
		began := time.Now()
		defer func() { c.Observe(time.Since(began)) }()
	}
	bounded, cancel := context.WithTimeout(ctx, c.Timeout+grace)
	defer cancel()
	conn, err := c.Pool.Acquire(bounded)
	if err != nil {
		return asTooSlow(ctx, err)
	}
	defer conn.Release() // which closes a connection whose transaction is still open
	begun := false
	err = f(func(_ context.Context, sql string, args []any, scan func(pgx.CollectableRow) error) error {
		pipeline := &pgx.Batch{}
		if !begun {
			pipeline.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY`)
			pipeline.Queue(`LOCK TABLE catalog_generation IN ACCESS SHARE MODE`)
			bound(pipeline, c.Timeout, "force_generic_plan")
			begun = true
		}
		selected{sql, args, scan}.queue(pipeline)
		return conn.SendBatch(bounded, pipeline).Close()
	})
	if begun {
		// There is nothing to lose: after a failure it is a rollback.
		_, failed := conn.Exec(bounded, `COMMIT`, pgx.QueryExecModeSimpleProtocol)
		err = cmp.Or(err, failed)
	}
	return asTooSlow(ctx, err)
}

// bound limits the statements of a transaction. How a search is carried out has been
// decided before it gets here, see plan; to plan it again each time would cost more than
// most searches.
func bound(pipeline *pgx.Batch, timeout time.Duration, plans string) {
	pipeline.Queue(`SELECT set_config('statement_timeout', $1, true), set_config('plan_cache_mode', $2, true)`,
		strconv.FormatInt(timeout.Milliseconds(), 10), plans)
}

func (s selected) queue(pipeline *pgx.Batch) {
	pipeline.Queue(s.sql, s.args...).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			if err := s.scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// asTooSlow tells a query that was given up at its limit, by the database or by us, from
// one whose client has gone.
func asTooSlow(ctx context.Context, err error) error {
	const queryCanceled = "57014"
	var fromServer *pgconn.PgError
	switch {
	case errors.As(err, &fromServer) && fromServer.Code == queryCanceled,
		errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return fmt.Errorf("%w: %w", ErrTooSlow, err)
	default:
		return err
	}
}

// snapshotOf is a subselect of one row: the generation of a projection that
// answers queries, and the checkpoints of the projection, which are those of all
// its generations that are kept up to date, and so of the one that answers.
//
// It must come before the rows, as a subselect and not WITH: PostgreSQL locks
// what a FROM names in that order, also when it runs a plan again, and a switch
// replaces the view of the generation first. The other way round the two
// deadlock.
func snapshotOf(projection string) string {
	checkpoints := `FROM checkpoints WHERE consumer = '` + projection + `' ORDER BY partition`
	return `(
			SELECT generation, ARRAY(SELECT partition ` + checkpoints + `), ARRAY(SELECT next_offset ` + checkpoints + `)
			FROM ` + projection + `_generation AS active
		) AS snapshot`
}

// offsetsScanner holds the second and third column of a snapshot.
type offsetsScanner struct {
	partitions []int32
	next       []int64
}

func (s offsetsScanner) offsets() events.Offsets {
	var offsets events.Offsets
	for i, partition := range s.partitions {
		for int(partition) >= len(offsets) {
			offsets = append(offsets, 0)
		}
		offsets[partition] = s.next[i]
	}
	return offsets
}

// parkedOf is a subselect of one row: how many events of a book are parked in the
// generation that answers queries, and since when; 0 and null where none are. It
// goes behind that of [snapshotOf]. The index on what is parked has the rest, so
// that a book of which nothing is costs one look at an index of next to nothing.
func parkedOf(projection, book string) string {
	return `LATERAL (
			SELECT count(*) AS events, min(parked_at) AS since FROM parked_records
			WHERE consumer = '` + projection + `' AND generation = snapshot.generation AND book_id = ` + book + ` AND discarded_at IS NULL
		) AS parked`
}
