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
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// live is the service's own way, wired as package app does: the engine that feeds
// the catalog, behind a consumer group of the router.
func (w *worker) live(ctx context.Context) (Outcome, error) {
	if err := w.setCheckpoints(ctx); err != nil {
		return Outcome{}, err
	}
	registry := prometheus.NewRegistry()
	router, err := messaging.NewRouter(w.kafka, registry)
	if err != nil {
		return Outcome{}, err
	}
	run := &liveRun{
		Handler: projection.NewFeed(projection.Catalog{}),
		task:    w.Task, left: w.stretch(), arrived: make(chan struct{}),
	}
	engine, err := projection.NewEngine(projection.Config{
		Consumer: w.consumer(), Generations: projection.Only(w.Generation),
		Handler: run, Advanced: run.advanced,
		Pool: w.pool, Logger: w.log, Metrics: projection.NewMetrics(registry),
	})
	if err != nil {
		return Outcome{}, err
	}
	run.Engine = engine
	if err := router.AddConsumer(w.consumer(), w.Topic, w.group(), run); err != nil {
		return Outcome{}, err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var background sync.WaitGroup
	background.Go(func() { engine.Run(ctx) })
	failed := make(chan error, 1)
	background.Go(func() { failed <- errors.Join(errRouterEnded, router.Run(ctx)) })
	select {
	case <-run.arrived:
	case err = <-failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	closing := router.Close()
	cancel()
	background.Wait()
	if err == nil {
		err = closing
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("follow the log: %w", err)
	}
	return run.outcome(), nil
}

// setCheckpoints has the engine begin where the task does.
func (w *worker) setCheckpoints(ctx context.Context) error {
	for partition, from := range w.From {
		_, err := w.pool.Exec(ctx, `
			INSERT INTO checkpoints (consumer, partition, next_offset) VALUES ($1, $2, $3)
			ON CONFLICT (consumer, partition) DO UPDATE SET next_offset = excluded.next_offset`,
			w.consumer(), partition, from)
		if err != nil {
			return fmt.Errorf("set checkpoints: %w", err)
		}
	}
	return nil
}

// errRouterEnded says that the router stopped before the end of the log.
var errRouterEnded = errors.New("the router ended")

// liveRun is the engine as consumer and its handler, with a look at the clock.
type liveRun struct {
	*projection.Engine
	projection.Handler
	task Task

	first   sync.Once
	began   time.Time
	arrived chan struct{} // closed at the end

	mu      sync.Mutex
	left    stretch
	ended   time.Time
	batches []int
	busy    int // batches on their way
	busiest int
	making  time.Duration // of writes, of all lanes together
}

// Handle implements [messaging.Consumer]. What lies behind the end is let go.
func (r *liveRun) Handle(ctx context.Context, record events.Record) error {
	r.first.Do(func() { r.began = time.Now() })
	if record.Offset >= r.task.To[record.Partition] {
		return nil
	}
	return r.Engine.Handle(ctx, record)
}

// Apply implements [projection.Handler]. What is between two calls of one lane is
// the commit, so that batches which overlap here are on connections of their own;
// those that overlap only in their commits come to the same number in the end.
func (r *liveRun) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	began := time.Now()
	r.mu.Lock()
	r.batches = append(r.batches, len(records))
	r.busy++
	r.busiest = max(r.busiest, r.busy)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.busy--
		r.making += time.Since(began)
		r.mu.Unlock()
	}()
	return r.Handler.Apply(ctx, db, generation, records)
}

// advanced is told of each commit.
func (r *liveRun) advanced(next map[int32]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for partition, offset := range next {
		if r.left.reached(partition, offset) {
			r.ended = time.Now()
			close(r.arrived)
		}
	}
}

func (r *liveRun) outcome() Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Outcome{
		Events: r.task.Events, Seconds: r.ended.Sub(r.began).Seconds(),
		Batches: r.batches, Connections: r.busiest,
		Steps: []Step{{Name: "making writes of events, all lanes together", Seconds: r.making.Seconds()}},
	}
}
