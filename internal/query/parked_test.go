package query_test

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/query"
	"bookstore/internal/web"
)

func updated(id, version int64) events.BookUpdated {
	return events.BookUpdated{ID: id, Version: version, Details: events.Details{Title: "Dune!"}, UpdatedAt: dayOne}
}

func TestAnswersSayThatEventsOfTheBookAreParked(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""), book(8, "Dune Messiah", "Frank Herbert", ""))
	whole := string(s.get("/api/books/7").body)
	require.NotContains(t, whole, "parked")
	s.park(projection.Catalog{}, 1, updated(7, 2), updated(7, 3))
	s.park(projection.Catalog{}, 2, updated(8, 2)) // in a generation that doesn't answer

	shown := s.get("/api/books/7", "If-None-Match", `"1"`)
	require.Equal(t, http.StatusOK, shown.status, "who knows the version does not know that it is old")
	require.Empty(t, shown.header.Values("ETag"))
	require.Equal(t, "2.4", shown.header.Get(query.HeaderConsistencyToken))
	require.Equal(t, whole[:len(whole)-2]+`,"parked_events":2}`+"\n", string(shown.body))
	for _, path := range []string{"/api/books", "/api/books?q=dune"} {
		books := s.get(path).books(t)
		require.Len(t, books, 2)
		require.Equal(t, []int64{2, 0}, []int64{books[0].ParkedEvents, books[1].ParkedEvents}, path)
	}
	require.NotContains(t, string(s.get("/api/books/7/history").body), "parked", "the history has them")

	// What consumers of the searches get is a contract of six fields.
	served := s.searches.take()
	require.Len(t, served, 1)
	value, err := json.Marshal(served[0].Books)
	require.NoError(t, err)
	require.NotContains(t, string(value), "parked")

	var ids []int64
	lot, err := parked.List(t.Context(), s.pool, parked.Filter{Consumer: "catalog", Limit: 10})
	require.NoError(t, err)
	for _, r := range lot {
		ids = append(ids, r.ID)
	}
	writes := &pgx.Batch{}
	parked.QueueDiscarded(writes, ids)
	require.NoError(t, s.pool.SendBatch(t.Context(), writes).Close())
	require.Equal(t, whole, string(s.get("/api/books/7").body), "given up is not parked")
}

func TestAHistorySaysThatEventsOfTheBookAreParked(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""), updated(7, 2))
	s.park(projection.History{}, 1, updated(7, 3), updated(7, 4), updated(7, 5))

	var entries []query.Entry
	require.NoError(t, json.Unmarshal(s.get("/api/books/7/history").body, &entries))
	require.Len(t, entries, 2)
	for _, e := range entries {
		require.Equal(t, int64(3), e.ParkedEvents)
	}
	require.Equal(t, "[]\n", string(s.get("/api/books/7/history?o=2").body))
	require.NotContains(t, string(s.get("/api/books/7").body), "parked", "the catalog has them")
}

func TestABookWhoseFirstEventIsParkedIsNotNotFound(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	before := time.Now().Truncate(time.Second)
	s.park(projection.Catalog{}, 1, book(7, "Dune", "", ""))
	s.park(projection.History{}, 1, book(7, "Dune", "", ""), updated(7, 2))

	for path, says := range map[string]string{
		"/api/books/7":         "1 event of this book is parked since ",
		"/api/books/7/history": "2 events of this book are parked since ",
	} {
		for _, headers := range [][]string{nil, {query.HeaderConsistencyToken, "2.0"}} {
			s.books.Advanced(map[int32]int64{partition: 3})
			s.history.Advanced(map[int32]int64{partition: 3})
			a := s.get(path, headers...)
			require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
			p := a.problem(t)
			require.Equal(t, web.TypeBookParked, p.Type)
			require.Contains(t, p.Detail, says)
			require.Empty(t, a.header.Get("Retry-After"), "time alone does not help")
			require.NotEmpty(t, a.header.Get(query.HeaderConsistencyToken))
		}
	}
	require.Empty(t, s.get("/api/books").books(t))
	require.Equal(t, http.StatusNotFound, s.get("/api/books/8").status)

	_, _, err := s.catalog.Get(t.Context(), 7)
	var nothing *query.ParkedError
	require.ErrorAs(t, err, &nothing)
	require.Equal(t, int64(7), nothing.Book)
	require.Equal(t, int64(1), nothing.Events)
	require.WithinRange(t, nothing.Since, before, time.Now())
	require.Equal(t, time.UTC, nothing.Since.Location())
}

// TestWhatIsParkedIsFoundByItsIndex: also where there is much, an answer looks at
// the events of its own books only.
func TestWhatIsParkedIsFoundByItsIndex(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	library(m, 1000)
	var all []events.Event
	for id := range int64(5000) {
		all = append(all, updated(id+1, 2))
	}
	m.park(projection.Catalog{}, 1, all...)
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			_, err := m.pool.Exec(t.Context(), `ANALYZE parked_records`)
			require.NoError(t, err)
		}
		search, args := query.SearchStatement(query.SearchRequest{Query: "title00042x", Limit: 5}, query.NewStatistics(1000, nil))
		for _, statement := range []string{
			query.PageStatement("book.id", search),
			query.PageStatement("42", search),
		} {
			var plan []byte
			require.NoError(t, m.pool.QueryRow(t.Context(), `EXPLAIN (FORMAT JSON) `+statement, args...).Scan(&plan))
			require.Contains(t, string(plan), `"parked_records_of_book"`)
			require.NotRegexp(t, `"Seq Scan"[^}]*"parked_records"`, string(plan))
		}
	}
}

func TestQueriesAreObserved(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(book(7, "Dune", "", ""))
	var times, queries atomic.Int64
	m.catalog.Observe = func(took time.Duration) {
		queries.Add(1)
		times.Add(int64(took))
	}
	_, err := m.catalog.List(t.Context(), 0, 5)
	require.NoError(t, err)
	_, _, err = m.catalog.Get(t.Context(), 8)
	require.ErrorIs(t, err, query.ErrNotFound)
	_, err = m.catalog.History(t.Context(), 7, 0, 5)
	require.NoError(t, err)
	require.Equal(t, int64(3), queries.Load(), "each once, also what finds nothing")
	_, err = m.catalog.Search(t.Context(), query.SearchRequest{Query: "dune", Limit: 5})
	require.NoError(t, err)
	searched := queries.Load()
	require.Greater(t, searched, int64(3))

	// While all connections are taken: what a reader waits for is the answer.
	for range m.pool.Config().MaxConns {
		conn, err := m.pool.Acquire(t.Context())
		require.NoError(t, err)
		t.Cleanup(conn.Release)
	}
	times.Store(0)
	m.catalog.Timeout = time.Millisecond
	_, err = m.catalog.List(t.Context(), 0, 5)
	require.ErrorIs(t, err, query.ErrTooSlow)
	require.Greater(t, time.Duration(times.Load()), m.catalog.Timeout)
	require.Equal(t, searched+1, queries.Load(), "also what fails")
}
