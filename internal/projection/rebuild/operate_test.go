package rebuild_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

func TestARebuildReplacesTheActiveGeneration(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(20)...)
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	require.True(t, b.Verification.Equal())
	require.Equal(t, [2]int64{20, 20}, [2]int64{b.EventsDone, b.EventsTotal})
	require.Empty(t, b.Trouble)
	require.NotNil(t, b.FinishedAt)
	var phases []rebuild.Phase
	for _, phase := range b.Phases {
		phases = append(phases, phase.Phase)
	}
	require.Equal(t, []rebuild.Phase{rebuild.Copying, rebuild.Indexing, rebuild.CatchingUp, rebuild.Verifying, rebuild.Switching}, phases)
	require.Equal(t, int64(2), s.answering())
	require.Equal(t, indexesOf(s, 1), indexesOf(s, 2))

	_, err := p.Start(t.Context(), "trends", rebuild.Request{})
	require.ErrorIs(t, err, rebuild.ErrUnknownProjection)
}

// indexesOf are the definitions of a generation's indexes, as if it were any. The schema's
// name is by chance, and may have something that looks like a generation.
func indexesOf(s *store, generation int64) []string {
	s.t.Helper()
	return s.rows(`SELECT replace(replace(indexdef, current_schema || '.', ''), '_g' || $1::bigint, '') FROM pg_indexes
		WHERE schemaname = current_schema AND tablename LIKE '%\_g' || $1::bigint ORDER BY 1`, generation)
}

func TestOneRebuildAtATime(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(3)...)
	goOn := s.log.stall()
	b := s.begin(p, "catalog", rebuild.Request{})
	_, err := p.Start(t.Context(), "catalog", rebuild.Request{})
	underWay, is := errors.AsType[*rebuild.UnderWayError](err)
	require.True(t, is, "%v", err)
	require.Equal(t, rebuild.UnderWayError{Projection: "catalog", ID: b.ID}, *underWay)
	require.ErrorAs(t, p.Rollback(t.Context(), "catalog"), &underWay)
	require.ErrorIs(t, p.Drop(t.Context(), "catalog", b.Generation), rebuild.ErrBeingBuilt)
	goOn()
	s.await(b.ID, rebuild.Switched)
	b = s.begin(p, "catalog", rebuild.Request{})
	s.await(b.ID, rebuild.Switched)
}

func TestAPausedRebuildStandsStill(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(300)...)
	goOn := s.log.stall()
	b := s.begin(p, "catalog", rebuild.Request{})
	s.wish(b.ID, rebuild.Pause)
	paused := s.awaitThat(b.ID, "paused", func(b rebuild.Rebuild) bool { return b.Paused })
	require.Equal(t, rebuild.Copying, paused.Phase)
	goOn() // it could read on, but must not
	s.log.add(t, created(301))
	s.awaitLive("catalog")

	later := s.awaitThat(b.ID, "reported twice", func(now rebuild.Rebuild) bool {
		return now.ReportedAt.Sub(paused.ReportedAt) > 800*time.Millisecond
	})
	require.Equal(t, paused.EventsDone, later.EventsDone)
	require.True(t, later.Paused)
	require.Empty(t, s.rows(`TABLE catalog_books_g2`))

	s.wish(b.ID, rebuild.Run)
	b = s.await(b.ID, rebuild.Switched)
	require.False(t, b.Paused)
	require.True(t, b.Verification.Equal())
}

// In whichever phase a rebuild is cancelled, nothing of it stays.
func TestCancelInEachPhase(t *testing.T) {
	t.Parallel()
	for _, phase := range []rebuild.Phase{rebuild.Copying, rebuild.Indexing, rebuild.CatchingUp, rebuild.Verifying, rebuild.Switching} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			s, p := givenGated(t, books(10)...)
			s.log.put(garbage(11), 11)
			s.awaitLive("catalog")
			b, release := s.reach(p, phase)
			s.wish(b.ID, rebuild.Cancel)
			if phase == rebuild.Verifying { // nobody can drop a table that is locked
				release()
			}
			b = s.await(b.ID, rebuild.Cancelled)
			require.Empty(t, b.Trouble)
			release()
			s.requireGone(b.Generation)
			require.Equal(t, int64(1), s.answering())

			s.log.add(t, created(12), created(13))
			s.awaitLive("catalog")
			require.Len(t, s.rows(`TABLE books`), 12)
			require.Len(t, s.parked(1), 1)
			again := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
			require.Equal(t, b.Generation+1, again.Generation, "a number is never used again")
		})
	}
}

