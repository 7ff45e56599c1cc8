package projection

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"bookstore/internal/events"
)

// Limits of a batch and of what waits for one. A batch is what is decoded and
// written at once; the bytes bound what a lane holds in memory.
const (
	maxBatchRecords = 2000
	maxLaneBytes    = 8 << 20
)

// lane is the queue of one worker: the records of the partitions that fall to
// it. Partitions share a lane so that a small machine commits a few large
// batches rather than many small ones; a partition never changes its lane, so
// its order is kept.
type lane struct {
	limit int // records in a batch

	mu      sync.Mutex
	queue   []events.Record
	bytes   int
	next    map[int32]int64 // of the assigned partitions: the next offset to apply
	changed chan struct{}   // closed and replaced on each change, to wake who waits
}

func newLane(limit int) *lane {
	return &lane{limit: limit, next: make(map[int32]int64), changed: make(chan struct{})}
}

// wake must be called with the lock held.
func (l *lane) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// assign starts a partition at next. What waits of it came from an earlier
// assignment and will be delivered again from next on.
func (l *lane) assign(partition int32, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.purge(partition)
	l.next[partition] = next
	l.wake()
}

// revoke forgets partitions and what waits of them.
func (l *lane) revoke(partition int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.purge(partition)
	delete(l.next, partition)
	l.wake()
}

// purge must be called with the lock held.
func (l *lane) purge(partition int32) {
	kept := l.queue[:0]
	for _, r := range l.queue {
		if r.Partition == partition {
			l.bytes -= r.Size()
			continue
		}
		kept = append(kept, r)
	}
	clear(l.queue[len(kept):])
	l.queue = kept
}

// put appends a record, waiting while the lane is full. A record whose ctx has
// ended is refused also when there is room: that room may have been made by a new
// assignment, which this record does not belong to.
func (l *lane) put(ctx context.Context, r events.Record) error {
	for {
		l.mu.Lock()
		if err := ctx.Err(); err != nil {
			l.mu.Unlock()
			return err
		}
		if l.bytes < maxLaneBytes {
			l.queue = append(l.queue, r)
			l.bytes += r.Size()
			l.wake()
			l.mu.Unlock()
			return nil
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take returns the next batch: whatever waits, up to the limit, without records
// that are applied already or whose partition is no longer ours. It waits until
// there is one, and returns an empty batch when ctx ends.
func (l *lane) take(ctx context.Context) batch {
	for ctx.Err() == nil {
		l.mu.Lock()
		b := l.cut()
		for len(b.records) == 0 && len(l.queue) > 0 {
			b = l.cut() // nothing of what was cut is to be applied, but there is more
		}
		changed := l.changed
		l.mu.Unlock()
		if len(b.records) > 0 {
			return b
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return batch{}
}

// takeWithin is take for a limited time.
func (l *lane) takeWithin(ctx context.Context, limit time.Duration) batch {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return l.take(ctx)
}

// held returns the partitions that are assigned, each with its next offset.
func (l *lane) held() map[int32]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.next)
}

// waits says whether there are records to be applied.
func (l *lane) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > 0
}

// cut must be called with the lock held.
func (l *lane) cut() batch {
	n := min(len(l.queue), l.limit)
	if n == 0 {
		return batch{}
	}
	b := newBatch(l.queue[:n], l.next)
	for _, r := range l.queue[:n] {
		l.bytes -= r.Size()
	}
	clear(l.queue[:n])
	l.queue = l.queue[n:]
	if len(l.queue) == 0 {
		l.queue = nil
	}
	l.wake() // there is room again
	return b
}

// current returns the part of b that is still to be applied: without partitions
// that were revoked since b was taken, and without those that were assigned anew
// from before b: they will be delivered again, and b must not go first.
func (l *lane) current(b batch) batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := make(map[int32]int64, len(b.spans))
	unchanged := true
	for _, s := range b.spans {
		at, assigned := l.next[s.partition]
		if assigned && at >= s.from {
			next[s.partition] = at
		}
		unchanged = unchanged && assigned && at == s.from
	}
	if unchanged {
		return b
	}
	return newBatch(b.records, next)
}

// holdsAny says whether a partition of b is still assigned.
func (l *lane) holdsAny(b batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range b.spans {
		if _, assigned := l.next[s.partition]; assigned {
			return true
		}
	}
	return false
}

// applied moves the partitions of b behind it.
func (l *lane) applied(b batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range b.spans {
		if next, assigned := l.next[s.partition]; assigned && next < s.to {
			l.next[s.partition] = s.to
		}
	}
}

// batch is what one transaction applies.
type batch struct {
	records []events.Record
	spans   []span // one per partition in records, sorted by partition
}

// newBatch copies those records that continue their partition at next or behind.
// Offsets may skip: a log need not use each one (transaction markers do, say),
// and that nothing is missing is the broker's promise, checked where versions
// are (see GapError).
func newBatch(records []events.Record, next map[int32]int64) batch {
	b := batch{records: make([]events.Record, 0, len(records))}
	at := make(map[int32]int, 8) // partition → index in spans
	for _, r := range records {
		i, seen := at[r.Partition]
		if !seen {
			from, assigned := next[r.Partition]
			if !assigned || r.Offset < from {
				continue
			}
			i = len(b.spans)
			at[r.Partition] = i
			b.spans = append(b.spans, span{partition: r.Partition, from: from, to: from})
		}
		if r.Offset < b.spans[i].to {
			continue
		}
		b.spans[i].to = r.Offset + 1
		b.records = append(b.records, r)
	}
	// The order in which advance_checkpoints locks them.
	slices.SortFunc(b.spans, func(x, y span) int { return cmp.Compare(x.partition, y.partition) })
	return b
}

// halves are the two parts of a batch, in order.
func (b batch) halves() [2]batch {
	middle := len(b.records) / 2
	next := make(map[int32]int64, len(b.spans))
	for _, s := range b.spans {
		next[s.partition] = s.from
	}
	first := newBatch(b.records[:middle], next)
	maps.Copy(next, first.next())
	return [2]batch{first, newBatch(b.records[middle:], next)}
}

// same says whether two batches move the same partitions between the same offsets.
func (b batch) same(other batch) bool { return slices.Equal(b.spans, other.spans) }

func (b batch) partitions() []int32 {
	partitions := make([]int32, len(b.spans))
	for i, s := range b.spans {
		partitions[i] = s.partition
	}
	return partitions
}

// next is where the batch's partitions stand once it is applied.
func (b batch) next() map[int32]int64 {
	next := make(map[int32]int64, len(b.spans))
	for _, s := range b.spans {
		next[s.partition] = s.to
	}
	return next
}
