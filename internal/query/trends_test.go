package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/query"
	"bookstore/internal/web"
)

// noon is when these tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock stands still until a test moves it.
type clock struct{ now atomic.Pointer[time.Time] }

// setClock gives a read model a clock that shows noon.
func (m *readModel) setClock() *clock {
	c := &clock{}
	c.now.Store(&noon)
	m.catalog.SetClock(func() time.Time { return *c.now.Load() })
	return c
}

func (c *clock) pass(d time.Duration) {
	later := c.now.Load().Add(d)
	c.now.Store(&later)
}

func (a answer) trends(t *testing.T) []query.Trend {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var trends []query.Trend
	require.NoError(t, json.Unmarshal(a.body, &trends))
	return trends
}

// queries are the trends as "dune 3/2": searches and readers.
func queries(trends []query.Trend) []string {
	found := make([]string, len(trends))
	for i, trend := range trends {
		found[i] = fmt.Sprintf("%s %d/%d", trend.Query, trend.Searches, trend.Readers)
	}
	return found
}

func booksOf(trend query.Trend) []int64 {
	ids := []int64{}
	for _, book := range trend.Books {
		ids = append(ids, book.ID)
	}
	return ids
}

func TestTheFormOfTrends(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.publish(book(7, "Dune & <sand>", "Frank Herbert", "Spice."))
	s.search("ada", "Dune", noon.Add(-time.Hour), 7)
	s.search("", "nothing", noon.Add(-2*time.Hour))

	a := s.get("/api/trends?uid=ada")
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	const dune = `{"id":7,"title":"Dune & <sand>","author":"Frank Herbert","published_at":"1965","description":"Spice.","created_at":"2024-04-10 07:01:51"}`
	//nolint:testifylint // the very bytes: "&" and "<" as they are, members in this order
	require.Equal(t, `[{"query":"nothing","books":[],"searches":1,"readers":1},{"query":"Dune","books":[`+dune+`],"searches":1,"readers":1}]`+"\n", string(a.body))
	require.Equal(t, "2026-03-01T12:00:00Z", a.header.Get(query.HeaderTrendsAsOf))

	old := s.get("/trends")
	//nolint:testifylint // what clients of old get: these members and no others
	require.Equal(t, `[{"query":"nothing","books":[]},{"query":"Dune","books":[`+dune+`]}]`+"\n", string(old.body))
	require.Equal(t, "2026-03-01T12:00:00Z", old.header.Get(query.HeaderTrendsAsOf))

	require.Equal(t, http.StatusOK, s.do(http.MethodHead, "/api/trends").status)
	require.Equal(t, http.StatusMethodNotAllowed, s.do(http.MethodPost, "/trends").status)
	require.Empty(t, s.searches.take(), "to look at trends is no search")
}

func TestWithoutSearchesThereAreNoTrends(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	for _, path := range []string{"/api/trends", "/trends", "/api/trends?window=1h", "/trends?window=24h"} {
		require.Equal(t, "[]\n", string(s.get(path).body), path)
	}
}

func TestQueriesThatDifferInCaseSpacesAndAccentsAreOneTrend(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	for reader, typed := range []string{"les miserables", "Les Misérables", " LES   MISÉRABLES ", "Les  Misérables", "dune", "DUNE"} {
		s.search(fmt.Sprint("reader-", reader), typed, noon)
	}
	for _, path := range []string{"/api/trends", "/api/trends?window=1h"} {
		require.Equal(t, []string{"Les Misérables 4/4", "DUNE 2/2"}, queries(s.get(path).trends(t)),
			"%s: the form that most used; of as many, the first", path)
	}
}

func TestWhoSearchesInALoopCountsOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	for range 50 {
		s.search("mallory", "buy my book", noon)
		s.search("", "bot", noon)
	}
	for _, reader := range []string{"ada", "bob"} {
		s.search(reader, "dune", noon)
	}
	s.search("ada", "emma", noon.Add(-time.Second))
	for _, path := range []string{"/api/trends", "/api/trends?window=1h", "/api/trends?window=7d"} {
		require.Equal(t, []string{"dune 2/2", "bot 50/1", "buy my book 50/1", "emma 1/1"}, queries(s.get(path).trends(t)), path)
	}
}

func TestTheOrderOfTrends(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	s.search("ada", "older", noon.Add(-3*time.Minute))
	s.search("ada", "newer", noon.Add(-2*time.Minute))
	for range 2 { // of nobody known: they may have been two
		s.search("", "two", noon.Add(-4*time.Minute))
	}
	s.search("", "one", noon.Add(-time.Minute))
	for _, path := range []string{"/api/trends", "/api/trends?window=1h"} {
		require.Equal(t, []string{"two 2/1", "one 1/1", "newer 1/1", "older 1/1"}, queries(s.get(path).trends(t)), path)
	}
}

