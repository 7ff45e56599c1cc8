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

// Search returns the books that have every clause of the query, in the language
// that [searchtext.ParseQuery] reads: in title, author or description in full (the
// last word also as a beginning), or as a part of a word of title or author, unless
// it is quoted. A query without any letter or digit matches nothing.
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
	asked := searchtext.ParseQuery(request.Query)
	books = `
		SELECT ` + bookColumns + `, ` + s.rank(asked) + ` AS tier FROM books
		WHERE ` + s.matches(asked) + `
		ORDER BY tier, id LIMIT ` + s.arg(request.Limit+1) + ` OFFSET ` + s.arg(request.Offset)
	return books, s.args
}

// searchSQL collects the arguments of a statement in the making. Nothing of what
// was typed gets into the statement itself.
type searchSQL struct{ args []any }

// arg adds an argument and returns its placeholder.
func (s *searchSQL) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// trigram is how many letters the index of word parts needs to be of use. For
// less, every book would have to be looked at.
const trigram = 3

// matches is the condition for all clauses, each of its parts answered by an index.
func (s *searchSQL) matches(asked searchtext.Query) string {
	if len(asked) == 0 {
		return "false"
	}
	conditions := make([]string, len(asked))
	for i, clause := range asked {
		conditions[i] = s.hasInFull(clause.TSQuery())
		part := clause.PartPattern()
		if part != "" && utf8.RuneCountInString(clause.Words[0]) >= trigram {
			conditions[i] = `(` + conditions[i] + ` OR terms LIKE ` + s.arg(part) + `)`
		}
	}
	return strings.Join(conditions, " AND ")
}

// rank is the tier of a match, the best first: the title is what was asked for,
// begins with it, everything in full text, parts of words. Who asks for an author as
// well gets that author's titles in the same order, and who asks for an author only
// has named no title to be like.
func (s *searchSQL) rank(asked searchtext.Query) string {
	if len(asked) == 0 {
		return "0"
	}
	byTitle := ""
	if title, open := asked.AsTitle(); title != "" {
		beginning := title
		if !open {
			beginning += " "
		}
		byTitle = `
			WHEN starts_with(terms, ` + s.arg(title+"\n") + `) THEN 0
			WHEN starts_with(terms, ` + s.arg(beginning) + `) THEN 1`
	}
	return `CASE` + byTitle + `
			WHEN ` + s.hasInFull(asked.TSQuery()) + ` THEN 2
			ELSE 3 END`
}

// hasInFull is the condition for what the index of whole words knows.
func (s *searchSQL) hasInFull(tsquery string) string {
	return `document @@ ` + s.arg(tsquery) + `::tsquery`
}
