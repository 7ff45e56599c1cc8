package query_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
	"bookstore/internal/query"
	"bookstore/internal/searchtext"
)

// fewWords make for many books that match, and for many that match as well as others.
var fewWords = []string{"dune", "dunes", "dun", "sand", "the", "andy", "O'Brien", "дюна", "1984"}

// drawShelf draws a catalogue with its popularity, and applies it to the read model in
// the place of the one that was there.
func drawShelf(t *rapid.T, m *readModel) shelf {
	_, err := m.pool.Exec(m.t.Context(), `TRUNCATE catalog_books_g1, catalog_words_g1, opened_books_g1, served_books_g1`)
	require.NoError(t, err)
	text := func(least, most int) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(fewWords), least, most).Draw(t, "text"), " ")
	}
	// Ids are far apart, so that there are books in all sizes of blocks and behind them.
	id := rapid.Custom(func(t *rapid.T) int64 {
		block := rapid.SampledFrom([]int64{0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 64, 65, 129, 400}).Draw(t, "block")
		return block*512 + rapid.SampledFrom([]int64{1, 2, 3, 256, 511}).Draw(t, "place")
	})
	times := rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4, 9})

	var s shelf
	var created []events.Event
	opened, served := []int64{7 * 512}, []int64{7 * 512} // one that is not in the catalogue
	for _, id := range rapid.SliceOfNDistinct(id, 1, 40, rapid.ID).Draw(t, "ids") {
		title, author, description := text(1, 3), text(0, 2), text(0, 3)
		if rapid.Bool().Draw(t, "series") {
			title += fmt.Sprintf(" (%s, #1)", text(1, 1))
		}
		if description == "" && rapid.IntRange(0, 20).Draw(t, "many words") == 20 {
			description = manyWords // so many that they are not asked for one by one
			author = manyWords
		}
		s.put(id, title, author, description, times.Draw(t, "opened"), times.Draw(t, "served"))
		created = append(created, book(id, title, author, description))
	}
	// A beginning finds those words of descriptions that are also in some title or author,
	// where these are few: this one has them all.
	const last = 401 * 512
	s.put(last, strings.Join(fewWords, " "), "", "", 0, 0)
	m.publish(append(created, book(last, strings.Join(fewWords, " "), "", ""))...)
	for _, b := range s {
		opened = append(opened, slices.Repeat([]int64{b.id}, b.opened)...)
		served = append(served, slices.Repeat([]int64{b.id}, b.served)...)
	}
	m.open(opened...)
	m.serve(served...)
	return s
}

var manyWords = func() string {
	var words strings.Builder
	for i := range 50 {
		fmt.Fprintf(&words, "dun%02d ", i)
	}
	return words.String()
}()

// drawQuery draws a query of the language, of which most find something.
func drawQuery(t *rapid.T, s shelf) string {
	var parts []string
	for range rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "parts") {
		field := rapid.SampledFrom([]string{"", "", "", "title:", "author:"}).Draw(t, "field")
		word := rapid.SampledFrom(fewWords).Draw(t, "word")
		other := rapid.SampledFrom(fewWords).Draw(t, "other")
		b := rapid.SampledFrom(s).Draw(t, "book")
		parts = append(parts, field+rapid.SampledFrom([]string{
			word, word, string([]rune(word)[:1]), string([]rune(word)[:3]),
			`"` + word + " " + other + `"`, `"` + word + `"`, `"` + word + " " + other,
			b.rawTitle, strings.ToUpper(b.rawTitle), `"` + b.rawTitle + `"`, `"` + strings.Join(b.short, " ") + `"`, strings.Join(b.short, " "), b.rawAuthor,
		}).Draw(t, "part"))
	}
	if q := strings.Join(parts, " "); len(searchtext.Words(q)) > 0 {
		return q
	}
	return fewWords[0] // no query is without a word
}

// drawStatistics draws statistics that are far from the truth: the plans are those for
// books and words that are as many and as common as they say.
func drawStatistics(t *rapid.T) query.Statistics {
	books := rapid.SampledFrom([]float64{0, 30, 5_000, 100_000, 1e6, 1e6, 1e6, 1e8}).Draw(t, "books")
	shares := map[string]float64{}
	for _, word := range fewWords {
		share := rapid.SampledFrom([]float64{0, 0.0001, 0.003, 0.05, 0.3, 1}).Draw(t, "share of "+word)
		if share == 0 {
			continue
		}
		word = searchtext.Fold(word)
		shares[word] = share
		shares[";"+word] = share * rapid.SampledFrom([]float64{0.1, 0.5, 1}).Draw(t, "named")
		shares["^"+word] = share * 0.1
	}
	return query.NewStatistics(books, shares)
}

func TestAnySearchFindsWhatLookingAtEveryBookFinds(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawShelf(t, m)
		for range 4 {
			q := drawQuery(t, s)
			want := s.search(searchtext.ParseQuery(q))

			// PostgreSQL has no statistics of so few books: all are ranked.
			offset, limit := rapid.IntRange(0, 12).Draw(t, "offset"), rapid.IntRange(1, 12).Draw(t, "limit")
			result, err := m.catalog.Search(m.t.Context(), query.SearchRequest{Query: q, Offset: offset, Limit: limit})
			require.NoError(t, err)
			onPage := want[min(offset, len(want)):min(offset+limit, len(want))]
			got := ids(result)
			require.Equal(t, onPage, got[:min(len(onPage), len(got))], "%q of\n%s", q, s)

			requirePlanned(t, m, s, q)
		}
	})
}

// requirePlanned searches by plans for other catalogues.
func requirePlanned(t *rapid.T, m *readModel, s shelf, q string) {
	by := drawStatistics(t)
	wide := rapid.Bool().Draw(t, "wide")
	limit := rapid.IntRange(1, 12).Draw(t, "limit of all pages")
	var pages []int64
	for offset := 0; ; offset += limit {
		result, readings, planned, err := m.catalog.SearchBy(m.t.Context(), query.SearchRequest{Query: q, Offset: offset, Limit: limit}, by, wide)
		require.NoError(t, err)
		all, want := s.search(readings...), s.searchBy(readings, planned)
		require.True(t, slices.IsSortedFunc(want, byTier))
		if !planned.Partial {
			require.ElementsMatch(t, all, idsOf(want), "%q: %+v of\n%s", q, planned, s)
		}
		onPage := idsOf(want)[min(offset, len(want)):min(offset+limit, len(want))]
		require.Equal(t, onPage, ids(result), "%q: %+v of\n%s", q, planned, s)
		require.Equal(t, offset+limit < len(want), result.More)
		pages = append(pages, onPage...)
		if !result.More {
			if !planned.Partial {
				require.ElementsMatch(t, all, pages, "%q: pages of %d repeat or leave out of\n%s", q, limit, s)
			}
			return
		}
	}
}
