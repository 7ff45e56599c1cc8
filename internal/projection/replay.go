package projection

import (
	"context"
	"errors"
	"fmt"

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
	requested, err := parked.ReadRequested(ctx, e.cfg.Pool, e.cfg.parkedAs(), partitions)
	if err != nil {
		return err
	}
	for _, line := range requested {
		if !e.fed.feeds(line.Generation) {
			continue // it is being built: whoever does so parked it, and will hand it over
		}
		if err := e.replayLine(ctx, l, line); err != nil {
			return fmt.Errorf("replay parked records of key %q in partition %d: %w", line.Key, line.Partition, err)
		}
	}
	return nil
}

// replayLine replays records one after the other, each in a transaction of its
// own, up to the first that still can't be applied.
func (e *Engine) replayLine(ctx context.Context, l *lane, line parked.Requested) error {
	rest := line.Records
	for len(rest) > 0 {
		r := rest[0]
		rest = rest[1:]
		switch {
		case e.cfg.Independent && r.Request == "":
			continue
		case r.Request == parked.Discard:
			if err := e.settle(ctx, l, r, func(tx *transaction) { parked.QueueDiscarded(&tx.pipeline, []int64{r.ID}) }, rest); err != nil {
				return err
			}
			e.fed.discard(events.Position{Partition: r.Partition, Offset: r.Offset})
			e.log.Warn("gave up a parked record, as asked", "id", r.ID, "generation", r.Generation, "position", r.Raw().Position(), "key", string(r.Key))
			continue
		}
		failure, err := e.replayRecord(ctx, l, r, rest)
		if err != nil {
			return err
		}
		if failure != nil && !e.cfg.Independent {
			return nil // those behind it stay where they are
		}
	}
	if !e.cfg.Independent {
		e.fed.release(line)
	}
	return nil
}

// replayRecord applies a parked record, or notes why it still can't be applied.
func (e *Engine) replayRecord(ctx context.Context, l *lane, r parked.Record, rest []parked.Record) (failure, err error) {
	writes, after, failure := e.handle(ctx, e.cfg.Pool, r.Generation, []events.Record{r.Raw()})
	if failure == nil {
		err := e.settle(ctx, l, r, func(tx *transaction) {
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
	return failure, e.settle(ctx, l, r, func(tx *transaction) { parked.QueueFailed(&tx.pipeline, r.ID, failure.Error()) }, nil)
}

// settle commits what becomes of a parked record, and with it that the rest of its
// line is to follow. The checkpoint is compared and stays where it is.
func (e *Engine) settle(ctx context.Context, l *lane, r parked.Record, queue func(*transaction), rest []parked.Record) error {
	next, held := l.held()[r.Partition]
	if !held {
		return ErrFenced
	}
	conn, err := e.cfg.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Release()
	spans := []span{{partition: r.Partition, from: next, to: next}}
	_, epochs := e.fed.now(spans)
	tx := &transaction{}
	queueAdvance(&tx.pipeline, e.cfg.Consumer, spans, epochs, e.cfg.Durable)
	queue(tx)
	if len(rest) > 0 && !e.cfg.Independent {
		queueRetry(&tx.pipeline, rest)
	}
	return tx.commit(ctx, conn)
}

func queueRetry(b *pgx.Batch, records []parked.Record) {
	ids := make([]int64, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	parked.QueueRetry(b, ids)
}
