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
}

const (
	// counted is how many books are enough to tell common words from rare ones.
	counted = 20_000
	// commonWords is how many count as common: those that nobody can search without.
	commonWords = 20
)

func countWords(catalogue *books.Catalogue, n int) vocabulary {
	having := make(map[string]int)
	for id := range min(n, counted) {
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
	var v vocabulary
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
