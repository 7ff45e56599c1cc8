package projection

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transaction is a pipeline without BEGIN: it is one transaction, committed at its
// end, and fails as a whole at its first error.
type transaction struct {
	pipeline pgx.Batch
	parts    []part
	after    []func(context.Context) error
}

// part is the statements that a handler wants for one generation.
type part struct {
	generation int64
	begin, end int // indexes of its first statement and of the one behind it
}

// add appends what a handler wants to be written to a generation.
func (t *transaction) add(generation int64, writes *pgx.Batch, after func(context.Context) error) {
	begin := len(t.pipeline.QueuedQueries)
	if writes != nil {
		t.pipeline.QueuedQueries = append(t.pipeline.QueuedQueries, writes.QueuedQueries...)
	}
	if after != nil {
		t.after = append(t.after, after)
	}
	t.parts = append(t.parts, part{generation, begin, len(t.pipeline.QueuedQueries)})
}

// commit sends everything. Where the database blames what records say, it fails
// with a [*suspectError] of the generation whose statement it was.
func (t *transaction) commit(ctx context.Context, conn *pgxpool.Conn) error {
	results := conn.SendBatch(ctx, &t.pipeline)
	for i := range t.pipeline.QueuedQueries {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // it says the same
			return asFenced(t.blame(i, err))
		}
	}
	return results.Close()
}

// blame names the generation whose statement failed. What the engine itself adds is
// of none: no record is to blame for that, and none must be parked for it.
func (t *transaction) blame(statement int, err error) error {
	for _, p := range t.parts {
		if p.begin <= statement && statement < p.end {
			return suspicious(p.generation, err)
		}
	}
	return err
}

// suspicious makes err a [*suspectError] where it is about what records say.
func suspicious(generation int64, err error) error {
	if isSuspect(err) {
		return &suspectError{generation, err}
	}
	return err
}

// followUp is what is to be done behind the commit; nil for nothing.
func (t *transaction) followUp() func(context.Context) error {
	switch len(t.after) {
	case 0:
		return nil
	case 1:
		return t.after[0]
	}
	return func(ctx context.Context) error {
		for len(t.after) > 0 {
			if err := t.after[0](ctx); err != nil {
				return err
			}
			t.after = t.after[1:]
		}
		return nil
	}
}
