package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// ErrFenced says that a checkpoint was not where a batch begins: another owner
// has moved it, or the database has lost its last moments. Nothing was written.
var ErrFenced = errors.New("the checkpoint has moved")

// errEpoch says that what a consumer feeds has changed since a batch was made.
// Nothing was written, and the same batch is to be made anew.
var errEpoch = errors.New("other generations are fed now")

// What the function advance_checkpoints raises.
const (
	sqlstateFenced = "BK001"
	sqlstateEpoch  = "BK002"
)

// span is the part of a partition that a batch moves its checkpoint over.
type span struct {
	partition int32
	from, to  int64 // next offset before and after
}

// claimed is a checkpoint as its new owner finds it.
type claimed struct{ next, epoch int64 }

// claimCheckpoints returns the checkpoints of partitions, creating rows that are
// missing, and what generations says in the same moment. It waits for a
// transaction that is just moving one of them, so that what it returns is not
// outdated by a batch already on its way.
func claimCheckpoints(ctx context.Context, pool *pgxpool.Pool, consumer string, partitions []int32, generations Generations) (map[int32]claimed, []int64, error) {
	found := make(map[int32]claimed, len(partitions))
	var fed []int64
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := lockCheckpoints(ctx, tx, consumer, partitions, found); err != nil {
			return err
		}
		// With the rows locked nobody can change it, see Attach.
		var err error
		fed, err = generations(ctx, tx)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("claim checkpoints of %s: %w", consumer, err)
	}
	return found, fed, nil
}

// lockCheckpoints locks checkpoints for the rest of a transaction, in the order of
// their partitions, creating rows that are missing, and notes them in found.
func lockCheckpoints(ctx context.Context, tx pgx.Tx, consumer string, partitions []int32, found map[int32]claimed) error {
	partitions = slices.Sorted(slices.Values(partitions))
	_, err := tx.Exec(ctx, `
		INSERT INTO checkpoints (consumer, partition)
		SELECT $1, p FROM unnest($2::int[]) AS p ORDER BY p
		ON CONFLICT DO NOTHING`, consumer, partitions)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT partition, next_offset, epoch FROM checkpoints
		WHERE consumer = $1 AND partition = ANY($2)
		ORDER BY partition FOR UPDATE`, consumer, partitions)
	if err != nil {
		return err
	}
	var partition int32
	var c claimed
	_, err = pgx.ForEachRow(rows, []any{&partition, &c.next, &c.epoch}, func() error {
		found[partition] = c
		return nil
	})
	return err
}

// queueAdvance puts the compare-and-move of checkpoints first in the pipeline, so
// that the rows are locked before anything is written.
func queueAdvance(writes *pgx.Batch, consumer string, spans []span, epochs map[int32]int64, durable bool) {
	n := len(spans)
	partitions, from, to, at := make([]int32, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, s := range spans {
		partitions[i], from[i], to[i], at[i] = s.partition, s.from, s.to, epochs[s.partition]
	}
	writes.Queue(`SELECT advance_checkpoints($1, $2, $3, $4, $5, $6)`, consumer, partitions, from, to, at, durable)
}

// queueRaise undoes what others have made for the present epoch of a partition, and
// have not committed yet.
func queueRaise(b *pgx.Batch, consumer string, partition int32) {
	b.Queue(`UPDATE checkpoints SET epoch = epoch + 1 WHERE consumer = $1 AND partition = $2`, consumer, partition)
}

// BeginAt puts the checkpoints of a consumer that has none yet to where its log
// begins. Those that it has stay.
func BeginAt(ctx context.Context, pool *pgxpool.Pool, consumer string, oldest events.Offsets) error {
	_, err := pool.Exec(ctx, `
		INSERT INTO checkpoints (consumer, partition, next_offset)
		SELECT $1, partition - 1, next_offset FROM unnest($2::bigint[]) WITH ORDINALITY AS o (next_offset, partition)
		ON CONFLICT DO NOTHING`, consumer, []int64(oldest))
	if err != nil {
		return fmt.Errorf("let %s begin at %s: %w", consumer, oldest, err)
	}
	return nil
}

func asFenced(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case sqlstateFenced:
		return fmt.Errorf("%w: %s", ErrFenced, pgErr.Message)
	case sqlstateEpoch:
		return fmt.Errorf("%w: %s", errEpoch, pgErr.Message)
	}
	return err
}

// Checkpoints returns the next offsets of a consumer.
func Checkpoints(ctx context.Context, db postgres.Reader, consumer string) (events.Offsets, error) {
	found, err := readCheckpoints(ctx, db, consumer)
	if err != nil {
		return nil, err
	}
	var offsets events.Offsets
	for partition, c := range found {
		for int(partition) >= len(offsets) {
			offsets = append(offsets, 0)
		}
		offsets[partition] = c.next
	}
	return offsets, nil
}

func readCheckpoints(ctx context.Context, db postgres.Reader, consumer string) (map[int32]claimed, error) {
	rows, err := db.Query(ctx, `SELECT partition, next_offset, epoch FROM checkpoints WHERE consumer = $1`, consumer)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints of %s: %w", consumer, err)
	}
	found := make(map[int32]claimed)
	var partition int32
	var c claimed
	_, err = pgx.ForEachRow(rows, []any{&partition, &c.next, &c.epoch}, func() error {
		found[partition] = c
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints of %s: %w", consumer, err)
	}
	return found, nil
}
