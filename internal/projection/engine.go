package projection

import (
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
)

// Handler is what a consumer does with its records. The engine calls it from
// several goroutines at once, each with partitions of its own.
type Handler interface {
	// Resume is called when partitions were assigned, before their first batch, to
	// finish what the last owner may have left undone; and between batches, once a
	// second or less, as a crash of the database may have undone that it was done.
	Resume(ctx context.Context, partitions []int32) error

	// Apply turns a batch into writes. They are pipelined behind the move of the
	// checkpoints, in one transaction and one round trip with it; nil for none.
	// Apply may read, in a snapshot that nobody changes who respects the
	// checkpoints: if somebody did, the writes are undone. It must not write by
	// itself, and must be ready to be called again with the same records.
	//
	// after, if not nil, runs once the transaction is committed and before the
	// lane's next batch. It is called again until it succeeds or its partitions are
	// no longer ours.
	Apply(ctx context.Context, db postgres.Reader, records []events.Record) (writes *pgx.Batch, after func(context.Context) error, err error)
}

// Config is what an [Engine] needs. All fields but Advanced are required.
type Config struct {
	Consumer   string // names the checkpoints
	Generation int64
	Handler    Handler
	Pool       *pgxpool.Pool

	// Durable makes each commit wait for the disk. Decisions need it: others see
	// them right after. A read model does not: after a crash of PostgreSQL its
	// rows and its position are both those of a moment earlier.
	Durable bool

	// Advanced is told the new next offset of each partition after a commit.
	Advanced func(next map[int32]int64)

	Logger  *slog.Logger
	Metrics *Metrics
}

// Validate reports everything that is missing.
func (c Config) Validate() error {
	var faults []error
	for field, missing := range map[string]bool{
		"Consumer":   c.Consumer == "",
		"Generation": c.Generation <= 0,
		"Handler":    c.Handler == nil,
		"Pool":       c.Pool == nil,
		"Logger":     c.Logger == nil,
		"Metrics":    c.Metrics == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("projection.Config.%s is missing", field))
		}
	}
	return errors.Join(faults...)
}

// Engine follows partitions of a topic and applies them exactly once.
type Engine struct {
	cfg   Config
	lanes []*lane
	log   *slog.Logger

	mu     sync.Mutex
	giveUp func()
	faults map[int]error // by lane: why it can't get on
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
		log:    cfg.Logger.With("consumer", cfg.Consumer, "generation", cfg.Generation),
		faults: make(map[int]error),
		giveUp: func() {},
	}
	for i := range e.lanes {
		e.lanes[i] = newLane()
	}
	return e, nil
}

// Assign takes over partitions and returns the offset each must be delivered
// from. giveUp is called, at any time until the next Assign, when that offset
// has turned out wrong and the partitions must be assigned anew.
func (e *Engine) Assign(ctx context.Context, partitions []int32, giveUp func()) (map[int32]int64, error) {
	next, err := claimCheckpoints(ctx, e.cfg.Pool, e.cfg.Consumer, e.cfg.Generation, partitions)
	if err != nil {
		return nil, err
	}
	if err := e.cfg.Handler.Resume(ctx, partitions); err != nil {
		return nil, fmt.Errorf("resume %s: %w", e.cfg.Consumer, err)
	}
	e.mu.Lock()
	e.giveUp = giveUp
	e.mu.Unlock()
	for partition, offset := range next {
		e.lane(partition).assign(partition, offset)
	}
	e.advanced(next)
	e.log.Debug("partitions assigned", "partitions", slices.Sorted(maps.Keys(next)))
	return next, nil
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
					e.apply(ctx, i, b)
				}
				if time.Since(tended) >= tendInterval {
					e.tend(ctx, l)
					tended = time.Now()
				}
			}
		})
	}
	workers.Wait()
}

// pause waits, but not beyond ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Faults returns why lanes can't get on; empty when all is well.
func (e *Engine) Faults() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.faults))
}

