package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/postgres"
	"bookstore/internal/searchtext"
	"bookstore/internal/spelling"
)

// Bounds of what a word is taken for.
const (
	maxTypos      = 8    // words that it may be a mistyped one of
	maxParts      = 8    // words that it may be a part of, the shortest
	maxCandidates = 2000 // words that are looked at for either
	maxWidened    = 8    // words of a query that are taken for others
	leastPart     = 3    // letters of a part; fewer are in too many words
)

// widen returns the query and wider readings of it: with the words that its own may be
// mistyped ones of, and with those as well that they may be parts of; fewer where there
// are none.
func (s *searcher) widen(ctx context.Context, asked searchtext.Query) ([]searchtext.Query, error) {
	typos, parts, err := s.similar(ctx, asked)
	if err != nil {
		return nil, err
	}
	readings := []searchtext.Query{asked}
	for _, others := range [][][]string{typos, parts} {
		if wider, any := with(readings[len(readings)-1], others); any {
			readings = append(readings, wider)
		}
	}
	return readings, nil
}

// with is a query whose clauses may be other words as well, and whether there are any.
func with(q searchtext.Query, others [][]string) (wider searchtext.Query, any bool) {
	wider = slices.Clone(q)
	for i := range wider {
		c := &wider[i]
		for _, other := range others[i] {
			known := other == c.Words[0] || slices.Contains(c.Also, other) || c.Prefix && strings.HasPrefix(other, c.Words[0])
			if !known {
				c.Also = append(slices.Clip(c.Also), other)
				any = true
			}
		}
	}
	return wider, any
}

// similar returns, for each clause, words of titles and authors that are within a typo or
// two of its own, and words that its own is a part of. Phrases are meant as they are.
func (s *searcher) similar(ctx context.Context, asked searchtext.Query) (typos, parts [][]string, err error) {
	typos, parts = make([][]string, len(asked)), make([][]string, len(asked))
	var mistyped, pieces struct {
		clauses []int
		asked   []string
	}
	for i, clause := range asked {
		if clause.Quoted || i >= maxWidened {
			continue
		}
		word := clause.Words[0]
		if lookup := spelling.Lookup(word); len(lookup) > 0 {
			mistyped.clauses, mistyped.asked = append(mistyped.clauses, i), append(mistyped.asked, postgres.ArrayText(lookup))
		}
		if utf8.RuneCountInString(word) >= leastPart {
			// A word holds none of the signs that mean something in a pattern.
			pieces.clauses, pieces.asked = append(pieces.clauses, i), append(pieces.asked, "%"+word+"%")
		}
	}
	if len(mistyped.clauses)+len(pieces.clauses) == 0 {
		return typos, parts, nil
	}
	err = s.read(ctx, `
		SELECT clause, word, false FROM unnest($1::int[], $2::text[]) AS mistyped (clause, lookup)
		CROSS JOIN LATERAL (SELECT word FROM catalog_words WHERE variants && lookup::int[] LIMIT $5) AS known
		UNION ALL
		SELECT clause, word, true FROM unnest($3::int[], $4::text[]) AS piece (clause, pattern)
		CROSS JOIN LATERAL (
			SELECT word FROM (SELECT word FROM catalog_words WHERE word LIKE pattern LIMIT $5) AS known
			ORDER BY length(word), word LIMIT $6
		) AS known`,
		[]any{mistyped.clauses, mistyped.asked, pieces.clauses, pieces.asked, maxCandidates, maxParts},
		func(row pgx.CollectableRow) error {
			var clause int
			var word string
			var part bool
			err := row.Scan(&clause, &word, &part)
			if part {
				parts[clause] = append(parts[clause], word)
			} else {
				typos[clause] = append(typos[clause], word)
			}
			return err
		})
	if err != nil {
		return nil, nil, fmt.Errorf("read words like those of a query: %w", err)
	}
	for i, words := range typos {
		typos[i] = closest(asked[i].Words[0], words)
	}
	return typos, parts, nil
}

// closest are the words of which one may be a mistyped one, without itself.
func closest(typed string, words []string) []string {
	var closest []string
	for _, candidate := range spelling.Closest(typed, words) {
		if candidate.Typos > 0 && len(closest) < maxTypos {
			closest = append(closest, candidate.Word)
		}
	}
	return closest
}
