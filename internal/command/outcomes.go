package command

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bookstore/internal/lookout"
	"bookstore/internal/postgres"
)

// Outcomes lets requests wait for what becomes of their commands. The handler in
// the same process tells it of each decision; of what other processes decide it
// learns by looking at the decisions, often while somebody waits.
type Outcomes struct {
	db postgres.Reader

	mu      sync.Mutex
	waiting map[string][]chan Decision // by command id

	down    atomic.Bool
	lookout *lookout.Lookout
}

const (
	// lookWhenIdle is how often the decisions are looked at when nobody waits, only
	// to find out whether the database answers.
	lookWhenIdle = 500 * time.Millisecond
	lookTimeout  = time.Second
)

// NewOutcomes returns outcomes that are only told until [Outcomes.Run].
func NewOutcomes(db postgres.Reader) *Outcomes {
	o := &Outcomes{db: db, waiting: make(map[string][]chan Decision)}
	o.lookout = lookout.New(lookWhenIdle, o.anybodyWaits, o.look)
	return o
}

// Expect must be called before the command is sent. The returned channel gets its
// decision, once; stop must be called when nobody waits for it any more.
func (o *Outcomes) Expect(commandID string) (decision <-chan Decision, stop func()) {
	ch := make(chan Decision, 1)
	o.mu.Lock()
	o.waiting[commandID] = append(o.waiting[commandID], ch)
	o.mu.Unlock()
	o.lookout.Arrived()
	return ch, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		rest := slices.DeleteFunc(o.waiting[commandID], func(other chan Decision) bool { return other == ch })
		if len(rest) == 0 {
			delete(o.waiting, commandID)
			return
		}
		o.waiting[commandID] = rest
	}
}

// Find returns the decision on a command, if there is one.
func (o *Outcomes) Find(ctx context.Context, commandID string) (Decision, bool, error) {
	found, err := readDecisions(ctx, o.db, []string{commandID})
	if err != nil || len(found) == 0 {
		return Decision{}, false, err
	}
	return found[0], true, nil
}

// Available says whether the database answered at the last look, so that writes
// can be refused at once rather than accepted and left unanswered.
func (o *Outcomes) Available() bool { return !o.down.Load() }

// published tells who waits of decisions that are on the log.
func (o *Outcomes) published(decisions []decided) {
	o.lookout.Told()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range decisions {
		o.tell(d.Decision)
	}
}

// tell must be called with the lock held.
func (o *Outcomes) tell(d Decision) {
	for _, ch := range o.waiting[d.CommandID] {
		ch <- d // has room: each channel is told once, then forgotten
	}
	delete(o.waiting, d.CommandID)
}

// Run looks at the decisions until ctx ends.
func (o *Outcomes) Run(ctx context.Context) { o.lookout.Run(ctx) }

func (o *Outcomes) anybodyWaits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting) > 0
}

func (o *Outcomes) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	o.mu.Lock()
	ids := slices.Collect(maps.Keys(o.waiting))
	o.mu.Unlock()

	found, err := readDecisions(ctx, o.db, ids)
	o.down.Store(err != nil)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range found {
		if d.Published {
			o.tell(d)
		}
	}
}
