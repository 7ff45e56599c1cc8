package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// Partitions 0, 840 and 1680 fall to the same lane, however many lanes there
// are: 840 is a multiple of each number up to 8.
const (
	partitionA int32 = 0
	partitionB int32 = 840
	partitionC int32 = 1680
)

// patience bounds every wait of a test for something that must happen.
const patience = 20 * time.Second

// tape is a handler that writes down each record it is given, in order. Nothing
// in its table keeps a record from being there twice.
type tape struct {
	consumer string

	// before, when set, runs in each Apply; its error is Apply's.
	before func(ctx context.Context, records []events.Record) error
	// after, when set, is the follow-up of each batch.
	after func(ctx context.Context, records []events.Record) error
	// resume, when set, runs in each Resume.
	resume func(ctx context.Context, partitions []int32) error
}

func (h *tape) Resume(ctx context.Context, partitions []int32) error {
	if h.resume == nil {
		return nil
	}
	return h.resume(ctx, partitions)
}

func (h *tape) Apply(ctx context.Context, _ postgres.Reader, _ int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	if h.before != nil {
		if err := h.before(ctx, records); err != nil {
			return nil, nil, err
		}
	}
	partitions, offsets := make([]int32, len(records)), make([]int64, len(records))
	for i, r := range records {
		partitions[i], offsets[i] = r.Partition, r.Offset
	}
	writes := &pgx.Batch{}
	writes.Queue(`INSERT INTO tape (consumer, partition, record) SELECT $1, * FROM unnest($2::int[], $3::bigint[])`,
		h.consumer, partitions, offsets)
	if h.after == nil {
		return writes, nil, nil
	}
	return writes, func(ctx context.Context) error { return h.after(ctx, records) }, nil
}

// withTape gives the database the table that tapes write to.
func withTape(t testing.TB, pool *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	_, err := pool.Exec(t.Context(), `CREATE TABLE tape (written bigserial, consumer text, partition int, record bigint)`)
	require.NoError(t, err)
	return pool
}

// taped returns the records of a partition in the order in which they were written.
func taped(t require.TestingT, pool *pgxpool.Pool, consumer string, partition int32) []int64 {
	rows, err := pool.Query(context.Background(), `
		SELECT record FROM tape WHERE consumer = $1 AND partition = $2 ORDER BY written`, consumer, partition)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	return found
}

// checkpoint returns the position of a partition, 0 where it has none.
func checkpoint(t require.TestingT, pool *pgxpool.Pool, consumer string, partition int32) int64 {
	offsets, err := projection.Checkpoints(context.Background(), pool, consumer)
	require.NoError(t, err)
	if int(partition) >= len(offsets) {
		return 0
	}
	return offsets[partition]
}

// moveCheckpoint puts a checkpoint somewhere, as another owner or a database
// that was set back would.
func moveCheckpoint(t require.TestingT, pool *pgxpool.Pool, consumer string, partition int32, next int64) {
	_, err := pool.Exec(context.Background(), `
		INSERT INTO checkpoints (consumer, partition, next_offset) VALUES ($1, $2, $3)
		ON CONFLICT (consumer, partition) DO UPDATE SET next_offset = excluded.next_offset`, consumer, partition, next)
	require.NoError(t, err)
}

// owner is an engine that runs until its test ends, and what it has told.
type owner struct {
	*projection.Engine
	metrics *prometheus.Registry
	gaveUp  chan struct{} // has room for plenty: an engine never waits for it

	mu      sync.Mutex
	next    map[int32]int64
	changed chan struct{}
}

// startOwner runs an engine. stop ends it, at the latest when the test ends.
func startOwner(t testing.TB, pool *pgxpool.Pool, consumer string, h projection.Handler) (o *owner, stop func()) {
	t.Helper()
	return start(t, projection.Config{Consumer: consumer, Generations: projection.Only(1), Handler: h, Pool: pool})
}

