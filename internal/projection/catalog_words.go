package projection

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/postgres"
	"bookstore/internal/searchtext"
	"bookstore/internal/spelling"
)

// blindly is how many words are written without looking which of them are new: few
// cost less than the round trip, on the way from a write to its reader.
const blindly = 64

// newWords returns the words of a batch's titles and authors that the vocabulary may
// not have yet, sorted: two transactions that add the same words wait for each other
// and never deadlock.
func newWords(ctx context.Context, db postgres.Reader, generation int64, steps []step) ([]string, error) {
	words := wordsOf(steps)
	if len(words) <= blindly {
		return words, nil
	}
	// No "=", which the trigrams' index can answer as well: as long as there are no
	// statistics, a cached plan may take that one, and thousands of words take seconds.
	rows, err := db.Query(ctx, `
		SELECT word FROM unnest($1::text[]) AS word
		WHERE NOT EXISTS (
			SELECT FROM `+catalogWords(generation)+` AS known WHERE known.word >= word.word AND known.word <= word.word
		)`, words)
	if err != nil {
		return nil, fmt.Errorf("look up %d words: %w", len(words), err)
	}
	words, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look up words: %w", err)
	}
	slices.Sort(words)
	return words, nil
}

// wordsOf are the words of all titles and authors, each once: also of those that a
// later step of the batch replaces or deletes. Left to the last state of each book, the
// vocabulary would depend on where batches were cut, and no rebuild give it again.
func wordsOf(steps []step) []string {
	var words []string
	for _, s := range steps {
		if d := details(s.Event); d != nil {
			words = append(words, searchtext.Words(d.Title)...)
			words = append(words, searchtext.Words(d.Author)...)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// writeWords adds words to the vocabulary; those that it has stay.
func writeWords(batch *pgx.Batch, generation int64, words []string) {
	variants := make([]string, len(words))
	for i, word := range words {
		variants[i] = postgres.ArrayText(spelling.Variants(word))
	}
	batch.Queue(`
		INSERT INTO `+catalogWords(generation)+` (word, variants)
		SELECT word, variants::int[] FROM unnest($1::text[], $2::text[]) AS new (word, variants)
		ON CONFLICT (word) DO NOTHING`, words, variants)
}
