package query

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	scoredAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day      = 24 * time.Hour
)

// key is the key of the n-th query or reader.
func key(n int) uuid.UUID { return uuid.UUID{15: byte(n)} }

// of are the books of candidates with scores in two decimals: "7:1.00".
func of(candidates []candidate) []string {
	found := []string{}
	for _, c := range candidates {
		found = append(found, fmt.Sprintf("%d:%.2f", c.book, c.score))
	}
	return found
}

func TestWeights(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		age   time.Duration
		times int64
		want  float64
	}{
		{0, 1, 1}, {7 * day, 1, 0.5}, {14 * day, 1, 0.25},
		{0, 2, 2}, {0, 4, 3}, {0, 8, 4}, {0, 1 << 40, 4}, {7 * day, 8, 2},
		{-30 * day, 1, 1}, // by a clock that goes before ours
		{0, 0, 1},
	} {
		got := interest{last: scoredAt.Add(-tc.age), times: tc.times}.weight(scoredAt)
		require.InDelta(t, tc.want, got, 1e-9, "%+v", tc)
	}
	require.Positive(t, interest{times: 1}.weight(scoredAt), "of the year 1")
}

func TestWhatAReaderSearchesForIsScored(t *testing.T) {
	t.Parallel()
	scored := scoreBooks([]interest{
		{query: key(1), times: 1, last: scoredAt, books: []int64{10, 11, 10}},
		{query: key(2), times: 1, last: scoredAt.Add(-7 * day), books: []int64{20, 11}},
		{query: key(3), times: 4, last: scoredAt.Add(-7 * day), books: []int64{30}},
		{query: key(4), times: 1, last: scoredAt},
	}, nil, scoredAt)
	require.Equal(t, []string{"30:1.50", "10:1.00", "11:0.95", "20:0.50"}, of(scored))
	for i, want := range []int{3, 1, 1, 2} {
		require.Equal(t, key(want), scored[i].why.query, "the query that gives a book most")
		require.Equal(t, reasonSearches, scored[i].why.reason)
	}
}

func TestReadersAlike(t *testing.T) {
	t.Parallel()
	own := []interest{
		{query: key(1), times: 1, last: scoredAt, books: []int64{10}},
		{query: key(2), times: 1, last: scoredAt.Add(-7 * day)},
		{query: key(3), times: 1, last: scoredAt.Add(-7 * day)},
	}
	half, quarter, none := neighbour{shared: []uuid.UUID{key(1)}}, neighbour{shared: []uuid.UUID{key(3)}}, neighbour{shared: []uuid.UUID{key(4)}}
	require.InDelta(t, 0.5, half.similarity(own, scoredAt), 1e-9)
	require.InDelta(t, 0.25, quarter.similarity(own, scoredAt), 1e-9)
	require.Zero(t, none.similarity(own, scoredAt))
	require.InDelta(t, 1, neighbour{shared: []uuid.UUID{key(3), key(1), key(2)}}.similarity(own, scoredAt), 1e-9)

	half.interests = []interest{{times: 1, last: scoredAt, books: []int64{20, 10}}}
	quarter.interests = []interest{{times: 1, last: scoredAt, books: []int64{30}}, {times: 1, last: scoredAt.Add(-7 * day), books: []int64{20}}}
	none.interests = []interest{{times: 8, last: scoredAt, books: []int64{40}}}
	scored := scoreBooks(own, []neighbour{half, quarter, none}, scoredAt)
	require.Equal(t, []string{"10:1.34", "20:0.67", "30:0.27"}, of(scored), "0.8 of the weights, two thirds by one and one by the other")
	require.Equal(t, []string{reasonSearches, reasonReaders, reasonReaders}, []string{scored[0].why.reason, scored[1].why.reason, scored[2].why.reason})
	require.Len(t, scoreBooks(own, []neighbour{none}, scoredAt), 1)
}

func TestTrendingBooksAreScored(t *testing.T) {
	t.Parallel()
	scored := scoreTrending([]rankedQuery{
		{query: "dune", books: []int64{10, 11}}, {query: "nothing"}, {query: "emma", books: []int64{20, 11}},
	})
	require.Equal(t, []string{"10:1.00", "11:0.95", "20:0.50"}, of(scored))
	require.Equal(t, []string{"dune", "dune", "emma"}, []string{scored[0].why.form, scored[1].why.form, scored[2].why.form})
	require.Empty(t, scoreTrending(nil))
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	candidates := func(first, n int, best float64) (made []candidate) {
		for i := range n {
			made = append(made, candidate{book: int64(first + i), score: best / float64(i+1)})
		}
		return made
	}
	list := shortlist{others: candidates(100, 3, 0.3), shown: candidates(200, 5, 4), trending: candidates(300, 3, 9)}
	books := func(limit int) (ids []int64) {
		for _, c := range list.fill(limit) {
			ids = append(ids, c.book)
		}
		return ids
	}
	require.Equal(t, []int64{200}, books(1))
	require.Equal(t, []int64{200, 100}, books(2))
	require.Equal(t, []int64{200, 201, 100}, books(3))
	require.Equal(t, []int64{200, 201, 202, 100, 101, 102}, books(6))
	require.Equal(t, []int64{200, 201, 202, 203, 100, 101, 102, 300}, books(8), "what trends comes behind")
	require.Equal(t, []int64{200, 201, 202, 203, 204, 100, 101, 102, 300, 301}, books(10))
	list.trending = nil
	require.Equal(t, []int64{200, 201, 202, 100, 101, 102}, books(6))
	require.Equal(t, []int64{200, 201, 202, 203, 100, 101, 102, 204}, books(8), "and then the rest of what was just shown")
	list.others = nil
	require.Equal(t, []int64{200, 201, 202, 203}, books(4), "there is nothing else")
	require.Empty(t, shortlist{}.fill(10))
}

