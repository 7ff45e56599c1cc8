package projection

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// BuildConsumer names the checkpoints of a generation that is not attached yet.
func BuildConsumer(projection string, generation int64) string {
	return fmt.Sprintf("%s/%d", projection, generation)
}

// Attach lets the live consumer of a projection feed a generation from now on. It
// holds the consumer where it is, lets level bring the generation to that position
// and no further, and takes its own checkpoints away. The first generation of all
// brings its position along.
//
// Batches that were made before know nothing of the generation: raising the epoch
// undoes them. The transaction must have called [LockGenerations]; level must be
// quick, as whoever waits for a write waits for it.
func Attach(ctx context.Context, tx pgx.Tx, projection string, generation int64, partitions int, level func(context.Context, events.Offsets) error) error {
	held := make(map[int32]claimed, partitions)
	if err := lockCheckpoints(ctx, tx, projection, allPartitions(partitions), held); err != nil {
		return fmt.Errorf("hold the live consumer of %s: %w", projection, err)
	}
	var others bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM generations WHERE projection = $1 AND attached)`, projection).Scan(&others)
	if err != nil {
		return err
	}
	build := BuildConsumer(projection, generation)
	if others {
		target := make(events.Offsets, partitions)
		for partition, c := range held {
			target[partition] = c.next
		}
		if err := level(ctx, target); err != nil {
			return err
		}
		reached, err := Checkpoints(ctx, tx, build)
		if err != nil {
			return err
		}
		if !slices.Equal(reached, target) {
			return fmt.Errorf("generation %d of %s is at %s, not at %s", generation, projection, reached, target)
		}
	} else if _, err := tx.Exec(ctx, `
		UPDATE checkpoints AS live SET next_offset = build.next_offset FROM checkpoints AS build
		WHERE live.consumer = $1 AND build.consumer = $2 AND build.partition = live.partition`, projection, build); err != nil {
		return err
	}
	if err := setAttached(ctx, tx, projection, generation, true); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM checkpoints WHERE consumer = $1`, build)
	return err
}

// Detach lets the live consumer of a projection feed a generation no longer, once
// the batch that it has under way is done. The transaction must have called
// [LockGenerations].
func Detach(ctx context.Context, tx pgx.Tx, projection string, generation int64) error {
	_, err := tx.Exec(ctx, `SELECT FROM checkpoints WHERE consumer = $1 ORDER BY partition FOR UPDATE`, projection)
	if err != nil {
		return fmt.Errorf("hold the live consumer of %s: %w", projection, err)
	}
	return setAttached(ctx, tx, projection, generation, false)
}

// setAttached needs all checkpoints of the projection to be locked.
func setAttached(ctx context.Context, tx pgx.Tx, projection string, generation int64, attached bool) error {
	_, err := tx.Exec(ctx, `UPDATE generations SET attached = $3 WHERE projection = $1 AND generation = $2`, projection, generation, attached)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE checkpoints SET epoch = epoch + 1 WHERE consumer = $1`, projection)
	return err
}

// DropGeneration takes a generation and everything about it away, but for what was
// discarded: that holds for those to come. The transaction must have called
// [LockGenerations], and nobody must be building it.
func DropGeneration(ctx context.Context, tx pgx.Tx, projection string, generation int64) error {
	if err := Detach(ctx, tx, projection, generation); err != nil {
		return err
	}
	var tables []string
	err := tx.QueryRow(ctx, `DELETE FROM generations WHERE projection = $1 AND generation = $2 RETURNING tables`,
		projection, generation).Scan(&tables)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+pgx.Identifier{table}.Sanitize()); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM checkpoints WHERE consumer = $1`, BuildConsumer(projection, generation)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM parked_records WHERE consumer = $1 AND generation = $2 AND discarded_at IS NULL`, projection, generation)
	return err
}

func allPartitions(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}
