package throughput

import (
	"slices"
	"strconv"

	"bookstore/internal/events"
	"bookstore/internal/searchtext"
	"bookstore/internal/spelling"
)

// wordsOf are the words of title and author that the catalog's vocabulary has, sorted:
// who writes them in any other order waits for others who wait for it.
func wordsOf(d events.Details) []string {
	words := slices.Concat(searchtext.Words(d.Title), searchtext.Words(d.Author))
	slices.Sort(words)
	return slices.Compact(words)
}

// insertWords takes what vocabulary gives.
func (t Task) insertWords() string {
	return `INSERT INTO ` + t.words() + ` (word, variants)
		SELECT word, variants::int[] FROM unnest($1::text[], $2::text[]) AS new (word, variants)`
}

// vocabulary are the columns of words as unnest takes them: arrays in an array would
// have to have one length.
func vocabulary(words []string) (arguments []any) {
	variants := make([]string, len(words))
	for i, word := range words {
		array := []byte{'{'}
		for n, variant := range spelling.Variants(word) {
			if n > 0 {
				array = append(array, ',')
			}
			array = strconv.AppendInt(array, int64(variant), 10)
		}
		variants[i] = string(append(array, '}'))
	}
	return []any{words, variants}
}
