package projection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection/parked"
)

// Handler is what a consumer does with its records. The engine calls it from
// several goroutines at once, each with partitions of its own.
type Handler interface {
	// Resume is called when partitions were assigned, before their first batch, to
	// finish what the last owner may have left undone; and between batches, once a
	// second or less, as a crash of the database may have undone that it was done.
	Resume(ctx context.Context, partitions []int32) error

	// Apply turns records into writes to a generation. They are pipelined behind the
	// move of the checkpoints, in one transaction and one round trip with it; nil for
	// none. Their callbacks are not called.
	//
	// Apply may read, in a snapshot that nobody changes who respects the
	// checkpoints: if somebody did, the writes are undone. It must not write by
	// itself, and must be ready to be called again with the same records, or with
	// some of them left out.
	//
	// Where it fails with [events.DecodeError] or [GapError], or several of them
	// joined, the records that they name are parked, and it is called without them.
	// Where it panics, or PostgreSQL blames what its writes say, the record is found
	// by halving. After any other error the same records are tried again, for as
	// long as it takes.
	//
	// after, if not nil, runs once the transaction is committed and before the
	// lane's next batch. It is called again until it succeeds or its partitions are
	// no longer ours.
	Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (writes *pgx.Batch, after func(context.Context) error, err error)
}

// Config is what an [Engine] needs. All fields are required but
// ParkedAs, Advanced, GiveWay, BatchRecords and the switches.
type Config struct {
	Consumer    string // names the checkpoints
	ParkedAs    string // names what it parks; "" for the consumer's name
	Generations Generations
	Handler     Handler
	Pool        *pgxpool.Pool

	// Durable makes each commit wait for the disk. Decisions need it: others see
	// them right after. A read model does not: after a crash of PostgreSQL its
	// rows and its position are both those of a moment earlier.
	Durable bool

	// Independent says that records of the same key don't build on each other: of
	// those behind one that is parked none is held back.
	Independent bool

	// Bookless says that the keys of the records name no books, even where they look
	// like it: one that is parked is not shown as of that book.
	Bookless bool

	// BatchRecords is how many records a batch may have; 0 for the default, 2000.
	BatchRecords int

	// GiveWay is called by each lane after a batch, with the time that it took, and
	// holds the lane back for as long as others are to go first.
	GiveWay func(ctx context.Context, worked time.Duration)

	// Advanced is told the new next offset of each partition after a commit.
	Advanced func(next map[int32]int64)

	Logger  *slog.Logger
	Metrics *Metrics
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var faults []error
	for field, missing := range map[string]bool{
		"Consumer":    c.Consumer == "",
		"Generations": c.Generations == nil,
		"Handler":     c.Handler == nil,
		"Pool":        c.Pool == nil,
		"Logger":      c.Logger == nil,
		"Metrics":     c.Metrics == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("projection.Config.%s is missing", field))
		}
	}
	return errors.Join(faults...)
}

func (c Config) parkedAs() string { return cmp.Or(c.ParkedAs, c.Consumer) }

// Engine follows partitions of a topic and applies them exactly once.
type Engine struct {
	cfg   Config
	lanes []*lane
	fed   fed
	log   *slog.Logger

	mu     sync.Mutex
	giveUp func()
	faults map[int]error // by lane: why it can't get on; see also replayed
}

// maxLanes is how many batches of one consumer may be on their way at once: a
// core each, but not more connections than a small database likes.
const maxLanes = 8

// NewEngine returns an engine that does nothing until [Engine.Run].
func NewEngine(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{
		cfg:    cfg,
		lanes:  make([]*lane, min(runtime.GOMAXPROCS(0), maxLanes)),
		fed:    fed{epochs: make(map[int32]int64)},
		log:    cfg.Logger.With("consumer", cfg.Consumer),
		faults: make(map[int]error),
		giveUp: func() {},
	}
	for i := range e.lanes {
		e.lanes[i] = newLane(cmp.Or(cfg.BatchRecords, maxBatchRecords))
	}
	return e, nil
}

