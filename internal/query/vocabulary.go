package query

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/searchtext"
)

// maxCompletions is how many words the beginning of one may stand for, to be asked for
// one by one.
const maxCompletions = 40

// complete finds the words that the last one of a query may become: lexemes in full are
// cheaper for the index than all that begin so, and it is known how many books have them.
func (s *searcher) complete(ctx context.Context, asked searchtext.Query) error {
	last := &asked[len(asked)-1]
	if !last.Prefix {
		return nil
	}
	words := []string{}
	err := s.read(ctx, `SELECT word FROM catalog_words WHERE word ^@ $1 AND word >= $1 AND word < $1 || $2 LIMIT $3`,
		[]any{last.Words[len(last.Words)-1], string(rune(0x10FFFF)), maxCompletions + 1}, func(row pgx.CollectableRow) error {
			var word string
			err := row.Scan(&word)
			words = append(words, word)
			return err
		})
	if err != nil {
		return fmt.Errorf("read words that begin as one of a query: %w", err)
	}
	if len(words) <= maxCompletions {
		last.Completions = words
	}
	return nil
}
