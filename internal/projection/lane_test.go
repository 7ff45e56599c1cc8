package projection

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

const patience = 20 * time.Second

// at is where a record lies.
type at struct {
	partition int32
	offset    int64
}

// record is one of size bytes, more or less.
func record(partition int32, offset int64, size int) events.Record {
	return events.Record{Partition: partition, Offset: offset, Value: make([]byte, size)}
}

// offsets are those of a batch's records, by partition.
func offsets(b batch) map[int32][]int64 {
	found := map[int32][]int64{}
	for _, r := range b.records {
		found[r.Partition] = append(found[r.Partition], r.Offset)
	}
	return found
}

// fill puts records of half a megabyte until no more goes in, and returns the
// next offset.
func fill(t *testing.T, l *lane, partition int32, next int64) int64 {
	t.Helper()
	for l.bytes < maxLaneBytes {
		require.NoError(t, l.put(t.Context(), record(partition, next, 1<<19)))
		next++
	}
	return next
}

func TestPutWaitsWhileTheLaneIsFull(t *testing.T) {
	t.Parallel()
	for name, makeRoom := range map[string]func(*lane){
		"a batch is taken":    func(l *lane) { l.take(context.Background()) },
		"partition revoked":   func(l *lane) { l.revoke(1) },
		"partition reclaimed": func(l *lane) { l.assign(1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLane(maxBatchRecords)
				l.assign(1, 0)
				next := fill(t, l, 1, 0)
				require.Equal(t, int64(16), next, "about as much as the bound says")

				done, err := false, error(nil)
				go func() {
					err = l.put(t.Context(), record(1, next, 10))
					done = true
				}()
				synctest.Wait()
				require.False(t, done, "it waits")
				makeRoom(l)
				synctest.Wait()
				require.True(t, done, "it is freed")
				require.NoError(t, err)
			})
		})
	}
}

func TestPutGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	l := newLane(maxBatchRecords)
	l.assign(1, 0)
	next := fill(t, l, 1, 0)
	ctx, cancel := context.WithCancel(t.Context())
	blocked := make(chan error, 1)
	go func() { blocked <- l.put(ctx, record(1, next, 10)) }()
	cancel()
	require.ErrorIs(t, <-blocked, context.Canceled)
}

// A record of an assignment that is over must not get into the next one, before
// the records that come first there.
func TestPutRefusesWhatBelongsToAnEarlierAssignment(t *testing.T) {
	t.Parallel()
	l := newLane(maxBatchRecords)
	ctx, cancel := context.WithCancel(t.Context())
	l.assign(1, 0)
	cancel()
	l.assign(1, 0)
	require.ErrorIs(t, l.put(ctx, record(1, 7, 10)), context.Canceled)
	require.Empty(t, l.queue)
}

func TestTheLaneCountsWhatItHolds(t *testing.T) {
	t.Parallel()
	l := newLane(maxBatchRecords)
	l.assign(1, 0)
	l.assign(2, 0)
	for offset := range int64(10) {
		require.NoError(t, l.put(t.Context(), record(1, offset, 100)))
		require.NoError(t, l.put(t.Context(), record(2, offset, 1000)))
	}
	l.revoke(2)
	require.Equal(t, 10*record(1, 0, 100).Size(), l.bytes)
	require.Equal(t, map[int32][]int64{1: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}, offsets(l.take(t.Context())))
	require.Zero(t, l.bytes)
	require.Empty(t, l.queue)
}

func TestABatchIsBounded(t *testing.T) {
	t.Parallel()
	l := newLane(maxBatchRecords)
	l.assign(1, 0)
	for offset := range int64(maxBatchRecords + 1) {
		require.NoError(t, l.put(t.Context(), record(1, offset, 0)))
	}
	first := l.take(t.Context())
	require.Len(t, first.records, maxBatchRecords)
	require.Equal(t, []span{{1, 0, maxBatchRecords}}, first.spans)
	l.applied(first)
	require.Equal(t, []span{{1, maxBatchRecords, maxBatchRecords + 1}}, l.take(t.Context()).spans)
}

