package query

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/searchtext"
)

// maxAttempts bounds how many queries are tried before nothing is suggested.
const maxAttempts = 6

// DidYouMean returns a query that finds something, in the place of one that has found
// nothing; "" where there is none at hand, or not in time: that nothing was found is an
// answer without it. Words that no title and no author has are replaced by what looks
// most like them, or left out; if these words are never together, one of them is left out.
func (c *Catalog) DidYouMean(ctx context.Context, nothing Result) (meant string, err error) {
	stats, err := c.statistics.get(ctx, c)
	if err != nil {
		return "", err
	}
	err = c.atOneMoment(ctx, func(read reader) error {
		s := searcher{read: read, statistics: stats}
		meant, err = s.meant(ctx, nothing)
		return err
	})
	if errors.Is(err, ErrTooSlow) {
		return "", nil
	}
	return meant, err
}

func (s *searcher) meant(ctx context.Context, nothing Result) (string, error) {
	if len(nothing.Read) > maxWidened {
		return "", nil
	}
	known, err := s.nearestKnown(ctx, nothing.Read)
	if err != nil {
		return "", err
	}
	attempts := []searchtext.Query{known}
	for i := range slices.Backward(known) {
		if len(known) > 1 {
			attempts = append(attempts, slices.Delete(slices.Clone(known), i, i+1))
		}
	}
	for _, attempt := range attempts[:min(len(attempts), maxAttempts)] {
		if len(attempt) == 0 || attempt.String() == asTyped(nothing.Read).String() {
			continue
		}
		one := SearchRequest{Limit: 1}
		found, err := s.found(ctx, one, planSearch([]searchtext.Query{attempt}, s.statistics, one.wanted()), attempt)
		if err != nil || len(found.Books) > 0 {
			return attempt.String(), err
		}
	}
	return "", nil
}

// asTyped is a query without the words that its own were taken for.
func asTyped(q searchtext.Query) searchtext.Query {
	typed := slices.Clone(q)
	for i := range typed {
		typed[i].Also = nil
	}
	return typed
}

// nearestKnown is a query whose words are in the vocabulary: each as it is or as the word
// that shares most with it; without those that share nothing with any.
func (s *searcher) nearestKnown(ctx context.Context, q searchtext.Query) (searchtext.Query, error) {
	words := make([]string, len(q))
	for i, clause := range q {
		words[i] = clause.Words[0]
	}
	var nearest []string
	err := s.read(ctx, `
		SELECT coalesce(same.word, alike.word, '') FROM unnest($1::text[]) WITH ORDINALITY AS asked (word, place)
		LEFT JOIN catalog_words AS same ON same.word >= asked.word AND same.word <= asked.word -- by the key, not by the trigrams
		LEFT JOIN LATERAL (
			SELECT word FROM catalog_words WHERE same.word IS NULL AND catalog_words.word % asked.word
			ORDER BY similarity(catalog_words.word, asked.word) DESC, word LIMIT 1
		) AS alike ON true
		ORDER BY place`, []any{words}, func(row pgx.CollectableRow) error {
		var word string
		err := row.Scan(&word)
		nearest = append(nearest, word)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read words like those of a query: %w", err)
	}
	var known searchtext.Query
	for i, clause := range asTyped(q) {
		switch {
		case len(clause.Words) > 1:
			known = append(known, clause) // a phrase is meant as it is
		case nearest[i] == clause.Words[0]:
			known = append(known, clause)
		case nearest[i] != "":
			clause.Words, clause.Completions, clause.Typed = []string{nearest[i]}, nil, ""
			known = append(known, clause)
		}
	}
	return known, nil
}
