package projection_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// Several processes start at once on an empty database, and again later.
func TestInstallMakesOneGeneration(t *testing.T) {
	t.Parallel()
	pool := database(t)
	projections := []projection.Projection{projection.Catalog{}, projection.History{}}
	install := func() {
		var starts sync.WaitGroup
		generations := make([]int64, 8)
		failures := make([]error, len(generations))
		for i := range generations {
			starts.Go(func() {
				generations[i], failures[i] = projection.Install(t.Context(), pool, projections[i%len(projections)])
			})
		}
		starts.Wait()
		for i := range generations {
			require.NoError(t, failures[i])
			require.Equal(t, int64(1), generations[i])
		}
	}
	install()
	var l log
	l.add(t, created(7))
	for _, p := range projections {
		require.NoError(t, apply(pool, p, 1, l.records))
	}
	install()
	require.Len(t, catalogRows(t, pool, 1), 1, "what is there stays")
	require.Len(t, historyRows(t, pool, 1), 1)

	rows, err := pool.Query(t.Context(), `SELECT projection, generation, version, state FROM generations ORDER BY projection`)
	require.NoError(t, err)
	type generation struct {
		Projection string
		Generation int64
		Version    int
		State      string
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[generation])
	require.NoError(t, err)
	require.Equal(t, []generation{
		{"catalog", 1, projection.Catalog{}.Version(), "active"},
		{"history", 1, projection.History{}.Version(), "active"},
	}, found)
}

func TestInstallKeepsTheActiveGeneration(t *testing.T) {
	t.Parallel()
	pool := database(t)
	_, err := pool.Exec(t.Context(), `
		INSERT INTO generations (projection, generation, version, state)
		VALUES ('catalog', 4, 1, 'retired'), ('catalog', 5, 1, 'active'), ('catalog', 6, 2, 'building')`)
	require.NoError(t, err)
	generation, err := projection.Install(t.Context(), pool, projection.Catalog{})
	require.NoError(t, err)
	require.Equal(t, int64(5), generation)
}

// halfway fails when all but the last step is done.
type halfway struct {
	projection.Catalog
	fail bool
}

func (h halfway) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	if h.fail {
		return errTest
	}
	return h.Catalog.Activate(ctx, tx, generation)
}

func TestInstallLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	pool := database(t)
	_, err := projection.Install(t.Context(), pool, halfway{fail: true})
	require.ErrorIs(t, err, errTest)
	generation, err := projection.Install(t.Context(), pool, halfway{})
	require.NoError(t, err)
	require.Equal(t, int64(1), generation)
}

// The whole way: a feed on the engine keeps a projection up to date.
func TestAFeedFollowsTheLog(t *testing.T) {
	t.Parallel()
	pool := database(t)
	generation, err := projection.Install(t.Context(), pool, projection.Catalog{})
	require.NoError(t, err)
	o, _ := startFeed(t, pool, projection.Catalog{})
	o.assign(t, 0)
	var l log
	for _, e := range []events.Event{created(1), created(2), updated(1, 2), deleted(2, 2), created(1)} {
		l.add(t, e)
	}
	for _, r := range l.records {
		require.NoError(t, o.Handle(t.Context(), r))
	}
	o.reach(t, 0, int64(len(l.records)))
	rows := catalogRows(t, pool, generation)
	require.Len(t, rows, 1)
	require.Equal(t, int64(2), rows[0].Version)
}