// apply brings b into the database and its follow-up to an end, however long it
// takes, unless ctx ends or the partitions are no longer ours.
func (e *Engine) apply(ctx context.Context, laneIndex int, b batch) {
	l := e.lanes[laneIndex]
	var after func(context.Context) error
	done := e.persist(ctx, laneIndex, "apply batch", func() (bool, error) {
		b = l.current(b)
		if len(b.records) == 0 {
			return true, nil
		}
		var err error
		after, err = e.commit(ctx, b)
		if errors.Is(err, ErrFenced) && e.fenced(l, b) {
			after = nil
			return true, nil
		}
		if err == nil {
			l.applied(b)
			e.advanced(b.next())
		}
		return err == nil, err
	})
	if !done || after == nil {
		return
	}
	e.persist(ctx, laneIndex, "follow up batch", func() (bool, error) {
		if !l.holdsAny(b) {
			return true, nil // the next owner resumes it
		}
		err := after(ctx)
		return err == nil, err
	})
}

// Backoff between tries of the same batch. The first tries are quiet: a deadlock
// or two owners deciding the same command at once are solved by trying again.
const (
	quietTries = 3
	firstRetry = 10 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// persist calls try until it is done, with backoff after errors. It says whether
// it was done before ctx ended.
func (e *Engine) persist(ctx context.Context, laneIndex int, what string, try func() (bool, error)) bool {
	var reported string
	for tries, wait := 1, firstRetry; ; tries, wait = tries+1, min(2*wait, lastRetry) {
		done, err := try()
		if done {
			if tries > 1 {
				e.setFault(laneIndex, nil)
			}
			if reported != "" {
				e.log.Info("got on again", "doing", what)
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		e.cfg.Metrics.retries.WithLabelValues(e.cfg.Consumer).Inc()
		e.setFault(laneIndex, fmt.Errorf("%s: %w", what, err))
		if kind := faultKind(err); kind != reported && tries >= quietTries {
			e.log.Error("can't get on; trying again", "doing", what, "kind", kind, "error", err)
			reported = kind
		}
		if pause(ctx, wait); ctx.Err() != nil {
			return false
		}
	}
}

// faultKind keeps the log to one line per outage rather than one per try.
func faultKind(err error) string {
	if postgres.IsTransient(err) || errors.Is(err, events.ErrLogUnavailable) || errors.Is(err, events.ErrMaybeWritten) {
		return "passing"
	}
	return "lasting"
}

func (e *Engine) setFault(laneIndex int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		delete(e.faults, laneIndex)
		return
	}
	e.faults[laneIndex] = err
}

// commit makes the writes of b and commits them with its checkpoints: one round
// trip for what the handler reads, one for all it writes.
func (e *Engine) commit(ctx context.Context, b batch) (func(context.Context) error, error) {
	// A transaction that has begun is brought to its end also when we are asked to
	// stop: it takes milliseconds, and its batch need not be read again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
	defer cancel()
	began := time.Now()

	conn, err := e.cfg.Pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Release()

	writes, after, err := e.cfg.Handler.Apply(ctx, conn, b.records)
	if err != nil {
		// What Apply read counts at the position where the batch begins. With the
		// checkpoint elsewhere it may have seen a gap that is none.
		if moved := e.standing(ctx, conn, b.spans); errors.Is(moved, ErrFenced) {
			return nil, moved
		}
		return nil, err
	}
	// Without BEGIN a pipeline is one transaction, committed at its end; it fails
	// as a whole at its first error.
	pipeline := &pgx.Batch{}
	queueAdvance(pipeline, e.cfg.Consumer, e.cfg.Generation, b.spans, e.cfg.Durable)
	if writes != nil {
		pipeline.QueuedQueries = append(pipeline.QueuedQueries, writes.QueuedQueries...)
	}
	if err := conn.SendBatch(ctx, pipeline).Close(); err != nil {
		return nil, asFenced(err)
	}
	e.cfg.Metrics.batch(e.cfg.Consumer, len(b.records), time.Since(began))
	return after, nil
}

// batchTimeout bounds one transaction; a database that does not answer for so
// long is away.
const batchTimeout = 30 * time.Second

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
