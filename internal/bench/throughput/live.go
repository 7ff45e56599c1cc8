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
// the catalog, behind a consumer group of the router, up to where the log ends.
func (w *worker) live(ctx context.Context) (Outcome, error) {
	broker, err := messaging.NewBroker(w.kafka)
	if err != nil {
		return Outcome{}, err
	}
	defer broker.Close()
	_, end, err := broker.Watermarks(ctx, w.Topic)
	if err != nil {
		return Outcome{}, err
	}
	registry := prometheus.NewRegistry()
	router, err := messaging.NewRouter(w.kafka, registry)
	if err != nil {
		return Outcome{}, err
	}
	run := &liveRun{Handler: projection.NewFeed(projection.Catalog{}), left: make(map[int32]int64), arrived: make(chan struct{})}
	for partition, offset := range end {
		run.left[int32(partition)] = offset
		run.events += int(offset)
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

// errRouterEnded says that the router stopped before the end of the log.
var errRouterEnded = errors.New("the router ended")

// liveRun is the engine as consumer and its handler, with a look at the clock.
type liveRun struct {
	*projection.Engine
	projection.Handler
	events int

	first   sync.Once
	began   time.Time
	arrived chan struct{} // closed when the end of the log is reached

	mu      sync.Mutex
	left    map[int32]int64 // where partitions end that are not there yet
	ended   time.Time
	batches []int
	busy    int // batches on their way
	busiest int
}

// Handle implements [messaging.Consumer].
func (r *liveRun) Handle(ctx context.Context, record events.Record) error {
	r.first.Do(func() { r.began = time.Now() })
	return r.Engine.Handle(ctx, record)
}

// Apply implements [projection.Handler]. What is between two calls of one lane is
// the commit, so that batches which overlap here are on connections of their own;
// those that overlap only in their commits come to the same number in the end.
func (r *liveRun) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	r.mu.Lock()
	r.batches = append(r.batches, len(records))
	r.busy++
	r.busiest = max(r.busiest, r.busy)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.busy--
		r.mu.Unlock()
	}()
	return r.Handler.Apply(ctx, db, generation, records)
}

// advanced is told of each commit.
func (r *liveRun) advanced(next map[int32]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.left) == 0 {
		return
	}
	for partition, offset := range next {
		if offset >= r.left[partition] {
			delete(r.left, partition)
		}
	}
	if len(r.left) == 0 {
		r.ended = time.Now()
		close(r.arrived)
	}
}

func (r *liveRun) outcome() Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Outcome{
		Events: r.events, Seconds: r.ended.Sub(r.began).Seconds(),
		Batches: r.batches, Connections: r.busiest,
	}
}
