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

// sqlstateFenced is raised by the function advance_checkpoints.
const sqlstateFenced = "BK001"

// span is the part of a partition that a batch moves its checkpoint over.
type span struct {
	partition int32
	from, to  int64 // next offset before and after
}

// claimCheckpoints returns the next offset of each partition, creating rows that
// are missing. It waits for a transaction that is just moving one of them, so
// that what it returns is not outdated by a batch already on its way.
func claimCheckpoints(ctx context.Context, pool *pgxpool.Pool, consumer string, generation int64, partitions []int32) (map[int32]int64, error) {
	partitions = slices.Sorted(slices.Values(partitions))
	next := make(map[int32]int64, len(partitions))
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO checkpoints (consumer, generation, partition)
			SELECT $1, $2, p FROM unnest($3::int[]) AS p ORDER BY p
			ON CONFLICT DO NOTHING`, consumer, generation, partitions)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT partition, next_offset FROM checkpoints
			WHERE consumer = $1 AND generation = $2 AND partition = ANY($3)
			ORDER BY partition FOR UPDATE`, consumer, generation, partitions)
		if err != nil {
			return err
		}
		var partition int32
		var offset int64
		_, err = pgx.ForEachRow(rows, []any{&partition, &offset}, func() error {
			next[partition] = offset
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim checkpoints of %s generation %d: %w", consumer, generation, err)
	}
	return next, nil
}

// queueAdvance puts the compare-and-move of the batch's checkpoints first in the
// pipeline, so that the rows are locked before anything is written.
func queueAdvance(writes *pgx.Batch, consumer string, generation int64, spans []span, durable bool) {
	partitions := make([]int32, len(spans))
	from := make([]int64, len(spans))
	to := make([]int64, len(spans))
	for i, s := range spans {
		partitions[i], from[i], to[i] = s.partition, s.from, s.to
	}
	writes.Queue(`SELECT advance_checkpoints($1, $2, $3, $4, $5, $6)`,
		consumer, generation, partitions, from, to, durable)
}

func asFenced(err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == sqlstateFenced {
		return fmt.Errorf("%w: %s", ErrFenced, pgErr.Message)
	}
	return err
}

// Checkpoints returns the next offsets of a consumer's generation.
func Checkpoints(ctx context.Context, db postgres.Reader, consumer string, generation int64) (events.Offsets, error) {
	rows, err := db.Query(ctx, `
		SELECT partition, next_offset FROM checkpoints
		WHERE consumer = $1 AND generation = $2`, consumer, generation)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints of %s generation %d: %w", consumer, generation, err)
	}
	var offsets events.Offsets
	var partition int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &next}, func() error {
		for int(partition) >= len(offsets) {
			offsets = append(offsets, 0)
		}
		offsets[partition] = next
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints of %s generation %d: %w", consumer, generation, err)
	}
	return offsets, nil
}
