package throughput

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

// rebuild is the service's own rebuild of the catalog, from the order to the
// switch. The task's generation has all events already: it becomes the active one,
// which the new one is verified against and then replaces.
//
// What counts is the time until the new tables are complete and level with the log:
// the limit verifies nothing. The rest is among the steps.
func (w *worker) rebuild(ctx context.Context) (Outcome, error) {
	if err := w.activate(ctx); err != nil {
		return Outcome{}, err
	}
	broker, err := messaging.NewBroker(w.kafka)
	if err != nil {
		return Outcome{}, err
	}
	defer broker.Close()
	rebuilder, err := rebuild.New(rebuild.Config{
		Pool: w.pool, Log: func(projection.Source) rebuild.Log { return topicLog{w, broker} },
		Projections: []projection.Projection{projection.Catalog{}},
		Logger:      w.log, Metrics: projection.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		return Outcome{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { rebuilder.Run(ctx, projection.Catalog{}.Name()) })

	started, err := rebuilder.Start(ctx, projection.Catalog{}.Name(), rebuild.Request{})
	if err != nil {
		return Outcome{}, err
	}
	over, err := w.untilOver(ctx, started.ID)
	if err != nil {
		return Outcome{}, err
	}
	outcome := Outcome{Events: w.Events, Generation: over.Generation}
	for _, phase := range over.Phases {
		outcome.Steps = append(outcome.Steps, Step{Name: string(phase.Phase), Seconds: phase.Seconds})
		switch phase.Phase {
		case rebuild.Copying, rebuild.Indexing, rebuild.CatchingUp:
			outcome.Seconds += phase.Seconds
		default: // the limit has nothing like it
		}
	}
	return outcome, nil
}

// activate makes the task's generation the active one, level with the log.
func (w *worker) activate(ctx context.Context) error {
	name := projection.Catalog{}.Name()
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if err := projection.LockGenerations(ctx, tx); err != nil {
			return err
		}
		if err := projection.Activate(ctx, tx, projection.Catalog{}, w.Generation); err != nil {
			return err
		}
		for partition, next := range w.To {
			_, err := tx.Exec(ctx, `
				INSERT INTO checkpoints (consumer, partition, next_offset) VALUES ($1, $2, $3)
				ON CONFLICT (consumer, partition) DO UPDATE SET next_offset = excluded.next_offset`, name, partition, next)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("activate generation %d: %w", w.Generation, err)
	}
	return nil
}

// pollInterval is how often the end of a rebuild is looked for. The phases' times
// are the rebuild's own.
const pollInterval = 100 * time.Millisecond

// errNotSwitched says that a rebuild ended without replacing the active generation.
var errNotSwitched = errors.New("the rebuild did not come to its switch")

func (w *worker) untilOver(ctx context.Context, id int64) (rebuild.Rebuild, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		r, err := rebuild.Get(ctx, w.pool, id)
		switch {
		case err != nil:
			return r, err
		case r.Phase == rebuild.Switched:
			return r, nil
		case r.Phase.Over() || r.Phase == rebuild.Differs:
			return r, fmt.Errorf("%w: %s %s", errNotSwitched, r.Phase, r.Trouble)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// topicLog is the task's topic as a rebuild reads it.
type topicLog struct {
	*worker
	broker *messaging.Broker
}

// Watermarks implements [rebuild.Log].
func (l topicLog) Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error) {
	return l.broker.Watermarks(ctx, l.Topic)
}

// Read implements [rebuild.Log].
func (l topicLog) Read(ctx context.Context, from, to events.Offsets, fn func(events.Record) error) error {
	return messaging.ReadLog(ctx, l.kafka, l.Topic, from, to, fn)
}
