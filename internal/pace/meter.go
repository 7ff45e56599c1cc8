package pace

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/postgres"
)

const (
	// remembered is how many windows a process remembers, so that a rebuild learns
	// what was before it.
	remembered = 60
	// deleteEvery is how often old rows are removed, while rows are written.
	deleteEvery = 10 * time.Second
)

// Meter counts how long the queries of this process take, and tells rebuilds that
// want to know. Its methods are safe for concurrent use.
type Meter struct {
	pool    *pgxpool.Pool
	process string
	log     *slog.Logger

	counts [buckets]atomic.Int64 // of the window that is open

	mu     sync.Mutex
	began  time.Time   // of the window that is open
	number int64       // of the window that is open; the first is 1
	closed []*counting // oldest first, at most remembered; without idle seconds
}

// counting is a window that is over.
type counting struct {
	number int64
	began  time.Time // by this process's clock
	counts histogram
	at     time.Time // by the database's; set when it is first written, and the same in each try
}

// NewMeter returns a meter that tells what it counts by way of pool, once it runs.
func NewMeter(pool *pgxpool.Pool, log *slog.Logger) *Meter {
	return &Meter{pool: pool, process: uuid.NewString(), log: log, began: time.Now(), number: 1}
}

// Observe counts a query that has just been answered and took d. It costs some ten
// nanoseconds and never waits.
func (m *Meter) Observe(d time.Duration) { m.counts[bucketOf(d)].Add(1) }

// Run counts second by second until ctx ends, and writes the seconds down while a
// rebuild wants to know. It has no errors: what can't be written now is written
// later or forgotten.
func (m *Meter) Run(ctx context.Context) {
	// Telling has a goroutine of its own: seconds must not grow longer when the
	// database is slow, which is when they matter.
	over := make(chan struct{}, 1)
	var telling sync.WaitGroup
	defer telling.Wait()
	telling.Go(func() { m.tell(ctx, over) })

	ticker := time.NewTicker(windowLength)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		m.closeWindow(time.Now())
		select {
		case over <- struct{}{}:
		default: // it is still busy with the last one
		}
	}
}

// closeWindow ends the window that is open and begins the next. An idle one is
// forgotten at once: that nobody asked is also said by a row that is missing.
func (m *Meter) closeWindow(now time.Time) {
	counts := make(histogram, buckets)
	for i := range m.counts {
		if m.counts[i].Load() != 0 { // cheaper than a swap, for most are 0
			counts[i] = m.counts[i].Swap(0)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if counts = counts.trimmed(); len(counts) > 0 {
		m.closed = append(m.closed, &counting{number: m.number, began: m.began, counts: counts})
	}
	m.began, m.number = now, m.number+1
	for len(m.closed) > 0 && m.closed[0].number < m.number-remembered {
		m.closed = m.closed[1:]
	}
}

// closedAfter returns the remembered windows after the one with that number.
func (m *Meter) closedAfter(number int64) []*counting {
	m.mu.Lock()
	defer m.mu.Unlock()
	var later []*counting
	for _, c := range m.closed {
		if c.number > number {
			later = append(later, c)
		}
	}
	return later
}

// tell writes windows down after each signal, until ctx ends.
func (m *Meter) tell(ctx context.Context, over <-chan struct{}) {
	teller := teller{meter: m}
	complained := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
		}
		switch err := teller.tell(ctx); {
		case err == nil:
			complained = false
		case postgres.IsTransient(err) || ctx.Err() != nil || complained:
			// The readiness check reports a database that is away.
		default:
			complained = true
			m.log.Warn("rebuilds don't learn how long queries take: they can't give way", "error", err)
		}
	}
}

// teller is what a meter knows of what it has told.
type teller struct {
	meter   *Meter
	writing bool      // a rebuild wants to know
	written int64     // number of the last window that is written; 0: none
	cleaned time.Time // when old rows were last removed
}

// tell writes down all windows that are not, if a rebuild wants to know.
func (t *teller) tell(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	pool, process := t.meter.pool, t.meter.process

	asked := time.Now()
	watched, now, err := isWatched(ctx, pool)
	if err != nil {
		return err
	}
	if !watched {
		if t.writing {
			// The next rebuild gets what is remembered then, all of it.
			t.writing, t.written = false, 0
			return deleteWindows(ctx, pool, process)
		}
		return nil
	}
	t.writing = true
	ours := asked.Add(time.Since(asked) / 2) // when the database's clock was read, about

	var windows []window
	last := t.written
	for _, c := range t.meter.closedAfter(t.written) {
		if c.at.IsZero() {
			c.at = now.Add(c.began.Sub(ours))
		}
		windows = append(windows, window{process: process, began: c.at, counts: c.counts})
		last = c.number
	}
	if len(windows) > 0 {
		if err := writeWindows(ctx, pool, windows); err != nil {
			return err
		}
		t.written = last
	}
	if time.Since(t.cleaned) < deleteEvery {
		return nil
	}
	t.cleaned = time.Now()
	return deleteOldWindows(ctx, pool)
}
