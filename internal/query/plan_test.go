package query

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

// million are the statistics of a million books: "the" is in most, "love" in many, "dune"
// in some, and nothing is known of other words.
var million = newStatistics(1e6,
	[]string{";dune", ";love", ";the", "^dune", "^love", "^the", "dune", "love", "the"},
	[]float32{0.001, 0.02, 0.35, 0.0004, 0.004, 0.2, 0.004, 0.2, 0.95})

func planned(stats *statistics, wanted int, queries ...string) plan {
	readings := make([]searchtext.Query, len(queries))
	for i, q := range queries {
		readings[i] = searchtext.ParseQuery(q)
	}
	return planSearch(readings, stats, wanted)
}

func TestARareWordIsOneRankedStep(t *testing.T) {
	t.Parallel()
	for _, q := range []string{`"arrakis"`, `"arrakis" `, `arrakis "the"`, `"the" author:"arrakis"`} {
		p := planned(million, 6, q)
		require.Len(t, p.steps, 1, q)
		require.Equal(t, len(p.tiers)-1, p.steps[0].through, q)
		require.False(t, p.steps[0].newest)
		require.False(t, p.partial)
	}
}

func TestOfAFewBooksAllAreRanked(t *testing.T) {
	t.Parallel()
	unknown := newStatistics(-1, nil, nil) // as of a catalogue that was never analyzed
	for _, stats := range []*statistics{unknown, newStatistics(0, nil, nil), newStatistics(300, []string{"the"}, []float32{1})} {
		for _, q := range []string{"the", `"the"`, "the dune", "author:the", `title:"the"`, "t"} {
			p := planned(stats, 10_101, q)
			require.Len(t, p.steps, 1, q)
			require.Equal(t, len(p.tiers)-1, p.steps[0].through, q)
			require.NotEmpty(t, p.steps[0].way.driver, "%s: nothing would be found", q)
			require.False(t, p.partial)
		}
	}
}

func TestACommonWordIsLookedForAmongTheNewest(t *testing.T) {
	t.Parallel()
	for _, q := range []string{`"the"`, `"love"`, `"the" "love"`, `title:"the"`, `author:"the"`} {
		for _, wanted := range []int{2, 6, 101, 10_101} {
			p := planned(million, wanted, q)
			blocks := 0
			for _, s := range p.steps {
				require.LessOrEqual(t, s.way.cost, float64(longCost), "%s: %+v", q, s)
				if s.through < 0 {
					blocks++
				}
			}
			require.Positive(t, blocks, q)
		}
	}
	require.True(t, planned(million, 6, `"the"`).partial, "a third of all titles are not looked through")
}

func TestEqualTiersAreOne(t *testing.T) {
	t.Parallel()
	for q, tiers := range map[string]int{
		"dune": 5, `"dune"`: 5, `"dune messiah"`: 5,
		"title:dune": 3, "author:herbert": 1, "author:herbert title:dune": 3, "author:herbert dune": 5,
	} {
		require.Len(t, planned(million, 6, q).tiers, tiers, q)
	}
	narrow := searchtext.ParseQuery("dune")
	wide := slices.Clone(narrow)
	wide[0].Also = []string{"dunes"}
	require.Len(t, planSearch([]searchtext.Query{narrow, wide}, million, 6).tiers, 7, "what is wider is in titles and authors only")
}

// An exact title does not begin with itself and a space: it is never left to a worse tier.
func TestAClosedTitleIsNotAmongThoseThatBeginSo(t *testing.T) {
	t.Parallel()
	p := planned(million, 6, `"the"`)
	require.Equal(t, 1, p.tiers[1].holds)
	require.Contains(t, p.tiers[2].better, "'=the'")
	require.Contains(t, p.tiers[2].better, "'=the ':*")
	require.Equal(t, 0, planned(million, 6, `the`).tiers[1].holds)
}

