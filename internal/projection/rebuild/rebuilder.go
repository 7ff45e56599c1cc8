package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// Log is a topic that projections are made of.
type Log interface {
	// Watermarks returns, by partition, the offset of the oldest record there is
	// and the one that the next record will get.
	Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error)

	// Read calls fn with all records from from to before to, in order within each
	// partition, one at a time, and fails with its error.
	Read(ctx context.Context, from, to events.Offsets, fn func(events.Record) error) error
}

// Config is what a [Rebuilder] needs. All fields are required.
type Config struct {
	Pool *pgxpool.Pool
	// Log returns the topic that a source is.
	Log func(projection.Source) Log
	// Projections are those that can be built: the newest version of each, and older
	// ones whose generations are to be kept up to date until they are replaced.
	Projections []projection.Projection
	// Readable says whether this program's queries can be answered from the tables of a
	// version of a projection; nil: from those of any.
	Readable func(projection string, version int) bool
	Logger   *slog.Logger
	Metrics  *projection.Metrics
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var faults []error
	for field, missing := range map[string]bool{
		"Pool":        c.Pool == nil,
		"Log":         c.Log == nil,
		"Projections": len(c.Projections) == 0,
		"Logger":      c.Logger == nil,
		"Metrics":     c.Metrics == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("rebuild.Config.%s is missing", field))
		}
	}
	return errors.Join(faults...)
}

// Rebuilder starts rebuilds, and while it runs it carries out those that nobody
// else has taken.
type Rebuilder struct {
	cfg  Config
	poke chan struct{} // has room for one: there is something new

	mu   sync.Mutex
	mine map[int64]bool // rebuilds that this process is at
	seen []Rebuild      // the unfinished ones, at last look
}

// New returns a rebuilder that carries nothing out until [Rebuilder.Run].
func New(cfg Config) (*Rebuilder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Rebuilder{cfg: cfg, poke: make(chan struct{}, 1), mine: make(map[int64]bool)}, nil
}

// lookInterval is how long a rebuild may wait for an owner.
const lookInterval = 500 * time.Millisecond

// Run carries out unfinished rebuilds of the named projections, one of each at most,
// until ctx ends; what is unfinished then is left to the next owner.
func (r *Rebuilder) Run(ctx context.Context, names ...string) {
	var owners sync.WaitGroup
	defer owners.Wait()
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, b := range r.look(ctx, names) {
			if r.take(b) {
				owners.Go(func() {
					defer r.leave(b.ID)
					r.own(ctx, b.ID)
				})
			}
		}
		select {
		case <-tick.C:
		case <-r.poke:
		case <-ctx.Done():
		}
	}
}

// look returns the unfinished rebuilds of some projections; none while the database
// is away.
func (r *Rebuilder) look(ctx context.Context, names []string) []Rebuild {
	ctx, cancel := context.WithTimeout(ctx, 10*lookInterval)
	defer cancel()
	found, err := selectRebuilds(ctx, r.cfg.Pool, `SELECT `+columns+` FROM rebuilds WHERE finished_at IS NULL AND projection = ANY ($1)`, names)
	if err != nil {
		return nil // the readiness check reports a database that is away
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = found
	return found
}

// take says whether this process should try to own a rebuild.
func (r *Rebuilder) take(b Rebuild) bool {
	if r.code(b.Projection, b.Version) == nil && b.Wish != Cancel {
		return false // of another program, older or newer
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mine[b.ID] {
		return false
	}
	r.mine[b.ID] = true
	return true
}

func (r *Rebuilder) leave(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mine, id)
}

func (r *Rebuilder) wake() {
	select {
	case r.poke <- struct{}{}:
	default: // it will look anyway
	}
}

// newest returns the newest version of a projection; nil where there is no such
// projection.
func (r *Rebuilder) newest(name string) projection.Projection {
	var newest projection.Projection
	for _, p := range r.cfg.Projections {
		if p.Name() == name && (newest == nil || p.Version() > newest.Version()) {
			newest = p
		}
	}
	return newest
}

// code returns a version of a projection; nil where this program doesn't have it.
func (r *Rebuilder) code(name string, version int) projection.Projection {
	i := slices.IndexFunc(r.cfg.Projections, func(p projection.Projection) bool {
		return p.Name() == name && p.Version() == version
	})
	if i < 0 {
		return nil
	}
	return r.cfg.Projections[i]
}
