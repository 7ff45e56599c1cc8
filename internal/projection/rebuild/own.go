package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/pace"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// owner carries out one rebuild, while its lock holds.
type owner struct {
	*Rebuilder
	id       int64
	name     string // of this owner, as the row has it; no two are the same
	code     projection.Projection
	governor *pace.Governor // nil where the rebuild gives way to nobody
	lanes    int            // among which the governor's waiting is divided
	status   status
	log      *slog.Logger
}

// Why a step ends before it is done.
var (
	errInterrupted = errors.New("an operator wishes something else")
	errNotOwner    = errors.New("the rebuild has another owner, or is over")
)

// own carries out a rebuild, if nobody else does.
func (r *Rebuilder) own(ctx context.Context, id int64) {
	log := r.cfg.Logger.With("rebuild", id)
	lock, held, err := r.lock(ctx, id)
	if err != nil || !held {
		return // next time
	}
	defer lock.release()
	// Nobody may use the lock's connection any more when it is released.
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	beside.Go(func() { lock.watch(ctx, func() { stop(errNotOwner) }) })

	o := &owner{Rebuilder: r, id: id, name: ownerName(), lanes: 1, log: log}
	b, err := o.enter(ctx)
	if err != nil {
		return
	}
	o.log = log.With("projection", b.Projection, "generation", b.Generation)
	o.code = r.code(b.Projection, b.Version)
	if b.MaxQuerySlowdown != nil {
		o.governor = pace.NewGovernor(r.cfg.Pool, pace.Config{MaxSlowdown: *b.MaxQuerySlowdown, Since: b.StartedAt, Logger: o.log})
		o.lanes = runtime.GOMAXPROCS(0)
		beside.Go(func() { o.governor.Run(ctx) })
	}
	o.carryOut(ctx)
}

// ownerName says which process it is, and differs each time.
func ownerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
}

// enter writes this owner down and returns the rebuild as the last one left it.
func (o *owner) enter(ctx context.Context) (Rebuild, error) {
	_, err := o.cfg.Pool.Exec(ctx, `UPDATE rebuilds SET owner = $2, paused = false WHERE id = $1 AND finished_at IS NULL`, o.id, o.name)
	if err != nil {
		return Rebuild{}, err
	}
	return o.look(ctx)
}

// look returns the rebuild, if it is still this owner's.
func (o *owner) look(ctx context.Context) (Rebuild, error) {
	b, err := Get(ctx, o.cfg.Pool, o.id)
	if err == nil && (b.Phase.Over() || b.Owner != o.name) {
		err = errNotOwner
	}
	return b, err
}

// Pauses between tries of a step that failed for a reason that passes.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// carryOut takes step after step until the rebuild is over or ctx ends.
func (o *owner) carryOut(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		b, err := o.look(ctx)
		if err == nil {
			err = o.step(ctx, b)
		}
		switch {
		case err == nil, errors.Is(err, errInterrupted):
			pause = firstPause
			continue
		case errors.Is(err, errNotOwner), ctx.Err() != nil:
			return
		case isLasting(err) && o.abandon(ctx, b, Failed, err.Error()) == nil:
			o.log.Error("rebuild has failed; its tables are dropped", "phase", b.Phase, "error", err)
			return
		}
		if o.status.trouble(err.Error()) {
			o.log.Warn("rebuild can't get on; trying again", "phase", b.Phase, "error", err)
		}
		wait(ctx, pause)
		pause = min(2*pause, lastPause)
	}
}

// isLasting says whether the same step would fail again.
func isLasting(err error) bool {
	var fromServer *pgconn.PgError
	return errors.As(err, &fromServer) && !postgres.IsTransient(err)
}

// step brings the rebuild into its next phase, or does what an operator wishes.
func (o *owner) step(ctx context.Context, b Rebuild) error {
	if b.Wish == Cancel {
		err := o.abandon(ctx, b, Cancelled, "")
		if err == nil {
			o.log.Info("rebuild is cancelled; its tables are dropped", "phase", b.Phase)
		}
		return err
	}
	attended, leave := o.attend(ctx, b)
	defer leave()
	err := o.phase(attended, b)
	if cause := context.Cause(attended); err != nil && cause != nil && ctx.Err() == nil {
		return cause
	}
	return err
}