// startFeed runs an engine that keeps the attached generations of a projection up
// to date, of which there are several versions.
func startFeed(t testing.TB, pool *pgxpool.Pool, versions ...projection.Projection) (o *owner, stop func()) {
	t.Helper()
	name := versions[0].Name()
	return start(t, projection.Config{
		Consumer: name, Generations: projection.Attached(name), Handler: projection.NewFeed(versions...), Pool: pool,
	})
}

func start(t testing.TB, cfg projection.Config) (o *owner, stop func()) {
	t.Helper()
	o = &owner{
		metrics: prometheus.NewRegistry(), gaveUp: make(chan struct{}, 100),
		next: map[int32]int64{}, changed: make(chan struct{}),
	}
	var err error
	cfg.Advanced, cfg.Logger, cfg.Metrics = o.advanced, quiet, projection.NewMetrics(o.metrics)
	o.Engine, err = projection.NewEngine(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return o, stop
}

func (o *owner) advanced(next map[int32]int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for partition, offset := range next {
		o.next[partition] = offset
	}
	close(o.changed)
	o.changed = make(chan struct{})
}

// reach waits until the engine has told that a partition is applied up to next.
func (o *owner) reach(t require.TestingT, partition int32, next int64) {
	limit := time.After(patience)
	for {
		o.mu.Lock()
		at, changed := o.next[partition], o.changed
		o.mu.Unlock()
		if at >= next {
			return
		}
		select {
		case <-changed:
		case <-limit:
			require.FailNow(t, "not reached", "partition %d stands at %d, not %d; faults: %v", partition, at, next, o.Faults())
		}
	}
}

// assign takes partitions over and notes when they are given up.
func (o *owner) assign(t require.TestingT, partitions ...int32) map[int32]int64 {
	next, err := o.Assign(context.Background(), partitions, func() { o.gaveUp <- struct{}{} })
	require.NoError(t, err)
	return next
}

// deliver hands over records first to last of a partition.
func (o *owner) deliver(t require.TestingT, partition int32, first, last int64) {
	for offset := first; offset <= last; offset++ {
		require.NoError(t, o.Handle(context.Background(), events.Record{Partition: partition, Offset: offset}))
	}
}

// count is the value of a counter of the engine.
func (o *owner) count(t require.TestingT, name string) float64 {
	families, err := o.metrics.Gather()
	require.NoError(t, err)
	var sum float64
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// await waits for a signal that must come.
func await[T any](t require.TestingT, signal <-chan T, what string) (value T) {
	select {
	case value = <-signal:
	case <-time.After(patience):
		require.FailNow(t, "waited in vain", what)
	}
	return value
}

// gate stops each batch in Apply and shows it to the test.
type gate struct {
	entered chan []events.Record
	leave   chan error // what Apply is to fail with; closed: nothing any more
}

func newGate() *gate { return &gate{entered: make(chan []events.Record), leave: make(chan error)} }

func (g *gate) pass(ctx context.Context, records []events.Record) error {
	select {
	case g.entered <- records:
	case err := <-g.leave: // nil once it is open for good
		return err
	case <-ctx.Done():
		return fmt.Errorf("gate: %w", ctx.Err())
	}
	select {
	case err := <-g.leave:
		return err
	case <-ctx.Done():
		return fmt.Errorf("gate: %w", ctx.Err())
	}
}

// offsetsOf returns where records lie.
func offsetsOf(records []events.Record) []events.Position {
	positions := make([]events.Position, len(records))
	for i, r := range records {
		positions[i] = r.Position()
	}
	return positions
}

// upTo returns 0 to n-1.
func upTo(n int64) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i)
	}
	return all
}

// pollEvery is how often a test looks at what nobody tells it of.
const pollEvery = 2 * time.Millisecond

var quiet = slog.New(slog.DiscardHandler)

func noMetrics() *projection.Metrics { return projection.NewMetrics(prometheus.NewRegistry()) }

// waitBlockedBy waits until some session waits for a lock that pid holds.
func waitBlockedBy(t testing.TB, pool *pgxpool.Pool, pid uint32) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting bool
		err := pool.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND $1::int = ANY (pg_blocking_pids(pid)))`, pid).Scan(&waiting)
		return err == nil && waiting
	}, patience, pollEvery)
}
