package projection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection/parked"
)

// apply brings b into the database and its follow-up to an end, however long it
// takes, unless ctx ends or the partitions are no longer ours.
//
// A batch that fails because of one of its records is halved, and its halves are
// applied one after the other, until the record stands alone and is parked: some
// twenty transactions for a batch of two thousand.
func (e *Engine) apply(ctx context.Context, laneIndex int, b batch) {
	l := e.lanes[laneIndex]
	found := make(poison)
	var after func(context.Context) error
	var halve bool
	done := e.persist(ctx, laneIndex, "apply batch", func() (bool, error) {
		b = l.current(b)
		if len(b.records) == 0 {
			return true, nil
		}
		var err error
		after, err = e.commit(ctx, b, found)
		var suspect *suspectError
		switch {
		case errors.Is(err, ErrFenced) && e.fenced(l, b):
			after = nil
			return true, nil
		case errors.As(err, &suspect) && len(b.records) > 1:
			halve = true
			return true, nil
		case errors.As(err, &suspect):
			if failed := e.learnDiscarded(ctx, e.cfg.Pool, b.records); failed != nil {
				return false, failed
			}
			found.add(suspect.generation, b.records[0].Position(), suspect.err)
			e.tellPanic(b.records[0], suspect.err)
		case err == nil:
			l.applied(b)
			e.advanced(b.next())
		}
		return err == nil, err
	})
	switch {
	case !done:
	case halve:
		for _, half := range b.halves() {
			e.apply(ctx, laneIndex, half)
		}
	case after != nil:
		e.persist(ctx, laneIndex, "follow up batch", func() (bool, error) {
			if !l.holdsAny(b) {
				return true, nil // the next owner resumes it
			}
			err := after(ctx)
			return err == nil, err
		})
	}
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

const (
	passing = "passing"
	lasting = "lasting"
)

// faultKind keeps the log to one line per outage rather than one per try.
func faultKind(err error) string {
	if postgres.IsTransient(err) || errors.Is(err, events.ErrLogUnavailable) || errors.Is(err, events.ErrMaybeWritten) ||
		errors.Is(err, ErrFenced) || errors.Is(err, errEpoch) {
		return passing
	}
	return lasting
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

// batchTimeout bounds one transaction; a database that does not answer for so
// long is away.
const batchTimeout = 30 * time.Second

// commit makes the writes of b for each generation and commits them with its
// checkpoints: a round trip for what the handler reads, one for all it writes.
// Records that are poison, by found or by what the handler says, are parked.
func (e *Engine) commit(ctx context.Context, b batch, found poison) (func(context.Context) error, error) {
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

	// What a handler finds in this try counts for this try: a gap may be none when
	// the checkpoint turns out to be elsewhere.
	found = found.clone()
	generations, epochs := e.fed.now(b.spans)
	tx := &transaction{}
	queueAdvance(&tx.pipeline, e.cfg.Consumer, b.spans, epochs, e.cfg.Durable)
	parkedNow := make(map[int64][]parked.New)
	for _, generation := range generations {
		park, err := e.queueGeneration(ctx, conn, tx, generation, b.records, found)
		if err != nil {
			return nil, e.whyNot(ctx, conn, b, err)
		}
		parkedNow[generation] = park
	}
	if err := tx.commit(ctx, conn); err != nil {
		return nil, e.whyNot(ctx, conn, b, err)
	}
	for generation, park := range parkedNow {
		e.tookAside(generation, park)
	}
	e.cfg.Metrics.batch(e.cfg.Consumer, len(b.records), time.Since(began))
	return tx.followUp(), nil
}

// queueGeneration adds what records make of one generation, and parks those that
// the handler finds to be poison.
func (e *Engine) queueGeneration(ctx context.Context, db postgres.Reader, tx *transaction, generation int64, records []events.Record, found poison) ([]parked.New, error) {
	for {
		apply, park := e.fed.sort(generation, records, found, e.cfg.Independent)
		var writes *pgx.Batch
		var after func(context.Context) error
		if len(apply) > 0 {
			var err error
			writes, after, err = e.handle(ctx, db, generation, apply)
			if found.addAll(generation, apply, culprits(err)) {
				if err := e.learnDiscarded(ctx, db, records); err != nil {
					return nil, err
				}
				continue // without them; each time there are fewer
			}
			if err != nil {
				return nil, suspicious(generation, err)
			}
		}
		tx.add(generation, writes, after)
		if len(park) > 0 {
			for i := range park {
				park[i].Bookless = e.cfg.Bookless
			}
			parked.Queue(&tx.pipeline, e.cfg.parkedAs(), generation, park)
		}
		return park, nil
	}
}

// learnDiscarded reads what has been given up since, before anything is parked: the
// owner of other generations does so too, and a record that is parked in this one
// then would make the two differ until somebody gave it up again.
func (e *Engine) learnDiscarded(ctx context.Context, db postgres.Reader, records []events.Record) error {
	if e.cfg.parkedAs() == e.cfg.Consumer {
		return nil // nobody else does
	}
	var partitions []int32
	for _, r := range records {
		if !slices.Contains(partitions, r.Partition) {
			partitions = append(partitions, r.Partition)
		}
	}
	held, err := parked.ReadHeld(ctx, db, e.cfg.parkedAs(), partitions)
	if err == nil {
		e.fed.reread(partitions, held)
	}
	return err
}

// handle is the handler's Apply, with its panics as errors.
func (e *Engine) handle(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (writes *pgx.Batch, after func(context.Context) error, err error) {
	defer recovered(&err)
	return e.cfg.Handler.Apply(ctx, db, generation, records)
}

// whyNot says why b could not be committed. What failed may only have failed because
// the batch was made for another position, where Apply may see a gap that is none, or
// for other generations: the tables of one that was dropped are missed before the
// checkpoint is compared. What is fed is then read anew.
func (e *Engine) whyNot(ctx context.Context, db postgres.Reader, b batch, err error) error {
	err = cmp.Or(e.standing(ctx, db, b.spans), err)
	if !errors.Is(err, errEpoch) {
		return err
	}
	_, failed := e.claim(ctx, b.partitions())
	return errors.Join(err, failed)
}

// tellPanic logs where a handler panicked: the stack is too long to be kept with the
// record.
func (e *Engine) tellPanic(r events.Record, err error) {
	if panicked, is := errors.AsType[*PanicError](err); is {
		e.log.Error("the code panicked over a record", "position", r.Position(), "panic", panicked.Value, "stack", string(panicked.Stack))
	}
}

// tookAside makes known what was parked.
func (e *Engine) tookAside(generation int64, park []parked.New) {
	if len(park) == 0 {
		return
	}
	e.fed.hold(generation, park)
	for _, p := range park {
		if p.Poison {
			e.cfg.Metrics.parked.WithLabelValues(e.cfg.Consumer).Inc()
			e.log.Error("parked a record that can't be applied; see 'bookstore parked list'",
				"generation", generation, "topic", p.Record.Topic, "position", p.Record.Position(), "key", string(p.Record.Key), "error", p.Error)
		}
	}
}
