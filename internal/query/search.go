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
func (c *Catalog) Search(ctx context.Context, request SearchRequest) (Result, error) {
	asked := searchtext.ParseQuery(request.Query)
	if len(asked) == 0 {
		return c.found(ctx, request, plan{}, nil)
	}
	if err := c.complete(ctx, asked); err != nil {
		return Result{}, err
	}
	result, err := c.searchFor(ctx, request, asked)
	if err != nil || result.More {
		return result, err
	}
	wider, err := c.widen(ctx, asked)
	if err != nil || len(wider) == 0 {
		return result, err
	}
	return c.searchFor(ctx, request, append([]searchtext.Query{asked}, wider...)...)
}

// searchFor searches for a query in several readings, each wider than the one before.
func (c *Catalog) searchFor(ctx context.Context, request SearchRequest, readings ...searchtext.Query) (Result, error) {
	stats, err := c.statistics.get(ctx, c)
	if err != nil {
		return Result{}, err
	}
	p := planSearch(readings, stats, request.Offset+request.Limit+1)
	return c.found(ctx, request, p, readings[len(readings)-1])
}

// found carries out a plan.
func (c *Catalog) found(ctx context.Context, request SearchRequest, p plan, read searchtext.Query) (Result, error) {
	books, args := p.statement(request.Offset)
	page, _, err := c.page(ctx, request.Limit, "book.id", books, args...)
	return Result{Page: page, Read: read, Partial: p.partial && !page.More}, err
}
