package projection

import (
	"context"
	"fmt"
	"time"

	"bookstore/internal/postgres"
)

// tendInterval is how long a loss in the database may go unnoticed when no record
// comes that would show it.
const tendInterval = time.Second

// tend makes good what a crash of PostgreSQL has taken from a lane's partitions. A
// commit that does not wait for the disk may be undone by one, behind the back of an
// owner that goes on: positions are then where they were a moment earlier, and the
// notes of what was followed up are gone. The next record of a partition would be
// fenced, but it may be hours away.
//
// It runs between two batches. What it can't do now it does the next time.
func (e *Engine) tend(ctx context.Context, l *lane) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	held := l.held()
	if len(held) == 0 {
		return
	}
	now, err := Checkpoints(ctx, e.cfg.Pool, e.cfg.Consumer, e.cfg.Generation)
	if err != nil {
		return // who has a batch says so
	}
	var back, kept []int32
	for partition, next := range held {
		// Held was read first, and positions only grow: less can't be an older state.
		if int(partition) >= len(now) || now[partition] < next {
			back = append(back, partition)
		} else {
			kept = append(kept, partition)
		}
	}
	if len(back) > 0 {
		e.disown(back)
	}
	if err := e.cfg.Handler.Resume(ctx, kept); err != nil {
		e.log.Debug("can't finish what a crash of the database may have undone", "error", err)
	}
}

// standing fails with ErrFenced unless all checkpoints are where spans begin.
func (e *Engine) standing(ctx context.Context, db postgres.Reader, spans []span) error {
	now, err := Checkpoints(ctx, db, e.cfg.Consumer, e.cfg.Generation)
	if err != nil {
		return err
	}
	for _, s := range spans {
		if int(s.partition) >= len(now) || now[s.partition] != s.from {
			return fmt.Errorf("%w: partition %d is not at %d", ErrFenced, s.partition, s.from)
		}
	}
	return nil
}
