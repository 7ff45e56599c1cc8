package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/projection/parked"
)

// replay does what operators have asked for of the records that are parked in
// partitions. It runs in their lane, between two batches, so that nothing of the
// same book is under way: the owner of a partition is the only one who writes
// what comes of it.
//
// Killed in the middle, a part of a line is applied, and the request for the rest
// stands. Run twice, the second finds nothing to do, or is fenced.
func (e *Engine) replay(ctx context.Context, l *lane, partitions []int32) error {
	if len(partitions) == 0 || !e.fed.holds() {
		return nil
	}
	limit := time.Now().Add(replayTime)
	enough := func() bool { return ctx.Err() != nil || l.waits() && time.Now().After(limit) }
	for !enough() {
		// Of those that are being built nothing: whoever does so parked it, and will do
		// what is asked or hand it over.
		requested, err := parked.ReadRequested(ctx, e.cfg.Pool, e.cfg.parkedAs(), e.fed.all(), partitions)
		if err != nil || len(requested) == 0 {
			return err
		}
		if err := e.replayLines(ctx, l, requested, enough); err != nil {
			return err
		}
	}
	return nil
}

// replayTime is how long records that come in may have to wait for a replay. What is
// left then is asked for still, and follows the next time.
const replayTime = 250 * time.Millisecond

// replayLines goes on with the next line where one can't be replayed: that of
// another book may well be.
func (e *Engine) replayLines(ctx context.Context, l *lane, lines []parked.Requested, enough func() bool) error {
	var faults []error
	for _, line := range lines {
		if err := e.replayLine(ctx, l, line, enough); err != nil {
			faults = append(faults, fmt.Errorf("replay parked records of key %q in partition %d: %w", line.Key, line.Partition, err))
		}
		if enough() {
			break
		}
	}
	return errors.Join(faults...)
}

// replayLine does what is asked of a line: it gives records up, and replays those
// that are left, one after the other, each in a transaction of its own, up to the
// first that still can't be applied.
func (e *Engine) replayLine(ctx context.Context, l *lane, line parked.Requested, enough func() bool) error {
	rest, err := e.discardAsked(ctx, l, line)
	if err != nil {
		return err
	}
	asked := func(r parked.Record) bool { return r.Request == parked.Retry }
	switch {
	case e.cfg.Independent:
		rest = slices.DeleteFunc(rest, func(r parked.Record) bool { return !asked(r) })
	case len(rest) > 0 && !slices.ContainsFunc(rest, asked):
		return nil // one was given up that was not the first, which nobody wants to be tried
	}
	for len(rest) > 0 {
		r := rest[0]
		rest = rest[1:]
		failure, err := e.replayRecord(ctx, l, r, rest)
		if err != nil {
			return err
		}
		if failure != nil && !e.cfg.Independent {
			return nil // those behind it stay where they are
		}
		if len(rest) > 0 && enough() {
			return nil
		}
	}
	if !e.cfg.Independent {
		e.fed.release(line)
	}
	return nil
}

// discardAsked discards those records of a line of which that is asked, and returns the
// others. They can be given up wherever they are in the line; where it is the first,
// those behind it have nothing to wait for any more, and are to be tried.
func (e *Engine) discardAsked(ctx context.Context, l *lane, line parked.Requested) (rest []parked.Record, err error) {
	var ids []int64
	for _, r := range line.Records {
		if r.Request == parked.Discard {
			ids = append(ids, r.ID)
		} else {
			rest = append(rest, r)
		}
	}
	if len(ids) == 0 {
		return rest, nil
	}
	var follow []parked.Record
	if line.Records[0].Request == parked.Discard {
		follow = rest
	}
	err = e.settle(ctx, l, line.Partition, func(tx *transaction) { parked.QueueDiscarded(&tx.pipeline, ids) }, follow)
	if err != nil {
		return nil, err
	}
	for _, r := range line.Records {
		if r.Request == parked.Discard {
			e.fed.discard(r.Raw().Position())
			e.log.Warn("gave up a parked record, as asked", "id", r.ID, "generation", r.Generation, "position", r.Raw().Position(), "key", string(r.Key))
		}
	}
	return rest, nil
}

// replayRecord applies a parked record, or notes why it still can't be applied.
func (e *Engine) replayRecord(ctx context.Context, l *lane, r parked.Record, rest []parked.Record) (failure, err error) {
	writes, after, failure := e.handle(ctx, e.cfg.Pool, r.Generation, []events.Record{r.Raw()})
	if failure == nil {
		err := e.settle(ctx, l, r.Partition, func(tx *transaction) {
			tx.add(r.Generation, writes, nil)
			parked.QueueApplied(&tx.pipeline, []int64{r.ID})
		}, rest)
		if err == nil && after != nil {
			err = after(ctx) // if it fails, it is what Resume is for
		}
		if err == nil {
			e.log.Info("applied a parked record", "id", r.ID, "generation", r.Generation, "position", r.Raw().Position(), "key", string(r.Key))
			return nil, nil
		}
		failure = err
	}
	var suspect *suspectError
	if len(culprits(failure)) == 0 && !isSuspect(failure) && !errors.As(failure, &suspect) {
		return nil, failure // the world's fault, not the record's: the request stands
	}
	return failure, e.settle(ctx, l, r.Partition, func(tx *transaction) { parked.QueueFailed(&tx.pipeline, r.ID, failure.Error()) }, nil)
}

// settle commits what becomes of parked records, and with it that the rest of their
// line is to follow. The checkpoint is compared and stays where it is, but its epoch
// goes up: another process that believes to own the partition, and has read the same
// requests, would find the position unchanged and apply the same records again.
func (e *Engine) settle(ctx context.Context, l *lane, partition int32, queue func(*transaction), rest []parked.Record) error {
	next, held := l.held()[partition]
	if !held {
		return ErrFenced
	}
	conn, err := e.cfg.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Release()
	spans := []span{{partition: partition, from: next, to: next}}
	_, epochs := e.fed.now(spans)
	tx := &transaction{}
	queueAdvance(&tx.pipeline, e.cfg.Consumer, spans, epochs, e.cfg.Durable)
	queue(tx)
	if !e.cfg.Independent {
		queueRetry(&tx.pipeline, rest)
	}
	queueRaise(&tx.pipeline, e.cfg.Consumer, partition)
	if err := tx.commit(ctx, conn); err != nil {
		return err
	}
	e.fed.raised(partition, epochs[partition])
	if !e.cfg.Independent {
		for i := range rest {
			rest[i].Request = parked.Retry // and need not be said again with each record
		}
	}
	return nil
}

// queueRetry says of those records that are not asked for yet that they are.
func queueRetry(b *pgx.Batch, records []parked.Record) {
	var ids []int64
	for _, r := range records {
		if r.Request == "" {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) > 0 {
		parked.QueueRetry(b, ids)
	}
}
