package query

import (
	"context"
	"maps"
	"slices"
	"time"

	"bookstore/internal/searchtext"
)

// SetClock gives the catalog another time; before it is used.
func (c *Catalog) SetClock(now func() time.Time) { c.clock = now }

// PageStatement is a statement, so that tests can ask the planner about it.
var PageStatement = pageStatement

// Statistics are made up, so that tests with a few books get plans for a million.
type Statistics struct{ made *statistics }

// NewStatistics are those of a catalogue of so many books, of which lexemes have shares.
func NewStatistics(books float64, shares map[string]float64) Statistics {
	lexemes := slices.Sorted(maps.Keys(shares))
	of := make([]float32, len(lexemes))
	for i, lexeme := range lexemes {
		of[i] = float32(shares[lexeme])
	}
	return Statistics{newStatistics(books, lexemes, of)}
}

// Planned is how a search was carried out.
type Planned struct {
	Steps   []PlannedStep
	Partial bool
}

// PlannedStep is a step's tiers, from 1, the best; or its one tier and the size of its
// blocks.
type PlannedStep struct {
	Tier, Through int // Through is 0 for blocks
	Bits          int
	Newest        bool // of its own tier come the popular books first, then the newest
}

// SearchBy searches with statistics that a test has made, in the query's own words or also
// in wider readings, which it returns.
func (c *Catalog) SearchBy(ctx context.Context, request SearchRequest, by Statistics, wide bool) (result Result, readings []searchtext.Query, planned Planned, err error) {
	err = c.atOneMoment(ctx, func(read reader) error {
		s := searcher{read: read, statistics: by.made}
		asked := searchtext.ParseQuery(request.Query)
		if err := s.complete(ctx, asked); err != nil {
			return err
		}
		readings = []searchtext.Query{asked}
		if wide {
			if readings, err = s.widen(ctx, asked); err != nil {
				return err
			}
		}
		p := planSearch(readings, by.made, request.wanted())
		planned.Partial = p.partial
		for _, s := range p.steps {
			planned.Steps = append(planned.Steps, PlannedStep{s.tier + 1, s.through + 1, s.bits, s.newest})
		}
		result, err = s.found(ctx, request, p, asked)
		return err
	})
	return result, readings, planned, err
}

// SearchStatement is what finds the books of a search, with statistics that a test has
// made.
func SearchStatement(request SearchRequest, by Statistics) (books string, args []any) {
	asked := searchtext.ParseQuery(request.Query)
	return planSearch([]searchtext.Query{asked}, by.made, request.Offset+request.Limit+1).statement(request.Offset)
}

// InsightStatements are what trends and recommendations read, so that tests can ask the
// planner about them.
var InsightStatements = map[string]string{
	"all": rankingOfAllTime, "since": rankingSince, "books": servedBooksStatement,
	"interests": interestsOf, "names": bookNamesStatement, "forms": formsStatement,
}
