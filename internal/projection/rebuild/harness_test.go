package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/testenv"
)

// within bounds every wait of a test for something that must happen, and pollEvery
// is how often a test looks at what nobody tells it of.
const (
	within    = 30 * time.Second
	pollEvery = 5 * time.Millisecond
)

// store is a bookstore's read side: a database and a log, and what the test starts
// on them.
type store struct {
	t    tester
	pool *pgxpool.Pool
	log  *eventLog
	live *live // the last one that was started
}

// tester is a test, or one round of a property.
type tester interface {
	require.TestingT
	Helper()
	Cleanup(func())
	Context() context.Context
}

var errTest = errors.New("as the test wants it")

// newStore returns a store without any read model, of which the log has events.
func newStore(t *testing.T, happened ...events.Event) *store {
	t.Helper()
	// As many connections as the service has, not as a test needs.
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "rebuild tests", MaxConns: 16})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	s := &store{t: t, pool: pool, log: newLog(3)}
	s.log.add(t, happened...)
	return s
}

// givenCatalog returns a store whose catalog is live and has taken all events in,
// and a program that carries rebuilds out.
func givenCatalog(t *testing.T, happened ...events.Event) (*store, *program) {
	t.Helper()
	s := newStore(t)
	p := s.startProgram(projection.Catalog{})
	require.NoError(t, p.Install(t.Context()))
	s.startLive(projection.Catalog{})
	s.log.add(t, happened...)
	s.awaitLive("catalog")
	return s, p
}

// program is a process that carries rebuilds out, until its test ends.
type program struct {
	*rebuild.Rebuilder
	stop func()
}

func (s *store) startProgram(projections ...projection.Projection) *program {
	s.t.Helper()
	r, err := rebuild.New(s.config(projections...))
	require.NoError(s.t, err)
	names := make([]string, len(projections))
	for i, p := range projections {
		names[i] = p.Name()
	}
	return &program{r, s.run(func(ctx context.Context) { r.Run(ctx, names...) })}
}

func (s *store) config(projections ...projection.Projection) rebuild.Config {
	return rebuild.Config{
		Pool: s.pool, Log: func(projection.Source) rebuild.Log { return s.log }, Projections: projections, Logger: slog.New(slog.DiscardHandler), Metrics: newMetrics(),
	}
}

// live is a process whose engine feeds what is attached of a projection.
type live struct {
	*projection.Engine
	stop func()
}

// startLive follows the log with these versions of one projection, in the place of
// the live consumer there was.
func (s *store) startLive(versions ...projection.Projection) *live {
	s.t.Helper()
	name := versions[0].Name()
	engine, err := projection.NewEngine(projection.Config{
		Consumer: name, Generations: projection.Attached(name), Handler: projection.NewFeed(versions...),
		Independent: !versions[0].Source().OfBooks(), Bookless: !versions[0].Source().OfBooks(),
		Pool: s.pool, Logger: slog.New(slog.DiscardHandler), Metrics: newMetrics(),
	})
	require.NoError(s.t, err)
	stopEngine := s.run(engine.Run)
	stopReading := s.run(func(ctx context.Context) { s.deliver(ctx, engine) })
	if s.live != nil {
		s.live.stop()
	}
	s.live = &live{engine, func() { stopReading(); stopEngine() }}
	return s.live
}