func (o *owner) phase(ctx context.Context, b Rebuild) error {
	if b.Wish == Pause {
		<-ctx.Done()
		return ctx.Err()
	}
	switch b.Phase {
	case Copying:
		return o.copyLog(ctx, b)
	case Indexing:
		return o.index(ctx, b)
	case CatchingUp:
		return o.catchUp(ctx, b)
	case Verifying:
		return o.verify(ctx, b)
	case Differs:
		if b.AcceptDiff {
			return o.advance(ctx, o.cfg.Pool, b, Switching)
		}
		<-ctx.Done() // until somebody accepts or cancels
		return ctx.Err()
	case Switching:
		return o.switchOver(ctx, b)
	default:
		return errNotOwner
	}
}

// executor is a pool or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// advance writes down that the next phase begins. It fails with [errNotOwner] or
// [errInterrupted] where that is no longer this owner's to say, which undoes the
// transaction that it is part of.
func (o *owner) advance(ctx context.Context, db executor, b Rebuild, to Phase) error {
	written, err := db.Exec(ctx, writePhase+` AND wish = 'run'`, o.id, o.name, b.Phase, to, to.Over(), "")
	if err == nil && written.RowsAffected() == 0 {
		err = errInterrupted // who looks again sees which of the two it is
	}
	if err == nil {
		o.status.enter()
	}
	return err
}

const writePhase = `
	UPDATE rebuilds SET phase = $4, phase_share = NULL, detail = '', trouble = $6, reported_at = clock_timestamp(),
		phases = phases || jsonb_build_object('phase', phase, 'seconds', round(extract(epoch FROM clock_timestamp() - phase_started_at), 3)),
		phase_started_at = clock_timestamp(), finished_at = CASE WHEN $5 THEN clock_timestamp() END
	WHERE id = $1 AND owner = $2 AND phase = $3 AND finished_at IS NULL`

// abandon ends a rebuild and gives the disk back.
func (o *owner) abandon(ctx context.Context, b Rebuild, as Phase, why string) error {
	return quickly(ctx, o.cfg.Pool, func(ctx context.Context, tx pgx.Tx) error {
		if err := projection.DropGeneration(ctx, tx, b.Projection, b.Generation); err != nil {
			return err
		}
		written, err := tx.Exec(ctx, writePhase, o.id, o.name, b.Phase, as, true, why)
		if err == nil && written.RowsAffected() == 0 {
			err = errNotOwner
		}
		return err
	})
}

// lock makes this process the only one that carries out a rebuild, for as long as
// the connection lives that holds it.
type lock struct{ conn *pgxpool.Conn }

const lockKey = `hashtextextended('bookstore rebuild ' || current_schema() || ' ' || $1::bigint, 0)`

func (r *Rebuilder) lock(ctx context.Context, id int64) (lock, bool, error) {
	conn, err := r.cfg.Pool.Acquire(ctx)
	if err != nil {
		return lock{}, false, err
	}
	var held bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(`+lockKey+`)`, id).Scan(&held); err != nil || !held {
		conn.Release()
		return lock{}, false, err
	}
	return lock{conn}, true, nil
}

// watch calls lost when the connection is gone, and the lock with it.
func (l lock) watch(ctx context.Context, lost func()) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := l.ping(ctx); err != nil {
				lost()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (l lock) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*lookInterval)
	defer cancel()
	return l.conn.Ping(ctx)
}

// release ends the connection rather than asking for the lock back: that works
// also when it does not answer.
func (l lock) release() {
	ctx, cancel := context.WithTimeout(context.Background(), lookInterval)
	defer cancel()
	_ = l.conn.Hijack().Close(ctx)
}

// wait waits, but not beyond ctx.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
