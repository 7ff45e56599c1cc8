package projection_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// unknown is a log whose newest offsets nobody knows.
func unknown() events.Offsets { return nil }

// runTracker runs a tracker of a consumer until the test ends.
func runTracker(t *testing.T, pool *pgxpool.Pool, consumer string, newest func() events.Offsets) *projection.Tracker {
	t.Helper()
	tracker := projection.NewTracker(pool, consumer, newest)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tracker.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return tracker
}

// waitFor waits in the background.
func waitFor(ctx context.Context, tracker *projection.Tracker, token events.Token) <-chan error {
	done := make(chan error, 1)
	go func() { done <- tracker.WaitFor(ctx, token) }()
	return done
}

func TestWaitForReturnsAtOnceWhatIsThere(t *testing.T) {
	t.Parallel()
	tracker := projection.NewTracker(nil, "unused", unknown) // is told, and never looks
	tracker.Advanced(map[int32]int64{0: 5, 2: 1})
	done, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, tracker.WaitFor(done, nil), "every reader has seen the empty token")
	require.NoError(t, tracker.WaitFor(done, events.Token{{Partition: 0, Offset: 4}, {Partition: 2, Offset: 0}}))
	for _, token := range []events.Token{
		{{Partition: 0, Offset: 5}},
		{{Partition: 1, Offset: 0}},
		{{Partition: 7, Offset: 0}},
		{{Partition: 0, Offset: 0}, {Partition: 2, Offset: 1}},
	} {
		require.ErrorIs(t, tracker.WaitFor(done, token), context.Canceled, "%s", token)
	}
}

func TestWaitForIsToldByTheEngine(t *testing.T) {
	t.Parallel()
	tracker := projection.NewTracker(nil, "unused", unknown)
	both := waitFor(t.Context(), tracker, events.Token{{Partition: 0, Offset: 4}, {Partition: 1, Offset: 0}})
	one := waitFor(t.Context(), tracker, events.Token{{Partition: 0, Offset: 0}})

	tracker.Advanced(map[int32]int64{0: 5})
	require.NoError(t, await(t, one, "partition 0"))
	require.Empty(t, both)
	tracker.Advanced(map[int32]int64{0: 3}) // an assignment tells where it begins
	tracker.Advanced(map[int32]int64{1: 1})
	require.NoError(t, await(t, both, "both partitions"))
}

// Another process commits; nobody in this one is told.
func TestWaitForLooksAtWhatOthersCommit(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	tracker := runTracker(t, pool, "elsewhere", unknown)
	o, _ := startOwner(t, pool, "elsewhere", &tape{consumer: "elsewhere"})
	o.assign(t, 3)
	waiting := waitFor(t.Context(), tracker, events.Token{{Partition: 3, Offset: 1}})
	o.deliver(t, 3, 0, 0)
	o.reach(t, 3, 1)
	require.Empty(t, waiting)
	o.deliver(t, 3, 1, 1)
	require.NoError(t, await(t, waiting, "what the other process committed"))
	require.Equal(t, upTo(2), taped(t, pool, "elsewhere", 3), "what was waited for is there")
}

func TestWaitForEndsWithItsContext(t *testing.T) {
	t.Parallel()
	tracker := projection.NewTracker(nil, "unused", unknown)
	ctx, cancel := context.WithCancel(t.Context())
	gone := waitFor(ctx, tracker, events.Token{{Offset: 9}})
	stays := waitFor(t.Context(), tracker, events.Token{{Offset: 9}})
	cancel()
	require.ErrorIs(t, await(t, gone, "the end of the context"), context.Canceled)
	tracker.Advanced(map[int32]int64{0: 10})
	require.NoError(t, await(t, stays, "the other waiter"))
}

func TestLagIsWhatTheLogHasMore(t *testing.T) {
	t.Parallel()
	var newest events.Offsets
	tracker := projection.NewTracker(nil, "unused", func() events.Offsets { return newest })
	requireLag := func(want int64, wantKnown bool) {
		t.Helper()
		behind, known := tracker.Lag()
		require.Equal(t, want, behind)
		require.Equal(t, wantKnown, known)
	}
	requireLag(0, false)
	newest = events.Offsets{10, 20, 5}
	requireLag(0, false)
	tracker.Advanced(map[int32]int64{0: 4, 1: 25}) // further than the last look at the log
	requireLag(6+0+5, true)
	tracker.Advanced(map[int32]int64{0: 10, 2: 5})
	requireLag(0, true)
}
