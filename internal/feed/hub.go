package feed

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"bookstore/internal/events"
)

// Log is the topic that is followed.
type Log interface {
	// Watermarks returns, by partition, the offset of the oldest record there is and the
	// one that the next record will get.
	Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error)

	// Read calls fn with all records from from to before to, in order within each
	// partition, one at a time, and fails with its error. With to nil it follows until
	// ctx ends, which then is no error.
	Read(ctx context.Context, from, to events.Offsets, fn func(events.Record) error) error
}

const (
	// ringRecords is how many records a hub keeps: what a client may be behind without
	// reading the log.
	ringRecords = 1000
	// ringBytes is how large they may be together.
	ringBytes = 16 << 20
	// maxReaders is how many clients read the log at the same time.
	maxReaders = 4
)

// Pauses between tries while the log is away.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Hub follows a log for all clients. Make one with [NewHub]; it has nothing for anyone
// until [Hub.Run].
type Hub struct {
	log     Log
	records int           // that the ring may have
	readers chan struct{} // holds one for each client that reads the log
	outage  outage
	ready   chan struct{} // closed once the ring has the log's end

	mu     sync.Mutex
	ring   *ring          // nil until ready
	oldest events.Offsets // where the log began at last look
	wake   chan struct{}  // closed when a record comes; nil while nobody waits
}

// NewHub returns a hub that logs to logger.
func NewHub(log Log, logger *slog.Logger) *Hub {
	return &Hub{
		log: log, records: ringRecords, readers: make(chan struct{}, maxReaders),
		outage: outage{logger: logger}, ready: make(chan struct{}),
	}
}

// Run follows the log until ctx ends. While the log is away it tries again and again.
func (h *Hub) Run(ctx context.Context) {
	for tries := 0; ; tries++ {
		connected, err := h.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		h.outage.begins(err)
		if connected {
			tries = 0
		}
		pause(ctx, tries)
	}
}

// follow returns when the log can be followed no longer, and whether it could be at
// all.
func (h *Hub) follow(ctx context.Context) (connected bool, err error) {
	oldest, newest, err := h.log.Watermarks(ctx)
	if err != nil {
		return false, fmt.Errorf("look where the log of events ends: %w", err)
	}
	if r := h.learn(oldest); r != nil {
		if err := inside(r.next, oldest, newest); err != nil {
			return false, fmt.Errorf("go on in the log of events: the position %w", err)
		}
	} else {
		last, err := h.lastOf(ctx, oldest, newest)
		if err != nil {
			return false, fmt.Errorf("read the end of the log of events: %w", err)
		}
		h.mu.Lock()
		h.ring = last
		h.mu.Unlock()
		close(h.ready)
	}
	h.outage.ends()
	_, next := h.seen()
	err = h.log.Read(ctx, next, nil, func(r events.Record) error {
		h.add(newItem(r))
		return nil
	})
	return true, fmt.Errorf("follow the log of events: %w", err)
}

// lastOf returns a ring with the last records of the log, as if the hub had been there
// when they came.
func (h *Hub) lastOf(ctx context.Context, oldest, newest events.Offsets) (*ring, error) {
	from := slices.Clone(newest)
	for partition := range from {
		// The newest of all may be in one partition.
		from[partition] = max(oldest[partition], newest[partition]-maxTail)
	}
	var items []*item
	err := h.log.Read(ctx, from, newest, func(r events.Record) error {
		items = append(items, newItem(r))
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := newRing(from, h.records)
	for _, i := range byTime(items) {
		r.add(i)
	}
	return r, nil
}

// learn takes note of where the log begins, and returns the ring, if there is one.
func (h *Hub) learn(oldest events.Offsets) *ring {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.oldest = oldest
	return h.ring
}

// seen returns where the log began at last look, and how far the hub has come.
func (h *Hub) seen() (oldest, next events.Offsets) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.oldest), slices.Clone(h.ring.next)
}

// add makes a record known to all who follow.
func (h *Hub) add(i *item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ring.add(i)
	if h.wake != nil {
		close(h.wake)
		h.wake = nil
	}
}

// kept returns all that the ring has, in the order of arrival.
func (h *Hub) kept() []*item {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ring.items)
}

// after returns some of what the ring has for a client that is at a place, and moves
// it there, or a channel that is closed when there is more. Without either, the client
// lacks what the ring no longer has.
func (h *Hub) after(p *place) (batch []*item, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	batch, inside := h.ring.after(p)
	if len(batch) > 0 || !inside {
		return batch, nil
	}
	if h.wake == nil {
		h.wake = make(chan struct{})
	}
	return nil, h.wake
}

// pause waits before the next try, longer after each.
func pause(ctx context.Context, tries int) {
	timer := time.NewTimer(min(firstPause<<min(tries, 10), lastPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// outage says once that the log is away, whoever finds out, and once that it is back.
type outage struct {
	logger *slog.Logger

	mu    sync.Mutex
	since time.Time // zero: all is well
}

func (o *outage) begins(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = time.Now()
		o.logger.Warn("the live feed has lost the log; its streams stay open, and it tries on", "error", err)
	}
}

func (o *outage) ends() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		o.logger.Info("the live feed has the log again", "after", time.Since(o.since))
		o.since = time.Time{}
	}
}