func TestWindowsOfTrends(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	c := s.setClock()
	const minute = time.Minute
	for reader, ago := range []time.Duration{0, 59 * minute, 60 * minute, 61 * minute, 24*60*minute - 1, 25 * 60 * minute, 8 * 24 * 60 * minute} {
		s.search(fmt.Sprint("reader-", reader), "dune", noon.Add(-ago))
	}
	s.search("reader-6", "dune", noon.Add(-9*24*60*minute))
	for window, want := range map[string]string{
		"1h": "dune 3/3", "24h": "dune 5/5", "7d": "dune 6/6", "all": "dune 8/7", "": "dune 8/7",
	} {
		require.Equal(t, []string{want}, queries(s.get("/api/trends?window="+window).trends(t)), "%q", window)
	}

	// A window begins with a slot: what is a moment too old still counts.
	c.pass(4*minute + 58*time.Second)
	require.Equal(t, []string{"dune 3/3"}, queries(s.get("/api/trends?window=1h").trends(t)))
	c.pass(2 * time.Second)
	require.Equal(t, []string{"dune 1/1"}, queries(s.get("/api/trends?window=1h").trends(t)))
	c.pass(10 * time.Hour)
	require.Empty(t, s.get("/api/trends?window=1h").trends(t))
}

func TestTrendsShowTheLatestResults(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	c := s.setClock()
	for id := int64(1); id <= 9; id++ {
		s.publish(book(id, fmt.Sprint("Dune ", id), "", ""))
	}
	s.search("ada", "dune", noon.Add(-time.Minute), 9, 3, 1, 2, 4, 5, 6, 7)
	s.search("bob", "dune", noon.Add(-time.Hour), 8)
	second := searched("ada", "dune", noon, 8)
	second.Offset = 5
	s.searchIn(1, second)
	got := s.get("/api/trends").trends(t)
	require.Equal(t, []int64{9, 3, 1, 2, 4}, booksOf(got[0]), "of the newest first page, in its order, five at most")

	// Books are shown as they are: those kept ranking or not.
	s.publish(
		events.BookDeleted{ID: 3, Version: 2, DeletedAt: dayOne},
		events.BookUpdated{ID: 1, Version: 2, Details: events.Details{Title: "Renamed"}, UpdatedAt: dayOne},
	)
	got = s.get("/api/trends").trends(t)
	require.Equal(t, []int64{9, 1, 2, 4, 5}, booksOf(got[0]))
	require.Equal(t, "Renamed", got[0].Books[1].Title)

	s.search("cleo", "Dune", noon, 5)
	require.Equal(t, []string{"dune 3/2"}, queries(s.get("/api/trends").trends(t)), "kept for a moment")
	c.pass(time.Minute)
	got = s.get("/api/trends").trends(t)
	require.Equal(t, []string{"dune 4/3"}, queries(got))
	require.Equal(t, []int64{5}, booksOf(got[0]))
	require.Equal(t, "2026-03-01T12:01:00Z", s.get("/api/trends").header.Get(query.HeaderTrendsAsOf))
}

func TestHowManyTrends(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.setClock()
	var all []events.SearchServed
	for q := range 120 {
		for reader := range 1 + q/100 {
			all = append(all, searched(fmt.Sprint(reader), fmt.Sprint("query ", q), noon.Add(-time.Duration(q)*time.Second)))
		}
	}
	s.searchIn(1, all...)
	for path, want := range map[string]int{"": 10, "?ps=1": 1, "?ps=100": 100, "?window=1h": 10, "?window=1h&ps=100": 100, "?window=7d&ps=37": 37} {
		got := queries(s.get("/api/trends" + path).trends(t))
		require.Len(t, got, want, path)
		require.Equal(t, "query 100 2/2", got[0])
		if want == 100 {
			require.Equal(t, "query 79 1/1", got[99], "of as many readers, the newer")
		}
	}
}

func TestBadInputOfTrendsIsRefusedByName(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	for _, path := range []string{"/api/trends?", "/trends?"} {
		for params, field := range map[string]string{
			"ps=0":                              "ps",
			"ps=101":                            "ps",
			"ps=ten":                            "ps",
			"ps=1&ps=2":                         "ps",
			"window=2h":                         "window",
			"window=24H":                        "window",
			"window=1h&window=7d":               "window",
			"window=for-ever-and-ever-and-ever": "window",
			"window=%FF":                        "window",
			"uid=%00":                           "uid",
			"limit=5":                           "limit",
			"q=dune":                            "q",
		} {
			p := s.get(path + params).problem(t)
			require.Equal(t, http.StatusBadRequest, p.Status, params)
			require.Len(t, p.Errors, 1, params)
			require.Equal(t, field, p.Errors[0].Field, params)
		}
	}
}