// More records than a batch can hold may have been applied already, or be of
// partitions that are gone. What waits behind them must not wait for more to come.
func TestTakePassesOverAnyNumberOfStaleRecords(t *testing.T) {
	t.Parallel()
	l := newLane(maxBatchRecords)
	l.assign(1, 3*maxBatchRecords)
	for offset := range int64(3*maxBatchRecords + 1) {
		require.NoError(t, l.put(t.Context(), record(1, offset, 0)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.Equal(t, map[int32][]int64{1: {3 * maxBatchRecords}}, offsets(l.take(ctx)))
}

func TestTakeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := newLane(maxBatchRecords)
	ctx, cancel := context.WithCancel(t.Context())
	taken := make(chan batch, 1)
	go func() { taken <- l.take(ctx) }()
	cancel()
	require.Empty(t, (<-taken).records)
}

func TestBatchesKeepWhatIsNextOfEachPartition(t *testing.T) {
	t.Parallel()
	var records []events.Record
	for _, p := range []at{{3, 5}, {1, 2}, {3, 4}, {1, 3}, {1, 3}, {9, 0}, {3, 8}, {2, 7}} {
		records = append(records, record(p.partition, p.offset, 0))
	}
	b := newBatch(records, map[int32]int64{1: 3, 2: 7, 3: 0, 4: 1})
	require.Equal(t, map[int32][]int64{1: {3}, 2: {7}, 3: {5, 8}}, offsets(b))
	require.Equal(t, []span{{1, 3, 4}, {2, 7, 8}, {3, 0, 9}}, b.spans, "in the order of the partitions")
	require.Equal(t, []int32{1, 2, 3}, b.partitions())
	require.Equal(t, map[int32]int64{1: 4, 2: 8, 3: 9}, b.next())
}

func TestCurrentIsWhatIsStillToBeApplied(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		meanwhile func(*lane)
		want      []span
	}{
		"nothing happened":           {func(*lane) {}, []span{{1, 5, 8}, {2, 0, 2}}},
		"one revoked":                {func(l *lane) { l.revoke(1) }, []span{{2, 0, 2}}},
		"both revoked":               {func(l *lane) { l.revoke(1); l.revoke(2) }, nil},
		"assigned anew where it was": {func(l *lane) { l.revoke(1); l.assign(1, 5) }, []span{{1, 5, 8}, {2, 0, 2}}},
		"assigned anew within":       {func(l *lane) { l.assign(1, 7) }, []span{{1, 7, 8}, {2, 0, 2}}},
		"assigned anew behind":       {func(l *lane) { l.assign(1, 8) }, []span{{2, 0, 2}}},
		"assigned anew before":       {func(l *lane) { l.assign(1, 4) }, []span{{2, 0, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLane(maxBatchRecords)
			l.assign(1, 5)
			l.assign(2, 0)
			for _, p := range []at{{1, 5}, {2, 0}, {1, 6}, {2, 1}, {1, 7}} {
				require.NoError(t, l.put(t.Context(), record(p.partition, p.offset, 0)))
			}
			b := l.take(t.Context())
			tc.meanwhile(l)
			require.Equal(t, tc.want, l.current(b).spans)
		})
	}
}

func TestAppliedNeverMovesBack(t *testing.T) {
	t.Parallel()
	l := newLane(maxBatchRecords)
	l.assign(1, 5)
	require.NoError(t, l.put(t.Context(), record(1, 5, 0)))
	b := l.take(t.Context())
	require.True(t, l.holdsAny(b))
	l.assign(1, 9)
	l.applied(b)
	require.Equal(t, int64(9), l.next[1])
	l.revoke(1)
	require.False(t, l.holdsAny(b))
	l.applied(b)
	require.Empty(t, l.next, "a partition that was revoked does not come back")
}