// anyStatistics draws statistics of which none are likely and some are impossible.
func anyStatistics() *rapid.Generator[*statistics] {
	return rapid.Custom(func(t *rapid.T) *statistics {
		books := rapid.OneOf(rapid.SampledFrom([]float64{-1, 0, 1, 1e3, 1e5, 1e6, 1e9}), rapid.Float64Range(0, 1e8)).Draw(t, "books")
		shares := rapid.MapOf(rapid.SampledFrom(someLexemes), rapid.Float64Range(0, 1)).Draw(t, "shares")
		return NewStatistics(books, shares).made
	})
}

var someLexemes = func() []string {
	var all []string
	for _, word := range []string{"a", "an", "dune", "dunes", "the", "дюна"} {
		all = append(all, word, ";"+word, "^"+word, "="+word, "="+word+" a")
	}
	return append(all, "#9:1", "#15:0")
}()

// anyReadings draws a query with what its last word may become, and wider readings.
func anyReadings() *rapid.Generator[[]searchtext.Query] {
	text := rapid.OneOf(
		rapid.StringMatching(`((title:|author:|")?(a|an|dun|dunes?|the|дюна)"? ){1,5}`),
		rapid.StringMatching(`[a-z"]{1,3}( [a-z]){0,40}`))
	return rapid.Custom(func(t *rapid.T) []searchtext.Query {
		q := searchtext.ParseQuery(text.Filter(func(s string) bool { return len(searchtext.Words(s)) > 0 }).Draw(t, "query"))
		if last := &q[len(q)-1]; last.Prefix && rapid.Bool().Draw(t, "known") {
			last.Completions = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "an", "dune", "dunes"}), 0, 3).Draw(t, "completions")
		}
		readings := []searchtext.Query{q}
		for i := range rapid.IntRange(0, 2).Draw(t, "wider") {
			wider := slices.Clone(readings[i])
			c := &wider[rapid.IntRange(0, len(wider)-1).Draw(t, "clause")]
			c.Also = append(slices.Clip(c.Also), fmt.Sprintf("other%d", i))
			readings = append(readings, wider)
		}
		return readings
	})
}

func TestAnyPlanIsBoundedAndWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		readings, stats := anyReadings().Draw(t, "readings"), anyStatistics().Draw(t, "statistics")
		wanted := rapid.IntRange(2, 10_101).Draw(t, "wanted")
		p := planSearch(readings, stats, wanted)

		require.NotEmpty(t, p.tiers)
		require.LessOrEqual(t, len(p.tiers), 10, "search_books ranks no more")
		require.Equal(t, wanted, p.wanted)
		for i, tier := range p.tiers {
			require.Equal(t, i == 0, tier.better == "")
			require.NotEmpty(t, tier.way.driver)
			require.LessOrEqual(t, tier.holds, i)
		}
		covered, reached := 0, 0 // tiers that were looked through, and looked at
		for _, s := range p.steps {
			require.GreaterOrEqual(t, s.tier, reached, "the better tiers come first")
			reached = s.tier
			if s.through < 0 {
				require.True(t, s.newest)
				require.Contains(t, searchtext.BlockBits, s.bits)
				require.LessOrEqual(t, s.way.cost, float64(longCost))
				continue
			}
			require.GreaterOrEqual(t, s.through, s.tier)
			require.LessOrEqual(t, p.tiers[s.through].holds, s.tier, "all are in the last tier")
			require.Equal(t, p.tiers[s.through].way, s.way)
			require.LessOrEqual(t, s.way.cost, float64(longCost))
			for i := s.tier; i <= s.through; i++ {
				covered++
			}
			reached = s.through
		}
		require.Equal(t, p.partial, covered < len(p.tiers), "what is not looked through is said")
	})
}

// The order of a tier must not depend on how many books are wanted, as pages want more
// and more of them.
func TestHowMuchIsWantedOnlyChangesTheBlocks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		readings, stats := anyReadings().Draw(t, "readings"), anyStatistics().Draw(t, "statistics")
		var want []step
		for i, wanted := range []int{2, 6, 101, 10_101} {
			ranked := slices.DeleteFunc(planSearch(readings, stats, wanted).steps, func(s step) bool { return s.through < 0 })
			if i == 0 {
				want = ranked
			}
			require.Equal(t, want, ranked)
		}
	})
}
