package query

import (
	"slices"
	"strings"

	"bookstore/internal/searchtext"
)

// plan says how a search is carried out: in steps, until the page is full.
type plan struct {
	tiers  []tier // the best first
	steps  []step
	wanted int     // books, with those that are skipped
	wider  int     // the first tier that is not of the query as it is
	known  []int64 // books that have been found before, in their order
	// partial means that not all books are looked through, as that might cost too much.
	// Where less than wanted is found then, there may be more.
	partial bool
}

// tier is a condition on books, and how those that meet it are found.
type tier struct {
	condition string // as a tsquery
	better    string // the condition of being in a tier before this one; "" for the first
	holds     int    // what is in a tier from this one on, up to itself, is in itself
	needs     []need
	way       way  // through all books
	few       bool // that are found so can be ranked in one go
}

// step finds books: all that there are of some tiers, which it ranks; or those of one
// tier in the two newest blocks of 2^bits ids.
type step struct {
	tier, through int // through is -1 for blocks
	bits          int
	newest        bool // of its own tier come the most popular books first, then the newest
	way           way
}

// Bounds on the work of a search, in microseconds where they are not books.
const (
	// fewCost and fewBooks are what ranking in one go may cost, and fewCorrelated what it
	// may come to: words that belong together are together more often than by chance.
	fewCost       = 4_000
	fewBooks      = 800
	fewCorrelated = 8_000
	// luck is how much more often than by chance words are together, now and then.
	luck = 8
	// longCost is what a step may cost, and longCostWider what one may that looks for words
	// which were not asked for.
	longCost      = 15_000
	longCostWider = 5_000
)

// planSearch plans for a query and wider readings of it, each wider than the one before,
// which are of titles and authors only.
func planSearch(readings []searchtext.Query, stats *statistics, wanted int) plan {
	p := plan{wanted: wanted}
	asked := readings[0]
	if title, named := asked.TitleIs(); named {
		p.add(title, stats)
		beginning, _ := asked.TitleBegins()
		p.add(beginning, stats)
		if !strings.HasPrefix(title.Needs[0].Lexemes[0].Text, beginning.Beginning.Text) {
			p.tiers[1].holds = 1 // "dune" does not begin with "dune ", where the word may not go on
		}
	}
	for _, scope := range []searchtext.Scope{searchtext.InTitle, searchtext.InTitleOrAuthor, searchtext.InBook} {
		p.add(asked.In(scope), stats)
	}
	p.wider = len(p.tiers)
	whole, last := len(p.tiers)-1, len(p.tiers)-1
	for _, wider := range readings[1:] {
		for _, scope := range []searchtext.Scope{searchtext.InTitle, searchtext.InTitleOrAuthor} {
			if !p.add(wider.In(scope), stats) {
				continue
			}
			t := &p.tiers[len(p.tiers)-1]
			t.better = either(p.tiers[whole].condition, p.tiers[last].condition, t.better)
			t.holds = whole + 1
			if scope == searchtext.InTitle {
				t.holds = len(p.tiers) - 1
			}
		}
		last = len(p.tiers) - 1
	}
	p.plan(stats.books)
	return p
}

// behind is what is left of the plan when all tiers of the query as it is have been looked
// through, and these books found.
func (p plan) behind(known []int64) plan {
	p.known = known
	p.steps = slices.DeleteFunc(slices.Clone(p.steps), func(s step) bool { return s.tier < p.wider })
	return p
}

// either is the condition of meeting one of several.
func either(conditions ...string) string {
	slices.Sort(conditions)
	return strings.Join(slices.Compact(conditions), " | ")
}

// plan ranks as many tiers at a time as have few books together. The others it looks for
// among the newest, and where that does not fill the page finds as many as it can pay for.
//
// How many books are wanted decides where it looks, and must not decide their order: the
// next page would repeat some and leave out others. So a tier that may be looked for among
// the newest has their order wherever its books are found.
func (p *plan) plan(books float64) {
	for i := 0; i < len(p.tiers); {
		last := p.last(i, func(t tier) bool { return t.few })
		many := last < 0
		if many {
			p.steps = append(p.steps, blocks(i, p.tiers[i], books, p.wanted)...)
			limit := float64(longCost)
			if i >= p.wider {
				limit = longCostWider
			}
			last = p.last(i, func(t tier) bool { return t.way.cost+t.way.books*rankCost <= limit })
		}
		if last < 0 {
			p.partial = true
			i++
			continue
		}
		p.steps = append(p.steps, step{tier: i, through: last, newest: many, way: p.tiers[last].way})
		i = last + 1
	}
}

// last is the last tier from one on that holds all between them and meets a condition; -1
// where there is none.
func (p *plan) last(from int, meets func(tier) bool) int {
	for i := len(p.tiers) - 1; i >= from; i-- {
		if meets(p.tiers[i]) && (p.tiers[i].holds <= from || i == from) {
			return i
		}
	}
	return -1
}

// add plans a tier, unless it is the one before once more.
func (p *plan) add(condition searchtext.Condition, stats *statistics) (added bool) {
	t := tier{condition: condition.Query}
	if n := len(p.tiers); n > 0 {
		before := p.tiers[n-1]
		if t.condition == before.condition {
			return false
		}
		t.better = before.condition
		if before.holds > 0 {
			t.better = either(before.condition, before.better)
		}
	}
	t.needs = rarestFirst(condition.Needs, stats)
	t.way = throughIndex(t.needs, stats.books, condition.Query)
	if condition.Beginning.Text != "" {
		direct := throughIndex([]need{beginning(condition.Beginning, t.needs)}, stats.books, condition.Query)
		if direct.cost < t.way.cost {
			t.way = direct
		}
	}
	t.few = t.way.cost+t.way.books*rankCost <= fewCost && t.way.books <= fewBooks && t.way.most <= fewCorrelated
	p.tiers = append(p.tiers, t)
	return true
}

// blocks are steps in which so many books of a tier may be found, and that are much
// cheaper than to look for them among all books. Blocks are not asked for what needs
// collecting, which costs the same for a block as for all.
func blocks(number int, t tier, books float64, wanted int) []step {
	direct := slices.DeleteFunc(slices.Clone(t.needs), func(n need) bool { return n.collect })
	var steps []step
	var largest *step
	for _, bits := range searchtext.BlockBits {
		newest := 1.5 * float64(int(1)<<bits) // of two blocks, one is full
		w := cheapest(direct, newest, t.condition)
		if newest > books/4 || w.cost > min(longCost, t.way.cost/2) {
			break
		}
		largest = &step{tier: number, through: -1, bits: bits, newest: true, way: w}
		if share := newest / books; share*min(t.way.most, luck*t.way.books) >= float64(wanted) {
			steps = append(steps, *largest)
		}
	}
	if len(steps) == 0 && largest != nil && t.way.cost > longCost {
		steps = append(steps, *largest)
	}
	return steps
}
