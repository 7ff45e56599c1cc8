package feed

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

func TestStretches(t *testing.T) {
	t.Parallel()
	const most = int64(stretchRecords)
	for _, c := range []struct {
		name           string
		from, next, to events.Offsets
	}{
		{"little is missing everywhere", events.Offsets{5, 0, 7}, events.Offsets{9, 3, 7}, events.Offsets{9, 3, 7}},
		{"most is missing in one", events.Offsets{0, 10, 0}, events.Offsets{50, 5000, 80}, events.Offsets{0, 10 + most, 0}},
		{"what room is left is for others", events.Offsets{0, 0, 0}, events.Offsets{most - 1, 50, 60}, events.Offsets{most - 1, 0, 1}},
		{"another process was ahead", events.Offsets{9, 0}, events.Offsets{3, 4}, events.Offsets{9, 4}},
		{"nothing is missing", events.Offsets{4}, events.Offsets{4}, events.Offsets{4}},
	} {
		require.Equal(t, c.to, stretchOf(c.from, c.next), c.name)
	}
}

// Whatever comes, and wherever a client is: what the ring gives is what the client lacks,
// or the ring says that it can't.
func TestRingGivesExactlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	for range 300 {
		partitions := 1 + rand.IntN(4)
		base := make(events.Offsets, partitions)
		for p := range base {
			base[p] = rand.Int64N(5)
		}
		r := newRing(base, 1+rand.IntN(20))
		client := place{position: slices.Clone(base), number: inLog}
		for range 200 {
			if rand.IntN(3) > 0 {
				p := rand.IntN(partitions)
				r.add(newItem(events.Record{Partition: int32(p), Offset: r.next[p]}))
				continue
			}
			if rand.IntN(10) == 0 { // it comes back to somewhere, or reads the log
				client.number = inLog
				for p := range client.position {
					client.position[p] = rand.Int64N(r.next[p] + 1)
				}
			}
			lacks := !covers(client.position, r.base)
			batch, inside := r.after(&client)
			if !inside {
				require.True(t, lacks)
				require.Empty(t, batch)
				continue
			}
			require.LessOrEqual(t, len(batch), maxBatch)
			for _, i := range batch {
				require.Equal(t, client.position[i.record.Partition], i.record.Offset, "neither a gap nor anything twice")
				client.position[i.record.Partition]++
			}
			if client.number == r.first+int64(len(r.items)) {
				require.Equal(t, r.next, client.position)
			}
		}
		require.LessOrEqual(t, len(r.items), r.records)
	}
}

func TestRingIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	r := newRing(events.Offsets{0}, 1000)
	for offset := range int64(50) {
		r.add(newItem(events.Record{Offset: offset, Value: make([]byte, 1<<20)}))
		require.LessOrEqual(t, r.bytes, ringBytes)
	}
	require.Len(t, r.items, 15)
	require.Equal(t, events.Offsets{35}, r.base)
	require.Equal(t, events.Offsets{50}, r.next)
}

func TestByTimeKeepsTheOrderOfPartitions(t *testing.T) {
	t.Parallel()
	at := func(partition int32, offset, second int64) *item {
		return newItem(events.Record{Partition: partition, Offset: offset, Timestamp: time.Unix(second, 0)})
	}
	// The clock behind partition 0 was set back between its second record and its third.
	a, b, c := at(0, 0, 10), at(0, 1, 30), at(0, 2, 5)
	d, e := at(1, 0, 20), at(1, 1, 40)
	require.Equal(t, []*item{a, d, b, c, e}, byTime([]*item{a, b, c, d, e}))
	require.Equal(t, []*item{a, d, b, c, e}, byTime([]*item{d, e, a, b, c}))
}
