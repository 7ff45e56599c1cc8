package parked_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/projection/parked"
)

func TestListFiltersAndPages(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first, poison(0, 1, "7"), held(0, 2, "7"), poison(0, 3, "8"))
	park(t, pool, history, first, poison(0, 1, "7"))
	discarded := idsOf(t, pool, catalog, first)[at(0, 2)]
	do(t, pool, func(b *pgx.Batch) { parked.QueueDiscarded(b, []int64{discarded}) })

	list := func(f parked.Filter) (found []string) {
		t.Helper()
		if f.Limit == 0 {
			f.Limit = 100
		}
		records, err := parked.List(t.Context(), pool, f)
		require.NoError(t, err)
		for _, r := range records {
			found = append(found, r.Consumer+" "+r.Raw().Position().String())
		}
		return found
	}
	book := func(id int64) *int64 { return &id }
	require.Equal(t, []string{"catalog 0.1", "catalog 0.3", "history 0.1"}, list(parked.Filter{}))
	require.Equal(t, []string{"history 0.1"}, list(parked.Filter{Consumer: history}))
	require.Equal(t, []string{"catalog 0.1", "history 0.1"}, list(parked.Filter{Book: book(7)}))
	require.Equal(t, []string{"catalog 0.2"}, list(parked.Filter{Discarded: true}))
	require.Empty(t, list(parked.Filter{Book: book(9)}))

	page, err := parked.List(t.Context(), pool, parked.Filter{Limit: 2})
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.Equal(t, []string{"history 0.1"}, list(parked.Filter{After: page[1].ID}))
}

func TestRequestLeavesAWish(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first, poison(0, 1, "7"), held(0, 2, "7"), poison(0, 3, "8"))
	park(t, pool, history, first, poison(0, 1, "7"))
	ids := idsOf(t, pool, catalog, first)
	of7, book := idsOf(t, pool, history, first)[at(0, 1)], int64(7)

	for name, c := range map[string]struct {
		selection parked.Selection
		want      []int64
	}{
		"all":              {parked.Selection{}, []int64{ids[at(0, 1)], ids[at(0, 2)], ids[at(0, 3)], of7}},
		"a consumer's":     {parked.Selection{Consumer: history}, []int64{of7}},
		"a book's":         {parked.Selection{Book: &book}, []int64{ids[at(0, 1)], ids[at(0, 2)], of7}},
		"of both":          {parked.Selection{Book: &book, Consumer: catalog}, []int64{ids[at(0, 1)], ids[at(0, 2)]}},
		"named":            {parked.Selection{IDs: []int64{ids[at(0, 3)], ids[at(0, 1)]}}, []int64{ids[at(0, 1)], ids[at(0, 3)]}},
		"none":             {parked.Selection{IDs: []int64{}}, nil},
		"nobody's":         {parked.Selection{Consumer: "trends"}, nil},
		"named for a book": {parked.Selection{IDs: []int64{of7}, Book: &book}, []int64{of7}},
	} {
		_, err := pool.Exec(t.Context(), `UPDATE parked_records SET request = NULL`)
		require.NoError(t, err)
		asked, err := parked.Request(t.Context(), pool, c.selection, parked.Retry)
		require.NoError(t, err, name)
		require.Equal(t, c.want, asked, name)
		for _, id := range []int64{of7, ids[at(0, 1)], ids[at(0, 2)], ids[at(0, 3)]} {
			require.Equal(t, slices.Contains(c.want, id), get(t, pool, id).Request == parked.Retry, name)
		}
	}
	ask(t, pool, parked.Discard, of7)
	require.Equal(t, parked.Discard, get(t, pool, of7).Request, "the last wish holds")
}

func TestARequestOfWhatIsNotThereChangesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first, poison(0, 1, "7"), poison(0, 2, "8"))
	ids := idsOf(t, pool, catalog, first)
	waits, discarded, nobody := ids[at(0, 1)], ids[at(0, 2)], ids[at(0, 2)]+1000
	do(t, pool, func(b *pgx.Batch) { parked.QueueDiscarded(b, []int64{discarded}) })

	for _, c := range []struct {
		selection parked.Selection
		want      error
	}{
		{parked.Selection{IDs: []int64{waits, nobody}}, parked.ErrNotFound},
		{parked.Selection{IDs: []int64{waits, discarded}}, parked.ErrDiscarded},
		{parked.Selection{IDs: []int64{waits}, Consumer: history}, parked.ErrNotFound},
	} {
		for _, wish := range []parked.Wish{parked.Retry, parked.Discard} {
			_, err := parked.Request(t.Context(), pool, c.selection, wish)
			require.ErrorIs(t, err, c.want)
			require.Empty(t, get(t, pool, waits).Request)
		}
	}
	asked, err := parked.Request(t.Context(), pool, parked.Selection{}, parked.Retry)
	require.NoError(t, err)
	require.Equal(t, []int64{waits}, asked, "who names nothing means what waits")

	_, err = parked.Get(t.Context(), pool, nobody)
	require.ErrorIs(t, err, parked.ErrNotFound)
}

// TestADiscardIsOneOfAllGenerations: a record that one generation gives up and the
// other retries would make the two differ for ever.
func TestADiscardIsOneOfAllGenerations(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first, poison(0, 1, "7"), poison(0, 2, "8"))
	park(t, pool, catalog, second, poison(0, 1, "7"), poison(0, 2, "8"))
	park(t, pool, history, first, poison(0, 1, "7"))
	one, two := idsOf(t, pool, catalog, first), idsOf(t, pool, catalog, second)

	asked, err := parked.Request(t.Context(), pool, parked.Selection{IDs: []int64{two[at(0, 1)]}}, parked.Discard)
	require.NoError(t, err)
	require.Equal(t, []int64{one[at(0, 1)], two[at(0, 1)]}, asked)
	require.Equal(t, parked.Discard, get(t, pool, one[at(0, 1)]).Request)
	require.Empty(t, get(t, pool, one[at(0, 2)]).Request)
	require.Empty(t, get(t, pool, idsOf(t, pool, history, first)[at(0, 1)]).Request)

	asked, err = parked.Request(t.Context(), pool, parked.Selection{IDs: []int64{two[at(0, 2)]}}, parked.Retry)
	require.NoError(t, err)
	require.Equal(t, []int64{two[at(0, 2)]}, asked, "a retry is of one")
}

func TestCountsAreOfWhatWaits(t *testing.T) {
	t.Parallel()
	pool := database(t)
	counts, err := parked.Counts(t.Context(), pool)
	require.NoError(t, err)
	require.Empty(t, counts)

	park(t, pool, history, first, poison(0, 1, "7"))
	park(t, pool, catalog, second, poison(0, 1, "7"), held(0, 2, "7"), held(0, 3, "7"))
	park(t, pool, catalog, first, poison(0, 1, "7"))
	discarded := []int64{idsOf(t, pool, catalog, first)[at(0, 1)], idsOf(t, pool, catalog, second)[at(0, 3)]}
	do(t, pool, func(b *pgx.Batch) { parked.QueueDiscarded(b, discarded) })

	counts, err = parked.Counts(t.Context(), pool)
	require.NoError(t, err)
	for i := range counts {
		require.WithinDuration(t, time.Now(), counts[i].Since, time.Minute)
		counts[i].Since = time.Time{}
	}
	require.Equal(t, []parked.Count{
		{Consumer: catalog, Generation: second, Records: 2, Poison: 1},
		{Consumer: history, Generation: first, Records: 1, Poison: 1},
	}, counts)
}
