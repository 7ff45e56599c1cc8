package search

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/bench/books"
)

const goodbooks = `title,authors,original_publication_year
"The Hollow Sea (The Tide Singers, #1)","M.R. Calloway, Ana Brühl",2008
The Theory of Small Rivers,Ötzi van der Meer,1999
Songs of the Marsh,Anonymous,-720
A Guide to the Sea,Joe Park,
`

func catalogue(t *testing.T) *books.Catalogue {
	t.Helper()
	source, err := books.ReadSource(strings.NewReader(goodbooks))
	require.NoError(t, err)
	return books.NewCatalogue(source, 1)
}

func TestQueriesAreWhatTheirKindSays(t *testing.T) {
	t.Parallel()
	const size, n = 50, 200
	c := catalogue(t)
	queries := makeQueries(c, size, n, 1)
	require.Equal(t, queries, makeQueries(c, size, n, 1), "the seed says all")
	require.NotEqual(t, queries, makeQueries(c, size, n, 2))

	var titles, authors []string
	all := make(map[string]bool)
	for id := range int64(size) {
		book := c.Book(id + 1)
		titles, authors = append(titles, book.Title), append(authors, book.Author)
		for _, word := range words(book.Title + " " + book.Author + " " + book.Description) {
			all[word] = true
		}
	}
	unknown := func(query string) (n int) {
		for _, word := range words(query) {
			if !all[word] {
				n++
			}
		}
		return n
	}
	begins := func(texts []string, query string) bool {
		for _, text := range texts {
			if strings.HasPrefix(text, query) {
				return true
			}
		}
		return false
	}
	holds := map[string]func(string) bool{
		Exact:      func(q string) bool { return begins(titles, q) },
		Prefix:     func(q string) bool { return begins(titles, q) },
		CommonWord: func(q string) bool { return all[q] },
		RareWord:   func(q string) bool { return all[q] },
		ManyWords:  func(q string) bool { return len(words(q)) == 10 && unknown(q) == 0 },
		Typo:       func(q string) bool { return len(words(q)) == 2 && unknown(q) <= 1 },
		PartOfWord: func(q string) bool {
			return len([]rune(q)) >= 4 && strings.Contains(strings.ToLower(strings.Join(titles, " ")), q)
		},
		Author: func(q string) bool { return begins(authors, q) },
		NoHit:  func(q string) bool { return len(q) == 10 && unknown(q) == 1 },

		OneLetter:  func(q string) bool { return len(q) == 1 && "a" <= q && q <= "z" },
		WordsApart: func(q string) bool { return len(words(q)) == 2 && unknown(q) == 0 },
	}
	for _, k := range kinds {
		if (k.name == RareWord || k.name == WordsApart) && len(queries[k.name]) == 0 {
			continue // in a catalogue of so few words each is in several books, with each other
		}
		require.Len(t, queries[k.name], n, k.name)
		for _, query := range queries[k.name] {
			require.True(t, holds[k.name](query), "%s: %q", k.name, query)
		}
	}
}

func TestCommonAndRareAreCounted(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	v := countWords(c, 1)
	require.NotEmpty(t, v.rare, "of one book all words are in one book")

	v = countWords(c, 2000)
	require.Contains(t, v.common[:3], "the")
	require.NotContains(t, v.rare, "the")
}

func TestTheMixHasTheSameShareOfEachKind(t *testing.T) {
	t.Parallel()
	queries := make(map[string][]string)
	for _, k := range kinds {
		queries[k.name] = []string{k.name, k.name}
	}
	delete(queries, RareWord)
	counts := make(map[string]int)
	for _, query := range mix(queries) {
		counts[query]++
	}
	require.Len(t, counts, 8, "nine kinds, one of which is left out, and no extra ones")
	for _, n := range counts {
		require.Equal(t, queriesOfKind, n)
	}
}
