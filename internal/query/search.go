package query

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"bookstore/internal/searchtext"
)

// SearchRequest asks for a page of the books that match a query.
type SearchRequest struct {
	Query  string // as typed
	Offset int
	Limit  int
}

// Search returns the books that have every word of the query: in title, author
// or description in full (the last word also as a beginning, for it may still be
// being typed), or as a part of a word of title or author. A query without any
// letter or digit matches nothing.
//
// The best come first: see rank. Between equals the id decides, so that pages
// neither repeat nor leave out a book while the catalogue stands still.
func (c *Catalog) Search(ctx context.Context, request SearchRequest) (Page, error) {
	books, args := searchStatement(request)
	page, _, err := c.page(ctx, request.Limit, "book.id", books, args...)
	return page, err
}

// searchStatement is what [Catalog.page] wants for a search.
func searchStatement(request SearchRequest) (books string, args []any) {
	var s searchSQL
	words := searchtext.Words(request.Query)
	books = `
		SELECT ` + bookColumns + `, ` + s.rank(words) + ` AS tier FROM books
		WHERE ` + s.matches(words) + `
		ORDER BY tier, id LIMIT ` + s.arg(request.Limit+1) + ` OFFSET ` + s.arg(request.Offset)
	return books, s.args
}

// searchSQL collects the arguments of a statement in the making.
type searchSQL struct{ args []any }

// arg adds an argument and returns its placeholder.
func (s *searchSQL) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// trigram is how many letters the index of word parts needs to be of use. For
// less, every book would have to be looked at.
const trigram = 3

// matches is the condition for all words, each of its parts answered by an index.
// Words hold nothing that LIKE or tsquery would take for syntax.
func (s *searchSQL) matches(words []string) string {
	if len(words) == 0 {
		return "false"
	}
	conditions := make([]string, len(words))
	for i, word := range words {
		conditions[i] = `document @@ ` + s.arg(fullText(words, i)) + `::tsquery`
		if utf8.RuneCountInString(word) >= trigram {
			conditions[i] = `(` + conditions[i] + ` OR terms LIKE ` + s.arg("%"+word+"%") + `)`
		}
	}
	return strings.Join(conditions, " AND ")
}

// rank is the tier of a match, the best first: the title is the query, begins
// with it, all words in full text, parts of words.
func (s *searchSQL) rank(words []string) string {
	if len(words) == 0 {
		return "0"
	}
	phrase := strings.Join(words, " ")
	all := make([]string, len(words))
	for i := range words {
		all[i] = fullText(words, i)
	}
	return `CASE
		WHEN starts_with(terms, ` + s.arg(phrase+"\n") + `) THEN 0
		WHEN starts_with(terms, ` + s.arg(phrase) + `) THEN 1
		WHEN document @@ ` + s.arg(strings.Join(all, " & ")) + `::tsquery THEN 2
		ELSE 3 END`
}

// fullText is the tsquery of the i-th word.
func fullText(words []string, i int) string {
	if i == len(words)-1 {
		return searchtext.MatchPrefix(words[i])
	}
	return searchtext.Match(words[i])
}
