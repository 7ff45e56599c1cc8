package insights

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"

	"bookstore/internal/bench/mistakes"
	"bookstore/internal/events"
	"bookstore/internal/searchkey"
)

// asked is a query, and what it is answered with each time.
type asked struct {
	forms  []string // ways to type it; the first is the one of most readers
	served []events.ServedBook
}

// Faults of the books.
var errFewQueries = errors.New("the books do not make for so many different queries")

// servedBooks is how many books a search is answered with: the service's page.
const servedBooks = 5

// makeQueries makes queries of books that are all different, and knows each by its key.
func makeQueries(books []events.ServedBook, n int, seed uint64) ([]asked, map[uuid.UUID]int, error) {
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // G404: repeatable, not secret
	queries := make([]asked, 0, n)
	keys := make(map[uuid.UUID]int, n)
	const patience = 100 // books that are drawn for a query, on average
	for drawn := 0; len(queries) < n; drawn++ {
		if drawn > patience*n {
			return nil, nil, fmt.Errorf("%w: %d of %d", errFewQueries, len(queries), n)
		}
		at := random.IntN(len(books))
		forms := typedWays(aboutBook(random, books[at]))
		key, ok := sameKey(forms)
		if _, there := keys[key]; !ok || there {
			continue
		}
		keys[key] = len(queries)
		query := asked{forms, make([]events.ServedBook, servedBooks)}
		query.served[0] = books[at]
		for i := 1; i < servedBooks; i++ {
			query.served[i] = books[random.IntN(len(books))]
		}
		queries = append(queries, query)
	}
	return queries, keys, nil
}

// aboutBook is what somebody types who looks for a book: its title, some of its words,
// or its author and a word; in half of the cases with a mistake.
func aboutBook(random *rand.Rand, book events.ServedBook) string {
	title, _, _ := strings.Cut(book.Title, " (") // where the series begins
	words := strings.Fields(title)
	author, _, _ := strings.Cut(book.Author, ",")
	names := strings.Fields(author)
	if len(words) == 0 || len(names) == 0 {
		return ""
	}
	first := random.IntN(len(words))
	switch random.IntN(5) {
	case 0:
		words = words[first : first+1]
	case 1:
		words = words[first:min(first+2, len(words))]
	case 2:
		words = []string{names[len(names)-1], words[first]}
	case 3:
		words = names
	}
	typed := append([]string(nil), words...)
	if wrong := random.IntN(len(typed)); random.IntN(2) == 0 && mistakes.Fits(typed[wrong]) {
		typed[wrong] = mistakes.Typo(random, typed[wrong])
	}
	return strings.Join(typed, " ")
}

// typedWays are ways to type a query, that differ in case, spaces and accents.
func typedWays(query string) []string {
	return []string{
		query,
		strings.ToLower(query),
		strings.ToUpper(query),
		strings.ReplaceAll(query, " ", "  "),
		strings.Replace(query, "e", "é", 1),
	}
}

// sameKey is the key that all forms have; false where there is no such key, as of letters
// that are others in upper case.
func sameKey(forms []string) (uuid.UUID, bool) {
	key, ok := searchkey.Query(forms[0])
	for _, form := range forms[1:] {
		if other, same := searchkey.Query(form); !same || other != key {
			return key, false
		}
	}
	return key, ok
}
