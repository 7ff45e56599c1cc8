package insights

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/testenv"
)

// counted is a database that has counted searches, and what they were.
func counted(t *testing.T, n int) (*pgxpool.Pool, *searches, map[uuid.UUID]int) {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "bench tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	queries, keys, err := makeQueries(someBooks(), 40, 1)
	require.NoError(t, err)
	made := newSearches(queries, 25, 1)
	records := make([]events.Record, n)
	for i := range records {
		search, err := made.next(events.Instant(time.Now()))
		require.NoError(t, err)
		records[i] = events.Record{Topic: "searches", Offset: int64(i), Key: search.Key, Value: search.Value, Headers: search.Headers}
	}
	for _, p := range readModels {
		_, err := projection.Install(t.Context(), pool, p)
		require.NoError(t, err)
		batch, err := p.Apply(t.Context(), pool, 1, records)
		require.NoError(t, err)
		require.NoError(t, pool.SendBatch(t.Context(), batch).Close())
	}
	return pool, made, keys
}

func someBooks() (books []events.ServedBook) {
	for i, title := range []string{"The Hollow Sea (The Tide Singers, #1)", "Theory of Small Rivers", "Songs of the Marsh", "Güneşin Işığı"} {
		books = append(books, events.ServedBook{ID: int64(1 + i), Title: title, Author: "Ötzi van der Meer"})
	}
	return books
}

func TestWhatWasCountedRightIsFoundToBe(t *testing.T) {
	t.Parallel()
	pool, made, keys := counted(t, 2000)
	found, err := made.noted.compare(t.Context(), pool, keys)
	require.NoError(t, err)
	require.Equal(t, Counted{Searches: 2000, Queries: 40, Readers: 25, Pairs: len(made.noted.asked)}, found)
	require.Greater(t, found.Pairs, 500)
}

// A search that is missing or doubled is found wherever it is.
func TestWhatWasCountedWrongIsFoundOut(t *testing.T) {
	t.Parallel()
	pool, made, keys := counted(t, 500)
	for _, wrong := range []struct{ what, change string }{
		{"searches in trends_queries", "trends_queries_g1 SET searches = searches + %s"},
		{"searches in trends_readers", "trends_readers_g1 SET searches = searches + %s"},
		{"searches in trends_slots", "trends_slots_g1 SET searches = searches + %s"},
		{"searches in trends_forms", "trends_forms_g1 SET searches = searches + %s"},
		{"searches by nobody known of query", "trends_queries_g1 SET anonymous = anonymous + %s"},
		{"readers of query", "trends_queries_g1 SET readers = readers + %s"},
		{"searches in interests_searches", "interests_searches_g1 SET times = times + %s"},
		{"books served", "served_books_g1 SET times = times + %s"},
	} {
		change := func(by string) {
			_, err := pool.Exec(t.Context(), `UPDATE `+fmt.Sprintf(wrong.change, by))
			require.NoError(t, err)
		}
		change("1")
		_, err := made.noted.compare(t.Context(), pool, keys)
		var differs *CountError
		require.ErrorAs(t, err, &differs, wrong.what)
		require.Contains(t, differs.What, wrong.what)
		change("-1")
	}
	_, err := made.noted.compare(t.Context(), pool, keys)
	require.NoError(t, err)
}

func TestQueriesAreDifferentHoweverTheyAreTyped(t *testing.T) {
	t.Parallel()
	queries, keys, err := makeQueries(someBooks(), 100, 2)
	require.NoError(t, err)
	require.Len(t, queries, 100)
	require.Len(t, keys, 100)
	for i, q := range queries {
		for _, form := range q.forms {
			key, ok := sameKey([]string{form})
			require.True(t, ok)
			require.Equal(t, i, keys[key], form)
		}
		require.Len(t, q.served, servedBooks)
	}
	_, _, err = makeQueries([]events.ServedBook{{Title: "戦争", Author: "夏目"}}, 10, 2)
	require.ErrorIs(t, err, errFewQueries)
}
