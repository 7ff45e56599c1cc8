package projection

import (
	"context"
	"fmt"
	"slices"
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
func (e *Engine) tend(ctx context.Context, laneIndex int) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	l := e.lanes[laneIndex]
	held := l.held()
	if len(held) == 0 {
		return
	}
	now, err := readCheckpoints(ctx, e.cfg.Pool, e.cfg.Consumer)
	if err != nil {
		return // who has a batch says so
	}
	var back, kept []int32
	for partition, next := range held {
		// Held was read first, and positions only grow: less can't be an older state.
		if now[partition].next < next {
			back = append(back, partition)
		} else {
			kept = append(kept, partition)
		}
	}
	slices.Sort(kept)
	if e.fed.outdated(now, kept) {
		if _, err := e.claim(ctx, kept); err != nil {
			e.log.Debug("can't read anew what is fed", "error", err)
		}
	}
	if len(back) > 0 {
		e.disown(back)
	}
	if err := e.cfg.Handler.Resume(ctx, kept); err != nil {
		e.log.Debug("can't finish what a crash of the database may have undone", "error", err)
	}
	e.replayed(laneIndex, e.replay(ctx, l, kept))
}

// replayed shows why what was asked of parked records can't be done, unless that
// passes by itself.
func (e *Engine) replayed(laneIndex int, err error) {
	key := ^laneIndex // beside the lane's other fault
	if err == nil || faultKind(err) == passing {
		e.setFault(key, nil)
		return
	}
	if e.setFault(key, err) {
		e.log.Error("can't do what was asked of parked records; trying again", "error", err)
	}
}

// standing fails with ErrFenced unless all checkpoints are where spans begin, and
// with errEpoch where something else is fed now.
func (e *Engine) standing(ctx context.Context, db postgres.Reader, spans []span) error {
	now, err := readCheckpoints(ctx, db, e.cfg.Consumer)
	if err != nil {
		return nil //nolint:nilerr // what failed before says more
	}
	_, epochs := e.fed.now(spans)
	for _, s := range spans {
		if now[s.partition].next != s.from {
			return fmt.Errorf("%w: partition %d is not at %d", ErrFenced, s.partition, s.from)
		}
		if now[s.partition].epoch != epochs[s.partition] {
			return fmt.Errorf("%w: partition %d", errEpoch, s.partition)
		}
	}
	return nil
}
