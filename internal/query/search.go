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

// Search returns the books that have every clause of the query, in the language
// that [searchtext.ParseQuery] reads. The best come first, in tiers: the title is what
// was asked for; begins with it; has all of its words; title and author have; the book
// has. Within a tier come first those that were opened most often, then those that were
// served most often, both in powers of two, then the newest.
func (c *Catalog) Search(ctx context.Context, request SearchRequest) (Page, error) {
	asked := searchtext.ParseQuery(request.Query)
	if len(asked) == 0 {
		return c.found(ctx, plan{}, request)
	}
	stats, err := c.statistics.get(ctx, c)
	if err != nil {
		return Page{}, err
	}
	if err := c.complete(ctx, asked); err != nil {
		return Page{}, err
	}
	return c.found(ctx, planSearch([]searchtext.Query{asked}, stats, request.Offset+request.Limit+1), request)
}

// found carries out a plan.
func (c *Catalog) found(ctx context.Context, p plan, request SearchRequest) (Page, error) {
	books, args := p.statement(request.Offset)
	page, _, err := c.page(ctx, request.Limit, "book.id", books, args...)
	page.Partial = p.partial && !page.More
	return page, err
}
