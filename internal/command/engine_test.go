package command_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// appendFunc is a log that is a function.
type appendFunc func(context.Context, []events.Encoded) ([]events.Position, error)

func (f appendFunc) Append(ctx context.Context, batch []events.Encoded) ([]events.Position, error) {
	return f(ctx, batch)
}

// decider is a process that decides commands of two partitions.
type decider struct {
	*projection.Engine
	records [2][]events.Record
	gaveUp  chan struct{}
}

func startDecider(t *testing.T, pool *pgxpool.Pool, log command.Log, records [2][]events.Record) *decider {
	t.Helper()
	e, err := projection.NewEngine(projection.Config{
		Consumer: "commands", Generations: projection.Only(1), Handler: command.NewHandler(pool, log, command.NewOutcomes(pool)), Pool: pool,
		Durable: true, Logger: quiet, Metrics: projection.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(t, err)
	background(t, e.Run)
	return &decider{Engine: e, records: records, gaveUp: make(chan struct{}, 10)}
}

// assign takes both partitions over.
func (d *decider) assign(t *testing.T) map[int32]int64 {
	t.Helper()
	next, err := d.Assign(t.Context(), []int32{0, 1}, func() { d.gaveUp <- struct{}{} })
	require.NoError(t, err)
	return next
}

// deliver hands over records from where each partition stands.
func (d *decider) deliver(t *testing.T, from map[int32]int64, to int) {
	t.Helper()
	for partition, offset := range from {
		for _, r := range d.records[partition][offset:to] {
			require.NoError(t, d.Handle(t.Context(), r))
		}
	}
}

// lead takes both partitions over, and again when they are given up, until it is done.
func (d *decider) lead(t *testing.T, to int, done func() bool) {
	t.Helper()
	d.deliver(t, d.assign(t), to)
	look, limit := time.NewTicker(pollEvery), time.After(patience)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-d.gaveUp:
			d.deliver(t, d.assign(t), to)
		case <-limit:
			require.FailNow(t, "not done", "faults: %v", d.Faults())
		}
	}
}

// Two processes share the commands. The first can't reach the log, loses its
// partitions, and does not know. Every command is decided once, by one of them,
// and the log has each book's history without a hole.
func TestDecidingMovesFromOneProcessToAnother(t *testing.T) {
	t.Parallel()
	const books, updates = 10, 20
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	var records [2][]events.Record
	add := func(c events.Command) {
		partition := int32(c.Book() % 2)
		records[partition] = append(records[partition], in.put(t, partition, "", c))
	}
	for id := range int64(books) {
		add(create(id + 1))
	}
	for range updates {
		for id := range int64(books) {
			add(update(id + 1))
		}
	}
	published := func(n int) func() bool {
		return func() bool {
			all, open := decisions(t, pool)
			return all == n && open == 0
		}
	}

	var cut atomic.Bool
	first := startDecider(t, pool, appendFunc(func(ctx context.Context, batch []events.Encoded) ([]events.Position, error) {
		if cut.Load() {
			return nil, events.ErrLogUnavailable
		}
		return log.Append(ctx, batch)
	}), records)
	first.lead(t, 50, published(100))
	cut.Store(true)
	first.deliver(t, map[int32]int64{0: 50, 1: 50}, 60)
	require.Eventually(t, func() bool { _, open := decisions(t, pool); return open > 0 }, patience, pollEvery)

	second := startDecider(t, pool, log, records)
	second.lead(t, 80, published(160))

	// The first reaches the log again. It publishes what it believes to be its own,
	// decides more, and finds that it is none of its business.
	cut.Store(false)
	first.deliver(t, map[int32]int64{0: 60, 1: 60}, 100)
	await(t, first.gaveUp, "the first to be fenced")
	second.lead(t, len(records[0]), published(books*(updates+1)))

	log.requireHistories(t)
	seen := map[string]bool{}
	for _, e := range log.decoded(t) {
		require.NotEqual(t, events.TypeCommandRejected, e.Type)
		seen[e.ID] = true
	}
	require.Len(t, seen, books*(updates+1))
}
