package rebuild_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/searchkey"
)

// searched is a search of few, by few, at few moments, as it lies in the log.
func searched(t *rapid.T) (events.SearchServed, events.Record) {
	s := events.SearchServed{
		ID: "s", At: dayOne.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes")) * time.Minute),
		Query:  rapid.SampledFrom([]string{"whale", "Whale", "1984", "%"}).Draw(t, "query"),
		UserID: rapid.SampledFrom([]string{"", "ada", "bob"}).Draw(t, "user"),
		Offset: 5 * rapid.IntRange(0, 1).Draw(t, "page"), PageSize: 5, Generation: 1, Position: "0:1",
	}
	for _, id := range rapid.SliceOfN(rapid.Int64Range(1, 20), 0, 3).Draw(t, "books") {
		s.Books = append(s.Books, events.ServedBook{ID: id, Title: "Moby-Dick"})
	}
	encoded, err := events.EncodeSearch(s)
	require.NoError(t, err)
	return s, events.Record{Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}
}

// Whatever is searched, interrupted and rebuilt: trends and interests hold what the log
// says, the rebuilt rows are the same as those that were lived, and what can't be read
// holds nothing up.
func TestAnySearchesAreRebuiltAsTheyWereLived(t *testing.T) {
	t.Parallel()
	pool := newStore(t).pool
	rapid.Check(t, func(t *rapid.T) {
		r := newRound(t, pool, projection.Trends{}, projection.Interests{})
		byQuery, byReader, byForm := map[string]int{}, map[string]int{}, map[string]int{}
		poison := 0
		r.more = func() {
			partition := rapid.Int64Range(0, 2).Draw(t, "partition")
			if rapid.IntRange(0, 9).Draw(t, "garbage") == 0 {
				poison++
				r.log.put(garbage(1984), partition)
				return
			}
			s, record := searched(t)
			r.log.put(record, partition)
			query, something := searchkey.Query(s.Query)
			if !something {
				return
			}
			byQuery[fmt.Sprintf("(%s,%s", query, map[bool]string{true: "t", false: "f"}[s.UserID == ""])]++
			byForm[fmt.Sprintf("(%s,%s", query, s.Query)]++
			if s.UserID != "" && s.Offset == 0 {
				byReader[fmt.Sprintf("(%s,%s", searchkey.Reader(s.UserID), query)]++
			}
		}
		r.play()

		require.ElementsMatch(t, counted(byForm), r.rows(`SELECT query, form, searches FROM trends_forms`))
		require.ElementsMatch(t, counted(byReader), r.rows(`SELECT reader, query, times FROM interests_searches`))
		want := counted(byQuery)
		for _, sums := range []string{
			`SELECT query, searches, anonymous FROM trends_queries`,
			`SELECT query, sum(searches) AS searches, sum(anonymous) AS anonymous FROM trends_slots GROUP BY query`,
			`SELECT query, sum(searches) AS searches, coalesce(sum(searches) FILTER (WHERE reader = '` + searchkey.Nobody.String() + `'), 0) AS anonymous
				FROM trends_readers GROUP BY query`,
		} {
			require.ElementsMatch(t, want, r.rows(`SELECT query, who.anonymous, who.searches FROM (`+sums+`) AS sums,
				LATERAL (VALUES (true, sums.anonymous), (false, sums.searches - sums.anonymous)) AS who (anonymous, searches) WHERE who.searches > 0`))
		}
		require.ElementsMatch(t, r.rows(`SELECT query, readers FROM trends_queries`), r.rows(`SELECT query, count(*) FROM trends_readers GROUP BY query`))
		for _, p := range r.projections {
			active, err := projection.ActiveGeneration(t.Context(), pool, p.Name())
			require.NoError(t, err)
			require.Equal(t, []string{fmt.Sprintf("(%d,%d,)", poison, poison)}, r.rows(`
				SELECT count(*), count(*) FILTER (WHERE poison), max(book_id) FROM parked_records
				WHERE consumer = $1 AND generation = $2`, p.Name(), active))
		}
	})
}

// counted are counts by "(a,b" as PostgreSQL writes the rows of them.
func counted(counts map[string]int) []string {
	rows := make([]string, 0, len(counts))
	for key, n := range counts {
		rows = append(rows, fmt.Sprintf("%s,%d)", key, n))
	}
	return rows
}