func TestTrendsTellHowFarTheyAreBehind(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	paths := map[string]*projection.Tracker{
		"/api/trends": s.trends, "/trends": s.trends, "/api/recommendations": s.interests, "/recommendations?uid=ada": s.interests,
	}
	for path := range paths {
		require.NotContains(t, s.get(path).header, query.HeaderReadModelLag)
	}
	<-s.newest
	s.newest <- events.Offsets{3, 0, 9}
	s.trends.Advanced(map[int32]int64{2: 2})
	s.interests.Advanced(map[int32]int64{2: 5})
	for path, tracker := range paths {
		behind, _ := tracker.Lag()
		require.Equal(t, fmt.Sprint(behind), s.get(path).header.Get(query.HeaderReadModelLag), path)
	}
}

// A ranking that can't be made anew is used on, for a while.
func TestTrendsThatCannotBeMadeAnew(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	s := serve(t, m)
	c := s.setClock()
	s.search("ada", "dune", noon)
	require.Len(t, s.get("/api/trends").trends(t), 1)

	_, err := m.pool.Exec(t.Context(), `DROP TABLE trends_queries_g1 CASCADE`)
	require.NoError(t, err)

	c.pass(4 * time.Minute)
	a := s.get("/api/trends")
	require.Equal(t, []string{"dune 1/1"}, queries(a.trends(t)))
	require.Equal(t, "2026-03-01T12:00:00Z", a.header.Get(query.HeaderTrendsAsOf), "which says how old it is")
	c.pass(time.Minute)
	require.Equal(t, http.StatusInternalServerError, s.get("/api/trends").status)
}

func TestSlowTrendsAndRecommendationsAreA503(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.catalog.Timeout = 50 * time.Millisecond
	s := serve(t, m)
	s.search("ada", "dune", noon)
	s.get("/api/trends") // which is kept from now on
	s.lock(t, `catalog_books_g1`)
	s.lock(t, `interests_searches_g1`)
	for _, path := range []string{"/api/trends", "/trends", "/api/recommendations?uid=ada"} {
		a := s.get(path)
		require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
		require.Equal(t, web.TypeUnavailable, a.problem(t).Type)
		require.Equal(t, "1", a.header.Get("Retry-After"))
	}
}

// While all views are switched again and again, there always are trends and
// recommendations, and nobody deadlocks.
func TestTrendsDuringSwitches(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	tx, err := m.pool.Begin(t.Context())
	require.NoError(t, err)
	for _, p := range installed {
		require.NoError(t, p.Create(t.Context(), tx, 2))
	}
	require.NoError(t, tx.Commit(t.Context()))
	for generation := range int64(2) {
		m.publishTo(1+generation, book(1, "Dune", "", ""), book(2, "Emma", "", ""))
		m.searchIn(1+generation, searched("ada", "dune", noon, 1+generation), searched("bob", "dune", noon, 1+generation))
	}
	// Each look is a minute after the last, so that no ranking is kept.
	var looks atomic.Int64
	m.catalog.SetClock(func() time.Time { return noon.Add(time.Duration(looks.Add(1)) * time.Minute) })

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers errgroup.Group
	for _, look := range []func() ([]int64, error){
		func() ([]int64, error) {
			trends, err := m.catalog.Trends(t.Context(), query.AllTime, 10)
			if err != nil || len(trends.Queries) != 1 {
				return nil, fmt.Errorf("%d trends: %w", len(trends.Queries), err)
			}
			return booksOf(trends.Queries[0]), nil
		},
		func() ([]int64, error) {
			recommended, err := m.catalog.Recommend(t.Context(), "ada", 1)
			var books []int64
			for _, book := range recommended.Books {
				books = append(books, book.BookID)
			}
			return books, err
		},
	} {
		readers.Go(func() error {
			for ctx.Err() == nil {
				if books, err := look(); err != nil || len(books) != 1 {
					return fmt.Errorf("books %v: %w", books, err)
				}
			}
			return nil
		})
	}
	for i := range int64(100) {
		require.NoError(t, m.activate(t.Context(), 1+i%2))
	}
	stop()
	require.NoError(t, readers.Wait())
}
