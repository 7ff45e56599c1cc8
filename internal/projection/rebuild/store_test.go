package rebuild_test

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/postgres"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/testenv"
)

// newDatabase returns a database with the schema and no rebuilds.
func newDatabase(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "rebuild tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return pool
}

// insert puts a rebuild of catalog into the database that an owner is at, with
// what set says of it.
func insert(t *testing.T, pool *pgxpool.Pool, phase rebuild.Phase, set string, args ...any) int64 {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		INSERT INTO rebuilds (projection, generation, version, replaces, phase, owner, finished_at)
		VALUES ('catalog', 2, 1, 1, $1, 'host 1', CASE WHEN $2 THEN now() END) RETURNING id`, phase, phase.Over())
	require.NoError(t, err)
	id, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	if set != "" {
		_, err = pool.Exec(t.Context(), `UPDATE rebuilds SET `+set+` WHERE id = $1`, append([]any{id}, args...)...)
		require.NoError(t, err)
	}
	return id
}

func get(t *testing.T, pool *pgxpool.Pool, id int64) rebuild.Rebuild {
	t.Helper()
	r, err := rebuild.Get(t.Context(), pool, id)
	require.NoError(t, err)
	return r
}

func TestGetReturnsAllColumns(t *testing.T) {
	t.Parallel()
	pool := newDatabase(t)
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	id := insert(t, pool, rebuild.Failed, `
		version = 3, wish = 'pause', accept_diff = true, max_query_slowdown = 1.5, paused = true, events_done = 7, events_total = 9,
		phase_share = 0.5, detail = 'catalog_title_g2', query_p99_before = 2.5, query_p99_now = 3.5, given_way = 4.5, trouble = 'disk full',
		verification = '{"tables": [], "differences": 7}', phases = '[{"phase": "copying", "seconds": 1.5}]',
		started_at = $2, phase_started_at = $3, reported_at = $4, finished_at = $5`,
		at, at.Add(time.Minute), at.Add(2*time.Minute), at.Add(3*time.Minute))
	r := get(t, pool, id)
	finished, one, slowdown, share, before, now := at.Add(3*time.Minute), int64(1), 1.5, 0.5, 2.5, 3.5
	require.Equal(t, rebuild.Rebuild{
		ID: id, Projection: "catalog", Generation: 2, Version: 3, Replaces: &one,
		Phase: rebuild.Failed, Wish: rebuild.Pause, AcceptDiff: true, MaxQuerySlowdown: &slowdown,
		Owner: "host 1", Paused: true, EventsDone: 7, EventsTotal: 9, PhaseShare: &share, Detail: "catalog_title_g2",
		QueryP99Before: &before, QueryP99Now: &now, GivenWay: 4.5, Trouble: "disk full",
		Verification: &compare.Report{Tables: []compare.Table{}, Differences: 7}, Phases: []rebuild.PhaseTime{{Phase: rebuild.Copying, Seconds: 1.5}},
		StartedAt: at, PhaseStartedAt: at.Add(time.Minute), ReportedAt: at.Add(2 * time.Minute), FinishedAt: &finished,
	}, r)

	_, err := rebuild.Get(t.Context(), pool, id+1)
	require.ErrorIs(t, err, rebuild.ErrNotFound)
}

func TestAJSONRebuildHasEveryColumn(t *testing.T) {
	t.Parallel()
	pool := newDatabase(t)
	encoded, err := json.Marshal(get(t, pool, insert(t, pool, rebuild.Copying, "")))
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(encoded, &members))
	rows, err := pool.Query(t.Context(), `
		SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema AND table_name = 'rebuilds'`)
	require.NoError(t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, columns)
	for _, column := range columns {
		require.Contains(t, members, column)
	}
	require.Equal(t, []any{}, members["phases"])
	require.Nil(t, members["verification"])
}

func TestListAndUnfinished(t *testing.T) {
	t.Parallel()
	pool := newDatabase(t)
	none, err := rebuild.List(t.Context(), pool, "catalog")
	require.NoError(t, err)
	require.Equal(t, []rebuild.Rebuild{}, none)
	_, there, err := rebuild.Unfinished(t.Context(), pool, "catalog")
	require.NoError(t, err)
	require.False(t, there)

	first := insert(t, pool, rebuild.Switched, "")
	other := insert(t, pool, rebuild.Copying, `projection = 'history'`)
	second := insert(t, pool, rebuild.Verifying, "")
	all, err := rebuild.List(t.Context(), pool, "catalog")
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []int64{second, first}, []int64{all[0].ID, all[1].ID})
	last, there, err := rebuild.Last(t.Context(), pool, "catalog")
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, second, last.ID)
	_, there, err = rebuild.Last(t.Context(), pool, "trends")
	require.NoError(t, err)
	require.False(t, there)
	r, there, err := rebuild.Unfinished(t.Context(), pool, "history")
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, other, r.ID)
}

func TestForecast(t *testing.T) {
	t.Parallel()
	pool := newDatabase(t)
	for name, c := range map[string]struct {
		phase      rebuild.Phase
		set        string
		rate, left float64 // -1: not known
	}{
		"copying":              {rebuild.Copying, ``, 200, 15},
		"more than there were": {rebuild.Copying, `events_total = 1000`, 200, 0},
		"nothing done":         {rebuild.Copying, `events_done = 0`, -1, -1},
		"just begun":           {rebuild.Copying, `phase_started_at = reported_at`, -1, -1},
		"paused":               {rebuild.Copying, `paused = true`, -1, -1},
		"to be paused":         {rebuild.Copying, `wish = 'pause'`, -1, -1},
		"nobody's yet":         {rebuild.Copying, `owner = ''`, -1, -1},
		"owner is gone":        {rebuild.Copying, `phase_started_at = now() - interval '1 h', reported_at = now() - interval '1 min'`, -1, -1},
		"indexing":             {rebuild.Indexing, `phase_share = 0.25`, -1, 30},
		"indexing, who knows":  {rebuild.Indexing, ``, -1, -1},
		"at the beginning":     {rebuild.Verifying, `phase_share = 0`, -1, -1},
		"over":                 {rebuild.Switched, `phase_share = 0.5`, -1, -1},
	} {
		// Copied for 10 s, and just reported.
		id := insert(t, pool, c.phase, `phase_started_at = now() - interval '10 s', reported_at = now(), events_done = 2000, events_total = 5000`)
		if c.set != "" {
			_, err := pool.Exec(t.Context(), `UPDATE rebuilds SET `+c.set)
			require.NoError(t, err)
		}
		r := get(t, pool, id)
		requireKnown(t, name, c.rate, r.EventsPerSecond)
		requireKnown(t, name, c.left, r.SecondsLeft)
		_, err := pool.Exec(t.Context(), `DELETE FROM rebuilds`)
		require.NoError(t, err)
	}
}

// requireKnown checks a number that is nil where -1 is expected.
func requireKnown(t *testing.T, name string, want float64, got *float64) {
	t.Helper()
	if want < 0 {
		require.Nil(t, got, name)
		return
	}
	require.NotNil(t, got, name)
	require.InDelta(t, want, *got, 0.001, name)
}

func TestSetWish(t *testing.T) {
	t.Parallel()
	pool := newDatabase(t)
	id := insert(t, pool, rebuild.Copying, `phase_started_at = now() - interval '10 s', events_done = 10, events_total = 20`)
	require.NotNil(t, get(t, pool, id).SecondsLeft)
	for _, wish := range []rebuild.Wish{rebuild.Pause, rebuild.Pause, rebuild.Run, rebuild.Pause, rebuild.Cancel, rebuild.Cancel} {
		r, err := rebuild.SetWish(t.Context(), pool, id, wish)
		require.NoError(t, err)
		require.Equal(t, wish, r.Wish)
		require.Equal(t, wish == rebuild.Run, r.SecondsLeft != nil)
		require.Equal(t, wish, get(t, pool, id).Wish)
	}
	for _, wish := range []rebuild.Wish{rebuild.Run, rebuild.Pause} {
		_, err := rebuild.SetWish(t.Context(), pool, id, wish)
		require.ErrorIs(t, err, rebuild.ErrBeingCancelled)
	}
	require.Equal(t, rebuild.Cancel, get(t, pool, id).Wish)

	_, err := rebuild.SetWish(t.Context(), pool, id+1, rebuild.Run)
	require.ErrorIs(t, err, rebuild.ErrNotFound)
}

func TestAccept(t *testing.T) {
	t.Parallel()
	pool := newDatabase(t)
	id := insert(t, pool, rebuild.Verifying, "")
	_, err := rebuild.Accept(t.Context(), pool, id)
	require.ErrorIs(t, err, rebuild.ErrNothingToAccept)
	require.False(t, get(t, pool, id).AcceptDiff)

	_, err = pool.Exec(t.Context(), `UPDATE rebuilds SET phase = 'differs'`)
	require.NoError(t, err)
	for range 2 { // an answer that was lost may be asked for again
		r, err := rebuild.Accept(t.Context(), pool, id)
		require.NoError(t, err)
		require.True(t, r.AcceptDiff)
	}
	require.True(t, get(t, pool, id).AcceptDiff)

	_, err = rebuild.SetWish(t.Context(), pool, id, rebuild.Cancel)
	require.NoError(t, err)
	_, err = rebuild.Accept(t.Context(), pool, id)
	require.ErrorIs(t, err, rebuild.ErrBeingCancelled)
	_, err = rebuild.Accept(t.Context(), pool, id+1)
	require.ErrorIs(t, err, rebuild.ErrNotFound)
}

func TestNothingIsWishedOfWhatIsOver(t *testing.T) {
	t.Parallel()
	for _, phase := range []rebuild.Phase{rebuild.Switched, rebuild.Cancelled, rebuild.Failed} {
		pool := newDatabase(t)
		id := insert(t, pool, phase, "")
		for _, wish := range []rebuild.Wish{rebuild.Run, rebuild.Pause, rebuild.Cancel} {
			_, err := rebuild.SetWish(t.Context(), pool, id, wish)
			require.ErrorIs(t, err, rebuild.ErrOver)
		}
		_, err := rebuild.Accept(t.Context(), pool, id)
		require.ErrorIs(t, err, rebuild.ErrOver)
	}
}

// The owner finishes a rebuild while an operator's order is on its way: the order
// waits for that, and is then told that it came too late.
func TestAnOrderWaitsForTheOwnersTransaction(t *testing.T) {
	t.Parallel()
	pool := newDatabase(t)
	id := insert(t, pool, rebuild.Switching, "")
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `UPDATE rebuilds SET phase = 'switched', finished_at = now()`)
	require.NoError(t, err)

	refused := make(chan error, 1)
	go func() {
		_, err := rebuild.SetWish(t.Context(), pool, id, rebuild.Cancel)
		refused <- err
	}()
	require.Eventually(t, func() bool {
		var waiting bool
		err := pool.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM rebuilds WHERE id = %FOR UPDATE'
				AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'rebuilds'::regclass))`).Scan(&waiting)
		return err == nil && waiting
	}, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.ErrorIs(t, <-refused, rebuild.ErrOver)
	require.Equal(t, rebuild.Run, get(t, pool, id).Wish)
}
