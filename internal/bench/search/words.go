package search

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"

	"bookstore/internal/bench/books"
)

// vocabulary is the words of a catalogue by how many books have them.
type vocabulary struct {
	common []string // the most frequent ones, the most frequent first
	rare   []string // those in one of the books that were counted

	all    []string       // the most frequent first
	having map[string]int // books, of those that were counted
	books  int            // that were counted
}

// expected is how many books of a catalogue of this size have a word.
func (v vocabulary) expected(word string, size int) float64 {
	return float64(v.having[word]) * float64(size) / float64(v.books)
}

const (
	// counted is how many books are enough to tell common words from rare ones.
	counted = 20_000
	// commonWords is how many count as common: those that nobody can search without.
	commonWords = 20
)

func countWords(catalogue *books.Catalogue, n int) vocabulary {
	n = min(n, counted)
	having := make(map[string]int)
	for id := range n {
		book := catalogue.Book(int64(id + 1))
		in := make(map[string]bool)
		for _, word := range words(book.Title + " " + book.Author + " " + book.Description) {
			in[word] = true
		}
		for word := range in {
			having[word]++
		}
	}
	// Words that are as frequent are ordered too: a map has no order of its own.
	byFrequency := slices.SortedFunc(maps.Keys(having), func(a, b string) int {
		return cmp.Or(having[b]-having[a], strings.Compare(a, b))
	})
	v := vocabulary{all: byFrequency, having: having, books: n}
	v.common = byFrequency[:min(commonWords, len(byFrequency))]
	for _, word := range slices.Backward(byFrequency) {
		if having[word] > 1 {
			break
		}
		v.rare = append(v.rare, word)
	}
	return v
}

// words splits a text into words as people type them.
func words(text string) []string {
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && r != '\''
	})
	return slices.DeleteFunc(fields, func(field string) bool { return strings.Trim(field, "'") == "" })
}
