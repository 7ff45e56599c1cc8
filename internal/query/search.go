package query

import (
	"context"

	"bookstore/internal/searchtext"
)

// SearchRequest asks for a page of the books that match a query.
type SearchRequest struct {
	Query  string // as typed
	Offset int
	Limit  int
}

// Result is a page of what a search has found.
type Result struct {
	Page
	// Read is how the query was read in the end, with the words that were taken for
	// mistyped ones.
	Read searchtext.Query
	// Partial means that there may be more than could be looked for.
	Partial bool
}

// Search returns the books that have every clause of the query, in the language that
// [searchtext.ParseQuery] reads.
//
// The best come first, in tiers: the title is what was asked for; begins with it; has
// all of its words; title and author have; the book has. Where these leave the page
// short come, in the same order, books that have words within a typo or two of those
// asked for, and then words of which those are a part. Within a tier come first the books
// that were opened most often, then those that were served most often, both in powers of
// two, then the newest; where very many match, only a few hundred of the most popular
// books are known to be popular.
//
// All of it is answered from one moment of the read model.
func (c *Catalog) Search(ctx context.Context, request SearchRequest) (result Result, err error) {
	asked := searchtext.ParseQuery(request.Query)
	stats, err := c.statistics.get(ctx, c)
	if err != nil {
		return Result{}, err
	}
	err = c.atOneMoment(ctx, func(read reader) error {
		s := searcher{read: read, statistics: stats}
		result, err = s.search(ctx, request, asked)
		return err
	})
	return result, err
}

// searcher carries out searches at one moment.
type searcher struct {
	read       reader
	statistics *statistics
}

func (s *searcher) search(ctx context.Context, request SearchRequest, asked searchtext.Query) (Result, error) {
	if len(asked) == 0 {
		return s.found(ctx, request, plan{}, asked)
	}
	if err := s.complete(ctx, asked); err != nil {
		return Result{}, err
	}
	p := planSearch([]searchtext.Query{asked}, s.statistics, request.wanted())
	result, err := s.found(ctx, request, p, asked)
	if err != nil || result.More {
		return result, err
	}
	readings, err := s.widen(ctx, asked)
	if err != nil || len(readings) == 1 {
		return result, err
	}
	p = planSearch(readings, s.statistics, request.wanted())
	// What has been found need not be found again, unless it lies before the page.
	if request.Offset == 0 && !result.Partial {
		p = p.behind(result.ids())
	}
	return s.found(ctx, request, p, readings[len(readings)-1])
}

// wanted is how many books have to be found: those that are skipped, the page, and one
// that tells that there are more.
func (r SearchRequest) wanted() int { return r.Offset + r.Limit + 1 }

// found carries out a plan.
func (s *searcher) found(ctx context.Context, request SearchRequest, p plan, read searchtext.Query) (Result, error) {
	books, args := p.statement(request.Offset)
	page, _, err := readPage(ctx, s.read, request.Limit, "book.id", books, args...)
	return Result{Page: page, Read: read, Partial: p.partial && !page.More}, err
}

// ids are those of the page's books.
func (r Result) ids() []int64 {
	ids := make([]int64, len(r.Books))
	for i, b := range r.Books {
		ids[i] = b.ID
	}
	return ids
}