func TestAPausedRebuildIsCancelled(t *testing.T) {
	t.Parallel()
	s, p := givenGated(t, books(10)...)
	b, release := s.reach(p, rebuild.CatchingUp)
	s.wish(b.ID, rebuild.Pause)
	s.awaitThat(b.ID, "paused", func(b rebuild.Rebuild) bool { return b.Paused })
	s.wish(b.ID, rebuild.Cancel)
	s.await(b.ID, rebuild.Cancelled)
	release()
	s.requireGone(b.Generation)
}

// givenGated is givenCatalog with a program whose indexing can be held.
func givenGated(t *testing.T, happened ...events.Event) (*store, *program) {
	t.Helper()
	s, p := givenCatalog(t, happened...)
	p.stop()
	return s, s.startProgram(gated)
}

func TestRollback(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(5)...)
	require.ErrorIs(t, p.Rollback(t.Context(), "catalog"), rebuild.ErrNothingToRollBackTo)
	require.ErrorIs(t, p.Rollback(t.Context(), "trends"), rebuild.ErrUnknownProjection)
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)

	s.log.add(t, created(6), updated(2, 2), deleted(3, 2))
	s.awaitLive("catalog")
	s.requireSame(projection.Catalog{}, 1, 2) // the retired one is fed too
	require.NoError(t, p.Rollback(t.Context(), "catalog"))
	require.Equal(t, int64(1), s.answering())
	require.Equal(t, []string{fmt.Sprintf("(1,%d,active,t)", current), fmt.Sprintf("(2,%d,retired,t)", current)}, s.generations("catalog"))
	require.Len(t, s.rows(`TABLE books`), 5)
	var differing int
	require.NoError(t, p.Diff(t.Context(), b.ID, func(compare.Row) error { differing++; return nil }))
	require.Zero(t, differing)

	s.log.add(t, created(7))
	s.awaitLive("catalog")
	require.NoError(t, p.Rollback(t.Context(), "catalog"))
	require.Equal(t, int64(2), s.answering(), "a rollback is rolled back")
	require.Len(t, s.rows(`TABLE books`), 6)
}

func TestDrop(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(5)...)
	s.log.put(garbage(6), 6)
	s.awaitLive("catalog")
	s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	require.ErrorIs(t, p.Drop(t.Context(), "catalog", 2), rebuild.ErrActive)
	require.ErrorIs(t, p.Drop(t.Context(), "catalog", 3), rebuild.ErrNoGeneration)
	require.NoError(t, p.Drop(t.Context(), "catalog", 1))
	s.requireGone(1)
	require.ErrorIs(t, p.Rollback(t.Context(), "catalog"), rebuild.ErrNothingToRollBackTo)
	s.log.add(t, created(7))
	s.awaitLive("catalog")
	require.Len(t, s.rows(`TABLE books`), 6)
	require.Len(t, s.parked(2), 1)
}

// The live consumer finds the tables gone before it has heard that they are to go.
func TestWritesGoOnBehindADrop(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(5)...)
	s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	s.log.add(t, created(6))
	s.awaitLive("catalog") // it has heard of the new one
	s.pool.Reset()         // no connection has a plan for the old one
	require.NoError(t, p.Drop(t.Context(), "catalog", 1))
	s.log.add(t, books(12)[6:]...) // all its lanes do: for creations nothing is read first
	s.awaitLive("catalog")
	require.Len(t, s.rows(`TABLE books`), 12)
	require.Empty(t, s.parked(2))
}

func TestTheGenerationBeforeLastIsDropped(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(5)...)
	s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	s.eventually(func() bool {
		return slices.Equal(s.generations("catalog"), []string{fmt.Sprintf("(2,%d,retired,t)", current), fmt.Sprintf("(3,%d,active,t)", current)})
	}, "the first generation to go")
	s.requireGone(1)
}

func TestAnEstimateLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t)
	e, err := p.Estimate(t.Context(), "catalog")
	require.NoError(t, err)
	require.Zero(t, e.Events)
	s.log.add(t, books(50)...)
	s.log.put(garbage(51), 51)
	s.awaitLive("catalog")
	const everything = `SELECT relname FROM pg_class WHERE relnamespace = current_schema::regnamespace
		UNION ALL SELECT g::text FROM generations AS g UNION ALL SELECT consumer FROM checkpoints
		UNION ALL SELECT r::text FROM rebuilds AS r UNION ALL SELECT p::text FROM parked_records AS p ORDER BY 1`
	before := s.rows(everything)
	e, err = p.Estimate(t.Context(), "catalog")
	require.NoError(t, err)
	require.Equal(t, int64(51), e.Events)
	require.Positive(t, e.Bytes)
	require.NotNil(t, e.Seconds)
	require.Equal(t, before, s.rows(everything))
	_, err = p.Estimate(t.Context(), "trends")
	require.ErrorIs(t, err, rebuild.ErrUnknownProjection)
}

