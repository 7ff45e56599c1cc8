package messaging

import (
	"context"
	"slices"
	"sync"
)

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// doubts keeps records back from partitions where others are in doubt: sent,
// without an answer, and nobody waiting for them any more. The producer goes on
// trying to send those, to keep the order, and would keep everything behind them
// until it succeeds. Minutes later, when the broker is back, it would write all
// that had been tried, and given up, in the meantime. So only what was under way
// when the broker went may arrive late, and what is tried after that surely does
// not.
type doubts struct {
	mu      sync.Mutex
	records map[place]int
	fewer   chan struct{} // closed and replaced when a doubt is resolved
}

func newDoubts() *doubts {
	return &doubts{records: make(map[place]int), fewer: make(chan struct{})}
}

// clear waits until no record is in doubt in any of the places.
func (d *doubts) clear(ctx context.Context, places []place) error {
	for {
		d.mu.Lock()
		doubtful := slices.ContainsFunc(places, func(p place) bool { return d.records[p] > 0 })
		fewer := d.fewer
		d.mu.Unlock()
		if !doubtful {
			return nil
		}
		select {
		case <-fewer:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (d *doubts) add(p place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records[p]++
}

func (d *doubts) resolve(p place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.records[p]--; d.records[p] == 0 {
		delete(d.records, p)
	}
	close(d.fewer)
	d.fewer = make(chan struct{})
}
