package projection_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

func TestCheckpointsAreByConsumer(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	none, err := projection.Checkpoints(t.Context(), pool, "one")
	require.NoError(t, err)
	require.Empty(t, none)

	moveCheckpoint(t, pool, "one", 3, 7)
	moveCheckpoint(t, pool, "one", 1, 4)
	moveCheckpoint(t, pool, "two", 0, 9)
	found, err := projection.Checkpoints(t.Context(), pool, "one")
	require.NoError(t, err)
	require.Equal(t, events.Offsets{0, 4, 0, 7}, found)
	other, err := projection.Checkpoints(t.Context(), pool, "three")
	require.NoError(t, err)
	require.Empty(t, other)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = projection.Checkpoints(cancelled, pool, "one")
	require.ErrorIs(t, err, context.Canceled)
}

// A new owner waits for the old one's batch to end, and begins behind it.
func TestAssignWaitsForTheBatchThatMovesTheCheckpoint(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	moveCheckpoint(t, pool, "waits", partitionA, 5)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	var pid uint32
	require.NoError(t, tx.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid))
	_, err = tx.Exec(t.Context(), `SELECT advance_checkpoints('waits', '{0}', '{5}', '{8}', '{0}', true)`)
	require.NoError(t, err)

	o, _ := startOwner(t, pool, "waits", &tape{consumer: "waits"})
	var next map[int32]int64
	assigned := make(chan error, 1)
	go func() {
		var err error
		next, err = o.Assign(context.Background(), []int32{partitionB, partitionA}, func() {})
		assigned <- err
	}()
	waitBlockedBy(t, pool, pid)
	require.Empty(t, assigned)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, await(t, assigned, "the assignment"))
	require.Equal(t, map[int32]int64{partitionA: 8, partitionB: 0}, next)
}

func TestAssignFailsWithTheDatabase(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	o, _ := startOwner(t, pool, "away", &tape{consumer: "away"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := o.Assign(ctx, []int32{partitionA}, func() {})
	require.ErrorIs(t, err, context.Canceled)
}