// drawn are the rows that a reader's recommendations are made of, drawn at random.
type drawn struct {
	own      []interest
	alike    []neighbour
	trending []rankedQuery
	limit    int
}

func draw(t *rapid.T) drawn {
	interests := func(most int, label string) []interest {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) interest {
			return interest{
				query: key(rapid.IntRange(1, 20).Draw(t, "query")),
				times: rapid.Int64Range(1, 1<<40).Draw(t, "times"),
				last:  scoredAt.Add(-time.Duration(rapid.Int64Range(-int64(day), int64(40_000*day)).Draw(t, "age"))),
				books: rapid.SliceOfN(rapid.Int64Range(1, 30), 0, 10).Draw(t, "books"),
			}
		}), 0, most).Draw(t, label)
	}
	d := drawn{own: interests(ownInterests, "own"), limit: rapid.IntRange(1, 30).Draw(t, "limit")}
	slices.SortFunc(d.own, func(a, b interest) int { return b.last.Compare(a.last) })
	for range rapid.IntRange(0, neighbours).Draw(t, "neighbours") {
		n := neighbour{interests: interests(neighboursOwn, "theirs")}
		for range rapid.IntRange(0, sharedInterest).Draw(t, "shared") {
			n.shared = append(n.shared, key(rapid.IntRange(1, 20).Draw(t, "query")))
		}
		d.alike = append(d.alike, n)
	}
	for range rapid.IntRange(0, 5).Draw(t, "trends") {
		d.trending = append(d.trending, rankedQuery{books: rapid.SliceOfN(rapid.Int64Range(1, 30), 0, 10).Draw(t, "trending")})
	}
	return d
}

// recommend is what [Catalog.Recommend] does with what it has read.
func (d drawn) recommend() (shortlist, []candidate) {
	list := shortlist{}
	if len(d.own) > 0 {
		list = newShortlist(scoreBooks(d.own, d.alike, scoredAt), d.own[0].books, d.limit)
	}
	if !list.full(d.limit) {
		list = list.withTrending(scoreTrending(d.trending), d.limit)
	}
	return list, list.fill(d.limit)
}

func TestRecommendationsKeepTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		list, places := d.recommend()
		_, again := d.recommend()
		require.Equal(t, places, again, "the same rows give the same")

		require.LessOrEqual(t, len(places), d.limit)
		require.Len(t, places, min(d.limit, len(list.books())), "no place is left free for nothing")
		seen, ofLatest, last := map[int64]bool{}, 0, 0.0
		for i, c := range places {
			require.False(t, seen[c.book], "each book once")
			seen[c.book] = true
			require.Positive(t, c.score)
			if i > 0 {
				require.Less(t, c.score, last, "scores fall")
			}
			last = c.score
			if len(d.own) > 0 && slices.Contains(d.own[0].books, c.book) {
				ofLatest++
			}
		}
		if ofLatest > (d.limit+1)/2 {
			for _, c := range slices.Concat(list.others, list.trending) {
				require.True(t, seen[c.book], "what was just shown has more than half only where there is nothing else")
			}
		}
		for i, c := range places[:max(len(places)-1, 0)] {
			if c.why.reason == reasonTrends && places[i+1].why.reason != reasonTrends {
				require.Contains(t, d.own[0].books, places[i+1].book, "behind what trends comes only what was just shown")
			}
		}
	})
}

func TestRecentInterestCountsMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		if len(d.own) == 0 {
			return
		}
		score := func(book int64) float64 {
			for _, c := range scoreBooks(d.own, nil, scoredAt) {
				if c.book == book {
					return c.score
				}
			}
			return 0
		}
		before := make(map[int64]float64)
		for book := int64(1); book <= 30; book++ {
			before[book] = score(book)
		}
		changed := rapid.IntRange(0, len(d.own)-1).Draw(t, "changed")
		d.own = slices.Clone(d.own)
		d.own[changed].last = d.own[changed].last.Add(time.Duration(rapid.Int64Range(0, int64(1000*day)).Draw(t, "later")))
		for book := int64(1); book <= 30; book++ {
			if slices.Contains(d.own[changed].books, book) {
				require.GreaterOrEqual(t, score(book), before[book]*(1-1e-12), "of a newer search none scores less")
			} else {
				require.InDelta(t, before[book], score(book), 1e-9, "and nothing else changes")
			}
		}
	})
}