// What a rebuild would park, an estimate leaves out.
func TestAnEstimateGetsOverPoison(t *testing.T) {
	t.Parallel()
	s := newStore(t, books(5)...)
	for _, v := range []variant{{version: current + 1, foolish: true}, {version: current + 1, panics: true}} {
		e, err := s.startProgram(v).Estimate(t.Context(), "catalog")
		require.NoError(t, err)
		require.Equal(t, int64(5), e.Events)
	}
}

func TestOtherProjectionsAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	p := s.startProgram(projection.Catalog{}, projection.History{})
	require.NoError(t, p.Install(t.Context()))
	s.startLive(projection.Catalog{})
	s.live = nil // both go on
	s.startLive(projection.History{})
	s.log.add(t, books(10)...)
	s.awaitLive("catalog")
	s.awaitLive("history")
	const history = `SELECT consumer, partition, next_offset, epoch::text FROM checkpoints WHERE consumer = 'history'
		UNION ALL SELECT 'entry', 0, version, xmin::text FROM history_entries_g1 ORDER BY 1, 2, 3`
	before := s.rows(history)
	s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	require.Equal(t, before, s.rows(history))
	require.Equal(t, []string{"(1,1,active,t)"}, s.generations("history"))

	// Both at once.
	goOn := s.log.stall()
	catalog, other := s.begin(p, "catalog", rebuild.Request{}), s.begin(p, "history", rebuild.Request{})
	goOn()
	s.await(catalog.ID, rebuild.Switched)
	s.await(other.ID, rebuild.Switched)
	s.requireSame(projection.History{}, 1, 2)
}

func TestAnIndexThatCannotBeMade(t *testing.T) {
	t.Parallel()
	s, p := givenOutdated(t, variant{index: `CREATE UNIQUE INDEX %s ON catalog_books_g%d (author)`})
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Failed)
	require.Contains(t, b.Trouble, "catalog_more_g2")
	require.NotNil(t, b.FinishedAt)
	s.requireGone(2)
	require.Equal(t, int64(1), s.answering())
	s.log.add(t, created(11))
	s.awaitLive("catalog")
	require.Len(t, s.rows(`TABLE books`), 11)
}

// The index of an owner who was killed is finished while its successor waits for the
// name.
func TestAnIndexThatSomebodyElseFinishes(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(10)...)
	goOn := s.log.stall()
	b := s.begin(p, "catalog", rebuild.Request{})
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), projection.Catalog{}.Indexes(2)[0].SQL)
	require.NoError(t, err)
	goOn()
	s.eventually(func() bool {
		return len(s.rows(`SELECT FROM pg_locks WHERE NOT granted AND $1::int = ANY (pg_blocking_pids(pid))`, tx.Conn().PgConn().PID())) > 0
	}, "somebody to wait for it")
	require.NoError(t, tx.Commit(t.Context()))
	b = s.await(b.ID, rebuild.Switched)
	require.True(t, b.Verification.Equal())
	require.Equal(t, indexesOf(s, 1), indexesOf(s, 2))
}

// A query that has begun on the old generation ends on it, and holds the switch up;
// those that come meanwhile are hardly delayed.
func TestAQueryAcrossTheSwitch(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(10)...)
	old, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer old.Rollback(t.Context())
	var generation, found int64
	const query = `SELECT max(generation), count(*) FROM books`
	require.NoError(t, old.QueryRow(t.Context(), query).Scan(&generation, &found))
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switching)

	var longest time.Duration
	until := time.Now().Add(time.Second)
	for time.Now().Before(until) {
		began := time.Now()
		var g, n int64
		require.NoError(t, s.pool.QueryRow(t.Context(), query).Scan(&g, &n))
		longest = max(longest, time.Since(began))
		require.Equal(t, [2]int64{1, 10}, [2]int64{g, n})
	}
	t.Logf("the longest query while the switch waited took %s", longest)
	require.Less(t, longest, 500*time.Millisecond, "of which 100 ms are the switch's patience")
	require.NoError(t, old.QueryRow(t.Context(), query).Scan(&generation, &found))
	require.Equal(t, [2]int64{1, 10}, [2]int64{generation, found})
	require.NoError(t, old.Rollback(t.Context()))
	s.await(b.ID, rebuild.Switched)
}