// deliver does what a consumer group does for an engine that has all partitions.
func (s *store) deliver(ctx context.Context, engine *projection.Engine) {
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for ctx.Err() == nil {
		session, end := context.WithCancel(ctx)
		if next, err := engine.Assign(session, s.partitions(), end); err == nil {
			_ = s.log.follow(session, next, engine.Handle) // ends with the session
			engine.Revoke(s.partitions())
		}
		end()
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

func (s *store) partitions() []int32 {
	all := make([]int32, len(s.log.partitions))
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// run calls f until it is stopped, at the latest when the test ends.
func (s *store) run(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	s.t.Cleanup(stop)
	return stop
}

func newMetrics() *projection.Metrics { return projection.NewMetrics(prometheus.NewRegistry()) }

// awaitLive waits until the live consumer of a projection has reached the end of the log.
func (s *store) awaitLive(name string) {
	s.t.Helper()
	s.eventually(func() bool { return slices.Equal(s.position(name), s.log.end()) }, "%s at the end of the log", name)
}

// position is where a consumer is.
func (s *store) position(consumer string) events.Offsets {
	s.t.Helper()
	at, err := projection.Checkpoints(s.t.Context(), s.pool, consumer)
	require.NoError(s.t, err)
	return at
}

func (s *store) eventually(holds func() bool, what string, args ...any) {
	s.t.Helper()
	for limit := time.Now().Add(within); !holds(); {
		require.True(s.t, time.Now().Before(limit), "waited in vain for "+what, args)
		s.tick()
	}
}

// tick waits for as long as is to be waited between two looks.
func (s *store) tick() {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	<-timer.C
}

// begin starts a rebuild.
func (s *store) begin(p *program, name string, request rebuild.Request) rebuild.Rebuild {
	s.t.Helper()
	b, err := p.Start(s.t.Context(), name, request)
	require.NoError(s.t, err)
	return b
}

// await waits until a rebuild is in a phase.
func (s *store) await(id int64, phase rebuild.Phase) rebuild.Rebuild {
	s.t.Helper()
	return s.awaitThat(id, string(phase), func(b rebuild.Rebuild) bool {
		require.False(s.t, b.Phase.Over() && b.Phase != phase, "rebuild is %s, not %s: %s", b.Phase, phase, b.Trouble)
		return b.Phase == phase
	})
}

func (s *store) awaitThat(id int64, what string, holds func(rebuild.Rebuild) bool) (b rebuild.Rebuild) {
	s.t.Helper()
	s.eventually(func() bool {
		var err error
		b, err = rebuild.Get(s.t.Context(), s.pool, id)
		require.NoError(s.t, err)
		return holds(b)
	}, "rebuild %d: %s; it is %+v", id, what, &b)
	return b
}

// wish tells a rebuild something.
func (s *store) wish(id int64, wish rebuild.Wish) {
	s.t.Helper()
	_, err := rebuild.SetWish(s.t.Context(), s.pool, id, wish)
	require.NoError(s.t, err)
}

// rows are those of a query, as text.
func (s *store) rows(sql string, args ...any) []string {
	s.t.Helper()
	found, err := s.pool.Query(s.t.Context(), `SELECT r::text FROM (`+sql+`) AS r`, args...)
	require.NoError(s.t, err)
	rows, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(s.t, err)
	return rows
}

// exec runs a statement.
func (s *store) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

// generations are those that there are of a projection, each with its state and
// whether it is fed.
func (s *store) generations(name string) []string {
	s.t.Helper()
	return s.rows(`SELECT generation, version, state, attached FROM generations WHERE projection = $1 ORDER BY generation`, name)
}

// answering is the generation that queries of the catalog are answered from.
func (s *store) answering() int64 {
	s.t.Helper()
	var generation int64
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), `SELECT generation FROM catalog_generation`).Scan(&generation))
	return generation
}

// requireGone checks that nothing is left of a generation of the catalog.
func (s *store) requireGone(generation int64) {
	s.t.Helper()
	require.Empty(s.t, s.rows(`SELECT relname FROM pg_class WHERE relnamespace = current_schema::regnamespace
		AND relname LIKE '%\_g' || $1::bigint || '%'`, generation), "disk is given back")
	require.Empty(s.t, s.rows(`SELECT * FROM generations WHERE projection = 'catalog' AND generation = $1`, generation))
	require.Empty(s.t, s.rows(`SELECT * FROM checkpoints WHERE consumer = $1`, projection.BuildConsumer("catalog", generation)))
	require.Empty(s.t, s.rows(`SELECT * FROM parked_records WHERE consumer = 'catalog' AND generation = $1 AND discarded_at IS NULL`, generation))
}

// requireSame checks that two generations hold the same rows.
func (s *store) requireSame(p projection.Projection, one, other int64) {
	s.t.Helper()
	for _, table := range p.Tables() {
		a, b := projection.TableName(table.Name, one), projection.TableName(table.Name, other)
		require.Empty(s.t, s.rows(fmt.Sprintf(`(TABLE %[1]s EXCEPT TABLE %[2]s) UNION ALL (TABLE %[2]s EXCEPT TABLE %[1]s)`, a, b)), "%s and %s", a, b)
	}
}

// parked are the records that wait of a generation of the catalog, by offset.
func (s *store) parked(generation int64) []parked.Record {
	s.t.Helper()
	all, err := parked.List(s.t.Context(), s.pool, parked.Filter{Consumer: "catalog", Limit: 100})
	require.NoError(s.t, err)
	of := make(map[int64]parked.Record)
	for _, r := range all {
		if r.Generation == generation {
			of[r.Offset] = r
		}
	}
	return slices.SortedFunc(maps.Values(of), func(a, b parked.Record) int { return int(a.Offset - b.Offset) })
}
