package command_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
)

func onePartition(int64) int { return 0 }

func threePartitions(id int64) int { return int(id * 7 % 3) }

func TestIDsOfOnePartitionComeInARow(t *testing.T) {
	t.Parallel()
	ids := command.NewIDs(database(t), threePartitions)
	changes, last := 0, -1
	for range 1000 { // a block
		id, err := ids.Next(t.Context())
		require.NoError(t, err)
		if partition := threePartitions(id); partition != last {
			changes, last = changes+1, partition
		}
	}
	require.Equal(t, 3, changes)
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	const goroutines, each = 20, 250 // each process needs more than one block
	pool := database(t)
	processes := []*command.IDs{command.NewIDs(pool, threePartitions), command.NewIDs(pool, threePartitions)}
	var mu sync.Mutex
	seen := map[int64]bool{}
	var failures []error
	var group sync.WaitGroup
	for i := range goroutines {
		group.Go(func() {
			for range each {
				id, err := processes[i%len(processes)].Next(t.Context())
				mu.Lock()
				if err != nil {
					failures = append(failures, err)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.Empty(t, failures)
	require.Len(t, seen, goroutines*each)
	for id := range seen {
		require.Positive(t, id)
	}
	var blocks int64
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT last_value / 1000 + 1 FROM book_ids`).Scan(&blocks))
	require.LessOrEqual(t, blocks, int64(goroutines*each/1000+len(processes)), "one round trip for a block")
}

func TestIDsFailWithTheDatabaseAndGoOn(t *testing.T) {
	t.Parallel()
	ids := command.NewIDs(database(t), onePartition)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ids.Next(cancelled)
	require.ErrorIs(t, err, context.Canceled)
	first, err := ids.Next(t.Context())
	require.NoError(t, err)
	second, err := ids.Next(cancelled) // of the block at hand
	require.NoError(t, err)
	require.Equal(t, first+1, second)
}
