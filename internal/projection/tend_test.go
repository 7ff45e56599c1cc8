package projection_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/testenv"
)

// A crash of PostgreSQL may put a checkpoint back behind the owner's back. These
// tests do so by hand, and then deliver nothing.

func TestACheckpointThatWentBackIsNoticedWithoutARecord(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	consumer := testenv.Name(t)
	o, _ := startOwner(t, pool, consumer, &tape{consumer: consumer})
	o.assign(t, partitionA, partitionB)
	o.deliver(t, partitionA, 0, 4)
	o.deliver(t, partitionB, 0, 4)
	o.reach(t, partitionA, 5)
	o.reach(t, partitionB, 5)

	moveCheckpoint(t, pool, consumer, partitionA, 3)
	await(t, o.gaveUp, "the partition is given up")
	require.Equal(t, map[int32]int64{partitionA: 3, partitionB: 5}, o.assign(t, partitionA, partitionB))
}

func TestANoteThatIsLostIsWrittenAgain(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	consumer := testenv.Name(t)
	resumed := make(chan []int32, 100)
	o, _ := startOwner(t, pool, consumer, &tape{consumer: consumer, resume: func(_ context.Context, partitions []int32) error {
		resumed <- partitions
		return nil
	}})
	o.assign(t, partitionA)
	require.Equal(t, []int32{partitionA}, await(t, resumed, "resumed at the assignment"))
	require.Equal(t, []int32{partitionA}, await(t, resumed, "resumed again, idle"))
}

func TestAGapThatTheDatabaseMadeIsAFence(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	consumer := testenv.Name(t)
	broken := make(chan struct{})
	o, _ := startOwner(t, pool, consumer, &tape{consumer: consumer, before: func(context.Context, []events.Record) error {
		select {
		case <-broken:
			return &projection.GapError{Book: 1, Have: 0, Got: 2} // what a read model that was put back says
		default:
			return nil
		}
	}})
	o.assign(t, partitionA)
	o.deliver(t, partitionA, 0, 4)
	o.reach(t, partitionA, 5)

	close(broken)
	moveCheckpoint(t, pool, consumer, partitionA, 3)
	o.deliver(t, partitionA, 5, 5)
	await(t, o.gaveUp, "the partition is given up")
	require.Equal(t, map[int32]int64{partitionA: 3}, o.assign(t, partitionA))
}

func TestATrackerForgetsWhatTheDatabaseHasLost(t *testing.T) {
	t.Parallel()
	pool := database(t)
	consumer := testenv.Name(t)
	moveCheckpoint(t, pool, consumer, 0, 3)
	tracker := runTracker(t, pool, consumer, unknown)
	tracker.Advanced(map[int32]int64{0: 5}) // and then PostgreSQL crashes

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	token := events.Token{{Partition: 0, Offset: 4}}
	require.Eventually(t, func() bool { return tracker.WaitFor(ended, token) != nil }, patience, pollEvery)
	moveCheckpoint(t, pool, consumer, 0, 5)
	require.NoError(t, tracker.WaitFor(t.Context(), token))
}
