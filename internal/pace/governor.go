package pace

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// lookEvery is how often a governor looks at what meters have written.
	lookEvery = 500 * time.Millisecond
	// listenFor is how long after the start of a rebuild all meters have noticed it and
	// told what was before: they look once a second.
	listenFor = 2 * time.Second
	// lateBy is how late a row may be written and still be read.
	lateBy = 5 * time.Second
	// deafFor is how long a governor goes on without an answer from the database.
	deafFor = 5 * time.Second
)

// Config says what a [Governor] has to hold.
type Config struct {
	// MaxSlowdown bounds the p99 of live queries: so many times what it was before.
	// Above 1; the nearer, the slower the rebuild and the more it is at the mercy of
	// noise.
	MaxSlowdown float64
	// Since is when the rebuild was started, rebuilds.started_at: by the database's
	// clock, and the same for each of its owners.
	Since time.Time
	// Logger hears when what queries took before is no longer what the bound refers
	// to, and when the database can't be asked.
	Logger *slog.Logger
}

// State is what a [Governor] tells of itself, for progress reports.
type State struct {
	Before   time.Duration // p99 of queries that the bound refers to; 0: not known
	Now      time.Duration // p99 of queries of the last seconds; 0: not known
	Duty     float64       // share of its time that a lane may work, 0 to 1
	GivenWay time.Duration // that lanes have spent in Wait: of several, added up
}

// Governor lets the lanes of one rebuild work as much as live queries allow. Its
// methods are safe for concurrent use.
type Governor struct {
	pool *pgxpool.Pool
	cfg  Config

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed when the duty changes
	worked  bool          // since the last look
	waiting int           // lanes in Wait
	counted time.Time     // GivenWay is counted up to here
}

// NewGovernor returns a governor that lets nobody work until [Governor.Run] has
// learned what was before: about two seconds after the start of the rebuild.
func NewGovernor(pool *pgxpool.Pool, cfg Config) *Governor {
	return &Governor{pool: pool, cfg: cfg, changed: make(chan struct{})}
}

// Wait blocks between two slices of work, for as long as the last one must be made
// up for, so that the lane works no more than its duty. worked is how long that slice
// took; 0, before the first one, only waits while the rebuild has to stand still.
// It fails only with ctx's error, when that ends first.
//
// Several lanes may call it at once; the duty is of each. None should hold locks or a
// transaction: this may take minutes. It needs [Governor.Run] to run.
func (g *Governor) Wait(ctx context.Context, worked time.Duration) error {
	g.enter(worked)
	defer g.leave()
	owed := worked.Seconds()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		duty, changed := g.duty()
		if duty >= 1 {
			return nil
		}
		var paid <-chan time.Time // never, at duty 0
		perSecond := duty / (1 - duty)
		began := time.Now()
		if duty > 0 {
			if owed <= 0 {
				return nil
			}
			paid = time.After(time.Duration(owed / perSecond * float64(time.Second)))
		}
		select {
		case <-ctx.Done():
		case <-paid:
			return nil
		case <-changed:
			// What has been waited for counts at the duty that held.
			owed -= perSecond * time.Since(began).Seconds()
		}
	}
}

// State returns what is known now.
func (g *Governor) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count()
	return g.state
}

// Run looks twice a second at how long queries take, and sets the duty, until ctx
// ends. The duty then stays as it is: Run has to run for as long as lanes work.
func (g *Governor) Run(ctx context.Context) {
	controller := newController(g.cfg.MaxSlowdown, g.cfg.Logger)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	read := g.cfg.Since.Add(-widest) // up to here windows are known
	heard, deaf := time.Now(), false
	for {
		now, err := g.look(ctx, controller, read)
		switch {
		case err == nil:
			if deaf {
				g.cfg.Logger.Info("the rebuild knows again how long queries take", "unknown_for", time.Since(heard))
			}
			read, heard, deaf = now.Add(-lateBy), time.Now(), false
		case !deaf && ctx.Err() == nil && time.Since(heard) >= deafFor:
			deaf = true
			g.cfg.Logger.Warn("the rebuild stands still: how long queries take is not known", "error", err)
			g.publish(State{Before: controller.before})
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look reads the windows that began since then, lets the controller decide, and
// returns the database's time.
func (g *Governor) look(ctx context.Context, controller *controller, since time.Time) (now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	now, windows, err := readWindows(ctx, g.pool, since)
	if err != nil {
		return now, err
	}
	if controller.mode == listening && now.Sub(g.cfg.Since) >= listenFor {
		before, err := readBefore(ctx, g.pool, g.cfg.Since)
		if err != nil {
			return now, err
		}
		controller.begin(before, now)
	}
	controller.step(now, windows, g.tookWork())
	g.publish(State{Before: controller.before, Now: controller.now, Duty: controller.duty})
	return now, nil
}

// tookWork says whether a lane has worked since it was last asked.
func (g *Governor) tookWork() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	worked := g.worked
	g.worked = false
	return worked
}

// publish makes state known, but for GivenWay, which is counted here.
func (g *Governor) publish(state State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if state.Duty != g.state.Duty {
		close(g.changed)
		g.changed = make(chan struct{})
	}
	state.GivenWay = g.state.GivenWay
	g.state = state
}

func (g *Governor) duty() (duty float64, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state.Duty, g.changed
}

func (g *Governor) enter(worked time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count()
	g.waiting++
	g.worked = g.worked || worked > 0
}

func (g *Governor) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count()
	g.waiting--
}

// count counts what lanes have waited since it last did. The lock is held.
func (g *Governor) count() {
	now := time.Now()
	g.state.GivenWay += time.Duration(g.waiting) * now.Sub(g.counted)
	g.counted = now
}
