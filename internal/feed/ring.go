package feed

import (
	"slices"
	"time"

	"bookstore/internal/events"
)

// ring is the last records of a log, in the order in which they came. Of each partition
// it has what lies between base and next, without a gap.
type ring struct {
	records int // that it may have
	items   []*item
	bytes   int            // of their records
	first   int64          // number of items[0]; the records that came are numbered
	base    events.Offsets // all before it has left the ring, or was never there
	next    events.Offsets // all before it has come
}

func newRing(from events.Offsets, records int) *ring {
	return &ring{records: records, base: slices.Clone(from), next: slices.Clone(from)}
}

// add takes a record in; the oldest ones make room.
func (r *ring) add(i *item) {
	r.items = append(r.items, i)
	r.bytes += i.record.Size()
	r.next[i.record.Partition] = i.record.Offset + 1
	for len(r.items) > r.records || r.bytes > ringBytes {
		oldest := r.items[0]
		r.base[oldest.record.Partition] = oldest.record.Offset + 1
		r.bytes -= oldest.record.Size()
		r.items[0] = nil // else it stays in memory until the slice is moved
		r.items = r.items[1:]
		r.first++
	}
}

// place is where a client is.
type place struct {
	position events.Offsets // what it has been sent: all before
	// number is of the first record in the ring that it has not been given; below the
	// ring's first, it is in the log.
	number int64
}

// inLog is the number of a place that has nothing to do with the ring.
const inLog = -1

// maxBatch is how many records a client is given at once: one write to the network for
// all of them, and not so many that a slow client is a long time behind its position.
const maxBatch = 100

// after returns records that a client at p has not been sent, at most maxBatch, and
// moves its number behind them. inside is false when the ring no longer has all
// that it lacks.
func (r *ring) after(p *place) (batch []*item, inside bool) {
	if p.number < r.first {
		if !covers(p.position, r.base) {
			return nil, false
		}
		p.number = r.first
	}
	for p.number < r.first+int64(len(r.items)) && len(batch) < maxBatch {
		i := r.items[p.number-r.first]
		p.number++
		// It may come from the log, or from another process that was ahead of this one.
		if i.record.Offset >= p.position[i.record.Partition] {
			batch = append(batch, i)
		}
	}
	return batch, true
}

// covers says whether a is at or behind b in every partition.
func covers(a, b events.Offsets) bool {
	for partition := range b {
		if a[partition] < b[partition] {
			return false
		}
	}
	return true
}

// byTime puts records into the order of their timestamps. Those of a partition stay in
// their order, whatever the clocks of those who wrote them said.
func byTime(items []*item) []*item {
	type timed struct {
		*item
		at time.Time
	}
	latest := make(map[int32]time.Time)
	sorted := make([]timed, len(items))
	for n, i := range items {
		at := i.record.Timestamp
		if before := latest[i.record.Partition]; before.After(at) {
			at = before
		}
		latest[i.record.Partition] = at
		sorted[n] = timed{i, at}
	}
	slices.SortStableFunc(sorted, func(a, b timed) int { return a.at.Compare(b.at) })
	out := make([]*item, len(sorted))
	for n, s := range sorted {
		out[n] = s.item
	}
	return out
}
