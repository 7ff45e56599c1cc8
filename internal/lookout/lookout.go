// Package lookout looks at something that others change: often while somebody
// waits for it, seldom otherwise.
//
// It is for what one process usually learns by being told and may also have to
// learn from the database: that a command is decided, that a read model has come
// so far. In comes word that somebody waits, or that something was told; out go
// calls of a function that looks. A look that fails is for that function to deal
// with; the next one comes in any case. Nothing is kept, so nothing can be lost.
package lookout

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// soon is the time between looks while somebody waits: what waiting for another
	// process costs at worst. It also gives the one that tells the time to be first.
	soon = 5 * time.Millisecond
	// later is the same when something was told since the last look: then most of
	// what is waited for comes by itself, and looking would only take the database's
	// time from it.
	later = 50 * time.Millisecond
)

// Lookout decides when to look.
type Lookout struct {
	idle    time.Duration
	waiting func() bool
	look    func(ctx context.Context)

	arrived chan struct{}
	told    atomic.Bool
}

// New returns a lookout that looks at least every idle.
func New(idle time.Duration, waiting func() bool, look func(ctx context.Context)) *Lookout {
	return &Lookout{idle: idle, waiting: waiting, look: look, arrived: make(chan struct{}, 1)}
}

// Arrived says that somebody has begun to wait.
func (l *Lookout) Arrived() {
	select {
	case l.arrived <- struct{}{}:
	default: // that is known already
	}
}

// Told says that something has become known without a look.
func (l *Lookout) Told() { l.told.Store(true) }

// Run looks at once, and then until ctx ends.
func (l *Lookout) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	urgent := true // the timer is not set to idle
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.arrived:
			if !urgent {
				urgent = true
				timer.Reset(soon)
			}
			continue
		case <-timer.C:
		}
		// Whoever arrived may have been told in the meantime.
		if l.waiting() || time.Since(looked) >= l.idle {
			l.look(ctx)
			looked = time.Now()
		}
		urgent = l.waiting()
		switch {
		case !urgent:
			timer.Reset(l.idle)
		case l.told.Swap(false):
			timer.Reset(later)
		default:
			timer.Reset(soon)
		}
	}
}
