package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/bench/books"
)

// manyWordsToMeet is a source of so many words that few of them are in a book together.
func manyWordsToMeet(t *testing.T) *books.Catalogue {
	t.Helper()
	var file strings.Builder
	file.WriteString("title,authors,original_publication_year\n")
	for i := range 400 {
		word := string(rune('a'+i/20)) + "xy" + string(rune('a'+i%20))
		fmt.Fprintf(&file, "The %s %ss,Ann %séd,2000\n", word, word, word)
	}
	source, err := books.ReadSource(strings.NewReader(file.String()))
	require.NoError(t, err)
	return books.NewCatalogue(source, 1)
}

func TestWordsApartAreInBooksAndNeverInOne(t *testing.T) {
	t.Parallel()
	const size = 500
	c := manyWordsToMeet(t)
	var all [][]string
	for id := range int64(size) {
		book := c.Book(id + 1)
		all = append(all, words(withoutMarks(strings.ToLower(book.Title+" "+book.Author+" "+book.Description))))
	}
	having := func(word string) (in []int) {
		for i, book := range all {
			if slices.ContainsFunc(book, func(w string) bool { return strings.HasPrefix(w, word) }) {
				in = append(in, i)
			}
		}
		return in
	}
	found := findApart(c, size, countWords(c, size))
	require.NotEmpty(t, found.common)
	require.NotEmpty(t, found.rare)
	for name, pairs := range map[string][][2]string{"common": found.common, "rare": found.rare} {
		for _, pair := range pairs[:min(200, len(pairs))] {
			one, other := having(pair[0]), having(pair[1])
			require.NotEmpty(t, one, pair)
			require.NotEmpty(t, other, pair)
			for _, book := range one {
				require.NotContains(t, other, book, "%s: %v", name, pair)
			}
		}
	}
	require.Greater(t, len(having(found.common[0][0])), len(having(found.rare[0][0])))

	for _, query := range makeQueries(c, size, 20, 1)[WordsApart] {
		require.Len(t, words(query), 2)
	}
}
