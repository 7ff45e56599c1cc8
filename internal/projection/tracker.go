package projection

import (
	"context"
	"slices"
	"sync"
	"time"

	"bookstore/internal/events"
	"bookstore/internal/lookout"
	"bookstore/internal/postgres"
)

// Tracker knows how far a projection has come, so that a reader can
// wait for its own write. Engines in the same process tell it of each commit; of
// what other processes commit it learns by looking at the checkpoints, often
// while somebody waits and once in a while otherwise.
type Tracker struct {
	db         postgres.Reader
	projection string
	newest     func() events.Offsets // of the log; empty where it is not known

	mu      sync.Mutex
	next    events.Offsets
	waiters []*waiter

	lookout *lookout.Lookout
}

type waiter struct {
	token   events.Token
	covered chan struct{}
}

// lookWhenIdle is how often the checkpoints are looked at when nobody waits.
const lookWhenIdle = time.Second

// NewTracker returns a tracker that knows nothing until [Tracker.Run]. newest
// gives the log's newest offsets, as far as they are known.
func NewTracker(db postgres.Reader, projection string, newest func() events.Offsets) *Tracker {
	t := &Tracker{db: db, projection: projection, newest: newest}
	t.lookout = lookout.New(lookWhenIdle, t.waiting, t.look)
	return t
}

// Advanced takes note that partitions are applied up to their next offsets.
func (t *Tracker) Advanced(next map[int32]int64) {
	t.lookout.Told()
	t.advance(next)
}

func (t *Tracker) advance(next map[int32]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for partition, offset := range next {
		for int(partition) >= len(t.next) {
			t.next = append(t.next, 0)
		}
		t.next[partition] = max(t.next[partition], offset)
	}
	t.waiters = slices.DeleteFunc(t.waiters, func(w *waiter) bool {
		if !t.next.Covers(w.token) {
			return false
		}
		close(w.covered)
		return true
	})
}

// WaitFor returns once the projection has applied what token names, and ctx's
// error when that ends first.
func (t *Tracker) WaitFor(ctx context.Context, token events.Token) error {
	t.mu.Lock()
	if t.next.Covers(token) {
		t.mu.Unlock()
		return nil
	}
	w := &waiter{token: token, covered: make(chan struct{})}
	t.waiters = append(t.waiters, w)
	t.mu.Unlock()

	t.lookout.Arrived()
	select {
	case <-w.covered:
		return nil
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		t.waiters = slices.DeleteFunc(t.waiters, func(other *waiter) bool { return other == w })
		return ctx.Err()
	}
}

// Lag returns how many records of the log are not applied yet, at last look, and
// whether that is known.
func (t *Tracker) Lag() (behind int64, known bool) {
	newest := t.newest()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(newest) == 0 || len(t.next) == 0 {
		return 0, false
	}
	for partition, offset := range newest {
		var next int64
		if partition < len(t.next) {
			next = t.next[partition]
		}
		behind += max(0, offset-next)
	}
	return behind, true
}

// Run looks at the checkpoints until ctx ends. A database that is away is looked
// at again; who waits then waits until their own bound.
func (t *Tracker) Run(ctx context.Context) { t.lookout.Run(ctx) }

func (t *Tracker) waiting() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiters) > 0
}

func (t *Tracker) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookWhenIdle)
	defer cancel()
	t.mu.Lock()
	known := slices.Clone(t.next)
	t.mu.Unlock()
	offsets, err := Checkpoints(ctx, t.db, t.projection)
	if err != nil {
		return // the readiness check reports a database that is away
	}
	t.setBack(known, offsets)
	next := make(map[int32]int64, len(offsets))
	for partition, offset := range offsets {
		next[int32(partition)] = offset
	}
	t.advance(next)
}

// setBack takes note of partitions that are behind what was known before they were
// looked at: PostgreSQL has crashed, and its last commits are undone. What was told
// of them in the meantime is forgotten with it, and known again at the next look.
func (t *Tracker) setBack(known, now events.Offsets) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for partition, next := range known {
		switch {
		case partition >= len(now):
			t.next[partition] = 0
		case now[partition] < next:
			t.next[partition] = now[partition]
		}
	}
}