// Assign takes over partitions and returns the offset each must be delivered
// from. giveUp is called, at any time until the next Assign, when that offset
// has turned out wrong and the partitions must be assigned anew.
func (e *Engine) Assign(ctx context.Context, partitions []int32, giveUp func()) (map[int32]int64, error) {
	found, err := e.claim(ctx, partitions)
	if err != nil {
		return nil, err
	}
	if err := e.cfg.Handler.Resume(ctx, partitions); err != nil {
		return nil, fmt.Errorf("resume %s: %w", e.cfg.Consumer, err)
	}
	e.mu.Lock()
	e.giveUp = giveUp
	e.mu.Unlock()
	next := make(map[int32]int64, len(found))
	for partition, c := range found {
		next[partition] = c.next
		e.lane(partition).assign(partition, c.next)
	}
	e.advanced(next)
	e.log.Debug("partitions assigned", "partitions", slices.Sorted(maps.Keys(next)))
	return next, nil
}

// claim reads everything that batches of partitions depend on.
func (e *Engine) claim(ctx context.Context, partitions []int32) (map[int32]claimed, error) {
	found, generations, err := claimCheckpoints(ctx, e.cfg.Pool, e.cfg.Consumer, partitions, e.cfg.Generations)
	if err != nil {
		return nil, err
	}
	held, err := parked.ReadHeld(ctx, e.cfg.Pool, e.cfg.parkedAs(), partitions)
	if err != nil {
		return nil, err
	}
	e.fed.read(found, generations, partitions, held)
	return found, nil
}

// Revoke lets partitions go. A batch of theirs that is on its way ends by itself,
// committed or fenced.
func (e *Engine) Revoke(partitions []int32) {
	for _, partition := range partitions {
		e.lane(partition).revoke(partition)
	}
}

// Handle takes a record over, waiting while too much is waiting already. A
// record that was taken over is not yet applied, and is delivered again if it
// never is: what counts is the checkpoint.
//
// Each assignment delivers the records of a partition in order, from the offset
// that [Engine.Assign] returned, and ctx ends with it at the latest. A record
// that an earlier assignment left over must not come in between: those before it
// would be taken for missing offsets.
func (e *Engine) Handle(ctx context.Context, r events.Record) error {
	return e.lane(r.Partition).put(ctx, r)
}

func (e *Engine) lane(partition int32) *lane {
	return e.lanes[int(partition)%len(e.lanes)]
}

// Run applies what is handled until ctx ends; a transaction that is on its way
// then is still brought to its end.
func (e *Engine) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for i, l := range e.lanes {
		workers.Go(func() {
			tended := time.Now()
			for ctx.Err() == nil {
				if b := l.takeWithin(ctx, tendInterval); len(b.records) > 0 {
					began := time.Now()
					e.apply(ctx, i, b)
					if e.cfg.GiveWay != nil {
						e.cfg.GiveWay(ctx, time.Since(began))
					}
				}
				if time.Since(tended) >= tendInterval {
					e.tend(ctx, i)
					tended = time.Now()
				}
			}
		})
	}
	workers.Wait()
}

// Faults returns why lanes can't get on; empty when all is well.
func (e *Engine) Faults() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.faults))
}

// setFault says whether the fault is another than before.
func (e *Engine) setFault(key int, err error) (news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.faults[key]
	if err == nil {
		delete(e.faults, key)
		return before != nil
	}
	e.faults[key] = err
	return before == nil || before.Error() != err.Error()
}

// fenced drops the partitions of b and asks for them anew. It does nothing and
// returns false where a part of b is no longer the next thing to apply: that part
// may be what was fenced, and the rest has to be tried without it.
func (e *Engine) fenced(l *lane, b batch) bool {
	if !l.current(b).same(b) {
		return false
	}
	e.disown(b.partitions())
	return true
}

// disown lets partitions go whose checkpoints are not where this owner believes, and
// asks for them anew.
func (e *Engine) disown(partitions []int32) {
	e.cfg.Metrics.fenced.WithLabelValues(e.cfg.Consumer).Inc()
	e.log.Warn("the checkpoint has moved under this owner; asking for the partitions anew", "partitions", partitions)
	e.Revoke(partitions)
	e.mu.Lock()
	giveUp := e.giveUp
	e.mu.Unlock()
	giveUp()
}

func (e *Engine) advanced(next map[int32]int64) {
	if e.cfg.Advanced != nil {
		e.cfg.Advanced(next)
	}
}
