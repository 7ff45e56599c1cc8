package query_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/query"
	"bookstore/internal/searchkey"
)

// insightSearches is how many searches trends and recommendations are made of in
// [BenchmarkInsights].
var insightSearches = flag.Int("insights.searches", 100_000, "searches that trends and recommendations are made of")

// searchedALot is a catalogue with the searches of a month before noon: some queries are
// searched a great deal more often than others, by readers of whom some search more.
func searchedALot(m *readModel, books, searches int) {
	const readers, queries, batch = 20_000, 20_000, 1000
	library(m, books)
	random := rand.New(rand.NewPCG(5, 1))
	popular, eager := rand.NewZipf(random, 1.1, 10, queries-1), rand.NewZipf(random, 1.1, 100, readers-1)
	var all []events.SearchServed
	for i := range searches {
		uid := ""
		if random.IntN(5) > 0 {
			uid = fmt.Sprint("reader-", eager.Uint64())
		}
		// What a query finds does not change much.
		number := popular.Uint64()
		of := rand.New(rand.NewPCG(number, 1))
		var found []int64
		for range 5 {
			found = append(found, 1+of.Int64N(int64(books)))
		}
		ago := time.Duration(random.Int64N(int64(30 * day)))
		all = append(all, searched(uid, fmt.Sprint("query ", number), noon.Add(-ago), found...))
		if len(all) == batch || i == searches-1 {
			m.searchIn(1, all...)
			all = all[:0]
		}
	}
	_, err := m.pool.Exec(m.t.Context(), `VACUUM ANALYZE trends_queries_g1, trends_readers_g1, trends_slots_g1, trends_forms_g1, interests_searches_g1`)
	require.NoError(m.t, err)
}

// BenchmarkInsights compares trends and recommendations with looking a book up by its id,
// by themselves and over HTTP, all in turns, so that a busy machine is as busy for each. It
// reports the median of each, and how many lookups it is; and what the rankings take that
// are kept.
func BenchmarkInsights(b *testing.B) {
	const books = 10_000
	m := newReadModel(b)
	searchedALot(m, books, *insightSearches)
	c := m.setClock()
	s := serve(b, m)
	random := rand.New(rand.NewPCG(7, 1))

	ranking := make(map[string]float64)
	for name, window := range map[string]query.Window{"all": query.AllTime, "7d": query.Week, "24h": query.Day, "1h": query.Hour} {
		var took []time.Duration
		for range 5 {
			c.pass(time.Minute) // none is kept that long
			began := time.Now()
			_, err := m.catalog.Trends(b.Context(), window, 10)
			require.NoError(b, err)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		ranking[name] = float64(took[len(took)/2].Microseconds()) / 1000
	}

	asked := map[string]func() error{
		"lookup": func() error {
			_, _, err := m.catalog.Get(b.Context(), 1+random.Int64N(books))
			return err
		},
		"trends": func() error {
			_, err := m.catalog.Trends(b.Context(), query.Day, 10)
			return err
		},
		"recommendations": func() error {
			_, err := m.catalog.Recommend(b.Context(), fmt.Sprint("reader-", random.IntN(5000)), 10)
			return err
		},
		"recommendations-of-new": func() error {
			_, err := m.catalog.Recommend(b.Context(), "", 10)
			return err
		},
		"http-lookup": func() error {
			_, err := s.ask(fmt.Sprint("/api/books/", 1+random.Int64N(books)))
			return err
		},
		"http-recommendations": func() error {
			_, err := s.ask(fmt.Sprint("/api/recommendations?uid=reader-", random.IntN(5000)))
			return err
		},
		"http-trends": func() error {
			_, err := s.ask("/api/trends?window=24h")
			return err
		},
	}
	took := make(map[string][]time.Duration)
	for b.Loop() {
		for name, ask := range asked {
			began := time.Now()
			require.NoError(b, ask())
			took[name] = append(took[name], time.Since(began))
		}
	}
	for name, ms := range ranking {
		b.ReportMetric(ms, "ms/ranking-"+name)
	}
	median := make(map[string]float64)
	for name, all := range took {
		slices.Sort(all)
		median[name] = float64(all[len(all)/2].Microseconds())
		b.ReportMetric(median[name], "µs/"+name)
	}
	for name := range asked {
		lookup := "lookup"
		if strings.HasPrefix(name, "http-") {
			lookup = "http-lookup"
		}
		if name != lookup {
			b.ReportMetric(median[name]/median[lookup], "lookups/"+name)
		}
	}
}

// Each statement finds what it needs by indexes, however much there is.
func TestTrendsAndInterestsAreFoundByTheirIndexes(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	searchedALot(m, 1000, 10_000)
	dune, _ := searchkey.Query("query 7")
	for name, tc := range map[string]struct {
		args    []any
		indexes []string
	}{
		"all":       {nil, []string{"trends_queries_rank_g1", "trends_forms_g1_pkey"}},
		"since":     {[]any{noon.Add(-time.Hour)}, []string{"trends_readers_last_g1", "trends_slots_g1_pkey", "trends_queries_g1_pkey", "trends_forms_g1_pkey"}},
		"interests": {[]any{searchkey.Reader("reader-7")}, []string{"interests_searches_reader_g1", "interests_searches_query_g1"}},
		"books":     {[]any{[]int64{1, 2, 3}}, []string{"catalog_books_g1_pkey"}},
		"names":     {[]any{[]int64{1, 2, 3}}, []string{"catalog_books_g1_pkey"}},
		"forms":     {[]any{[]uuid.UUID{dune}}, []string{"trends_forms_g1_pkey"}},
	} {
		var plan []byte
		require.NoError(t, m.pool.QueryRow(t.Context(), `EXPLAIN (FORMAT JSON) `+query.InsightStatements[name], tc.args...).Scan(&plan))
		for _, index := range tc.indexes {
			require.Contains(t, string(plan), `"`+index+`"`, name)
		}
		require.NotContains(t, string(plan), `"Seq Scan"`, name)
	}

	// What very many search for is read in the order of the index, not sorted.
	var plan []byte
	require.NoError(t, m.pool.QueryRow(t.Context(), `EXPLAIN (FORMAT JSON) `+query.InsightStatements["interests"], searchkey.Reader("reader-7")).Scan(&plan))
	require.NotRegexp(t, `"Sort Key": \["[a-z_0-9]*\.last_at`, string(plan))
}
