package query_test

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"bookstore/internal/query"
	"bookstore/internal/searchtext"
)

// shelf is a catalogue that is searched the simple way: every book is looked at, in
// words and without lexemes, statistics and steps.
type shelf []shelved

type shelved struct {
	id                                int64
	title, short, author, description []string // words; short is without the series in brackets, nil where there is none
	opened, served                    int      // times
	rawTitle, rawAuthor               string
}

// put puts a book with some popularity on the shelf.
func (s *shelf) put(id int64, title, author, description string, opened, served int) {
	b := shelved{
		id: id, title: searchtext.Words(title), author: searchtext.Words(author), description: searchtext.Words(description),
		opened: opened, served: served, rawTitle: title, rawAuthor: author,
	}
	if before, _, bracketed := strings.Cut(title, " ("); bracketed {
		b.short = searchtext.Words(before)
	}
	*s = append(*s, b)
}

// condition is what makes a tier.
type condition func(shelved) bool

// tiersOf are the tiers of a query and of wider readings of it, the best first.
func tiersOf(readings []searchtext.Query) []condition {
	q := readings[0]
	words, open := []string{}, false
	narrowed := true // every clause is in a field
	for _, c := range q {
		if c.Field != searchtext.Author {
			words, open = append(words, c.Words...), c.Prefix
		}
		narrowed = narrowed && c.Field != searchtext.Anywhere
	}
	asked := strings.Join(words, " ")
	titled := func(meets func(title string) bool) condition {
		return func(b shelved) bool {
			for _, c := range q {
				if c.Field == searchtext.Author && !has(c, b.author) {
					return false
				}
			}
			return meets(strings.Join(b.title, " ")) || b.short != nil && meets(strings.Join(b.short, " "))
		}
	}
	within := func(q searchtext.Query, fields func(shelved) [][]string) condition {
		return func(b shelved) bool {
			for _, c := range q {
				in := fields(b)
				switch c.Field {
				case searchtext.Anywhere:
				case searchtext.Title:
					in = [][]string{b.title}
				case searchtext.Author:
					in = [][]string{b.author}
				}
				if !slices.ContainsFunc(in, func(field []string) bool { return has(c, field) }) {
					return false
				}
			}
			return true
		}
	}

	var tiers []condition
	if len(words) > 0 {
		tiers = append(tiers,
			titled(func(title string) bool { return title == asked }),
			titled(func(title string) bool {
				return strings.HasPrefix(title, asked+" ") || open && strings.HasPrefix(title, asked)
			}))
	}
	tiers = append(tiers, within(q, func(b shelved) [][]string { return [][]string{b.title} }))
	if !narrowed {
		tiers = append(tiers,
			within(q, func(b shelved) [][]string { return [][]string{b.title, b.author} }),
			within(q, func(b shelved) [][]string { return [][]string{b.title, b.author, b.description} }))
	}
	for _, wider := range readings[1:] {
		tiers = append(tiers, within(wider, func(b shelved) [][]string { return [][]string{b.title} }))
		if !narrowed {
			tiers = append(tiers, within(wider, func(b shelved) [][]string { return [][]string{b.title, b.author} }))
		}
	}
	return tiers
}

// has says whether a clause's words stand one behind the other in a field.
func has(c searchtext.Clause, field []string) bool {
	last := len(c.Words) - 1
	for at := 0; at+last < len(field); at++ {
		if !slices.Equal(c.Words[:last], field[at:at+last]) {
			continue
		}
		end := field[at+last]
		if end == c.Words[last] || c.Prefix && strings.HasPrefix(end, c.Words[last]) || slices.Contains(c.Also, end) {
			return true
		}
	}
	return false
}

// ranked is a book that was found, and its tier from 1.
type ranked struct {
	shelved
	tier int
}

func (s shelf) matches(readings []searchtext.Query) []ranked {
	var found []ranked
	tiers := tiersOf(readings)
	for _, b := range s {
		if tier := slices.IndexFunc(tiers, func(meets condition) bool { return meets(b) }); tier >= 0 {
			found = append(found, ranked{b, tier + 1})
		}
	}
	return found
}

func byTier(a, b ranked) int { return cmp.Compare(a.tier, b.tier) }

func byPopularity(a, b ranked) int {
	return cmp.Or(cmp.Compare(level(b.opened), level(a.opened)), cmp.Compare(level(b.served), level(a.served)), byAge(a, b))
}

func level(times int) int { return bits.Len(uint(times)) }

func byAge(a, b ranked) int { return cmp.Compare(b.id, a.id) }

// search returns the ids of all books that match, the best first.
func (s shelf) search(readings ...searchtext.Query) []int64 {
	found := s.matches(readings)
	slices.SortFunc(found, func(a, b ranked) int { return cmp.Or(byTier(a, b), byPopularity(a, b)) })
	return idsOf(found)
}

// searchBy does the same in the order of a plan.
func (s shelf) searchBy(readings []searchtext.Query, planned query.Planned) []ranked {
	left := s.matches(readings)
	var found []ranked
	take := func(order func(a, b ranked) int, which func(ranked) bool) {
		var taken, rest []ranked
		for _, b := range left {
			if which(b) {
				taken = append(taken, b)
			} else {
				rest = append(rest, b)
			}
		}
		slices.SortFunc(taken, order)
		found, left = append(found, taken...), rest
	}
	var highest int64
	for _, b := range s {
		highest = max(highest, b.id)
	}
	for _, step := range planned.Steps {
		if step.Newest {
			take(byPopularity, func(b ranked) bool { return b.tier == step.Tier && b.opened+b.served > 0 })
		}
		if step.Through > 0 {
			take(byAge, func(b ranked) bool { return step.Newest && b.tier == step.Tier })
			take(func(a, b ranked) int { return cmp.Or(byTier(a, b), byPopularity(a, b)) },
				func(b ranked) bool { return b.tier >= step.Tier && b.tier <= step.Through })
			continue
		}
		take(byAge, func(b ranked) bool { return b.tier == step.Tier && b.id>>step.Bits >= highest>>step.Bits-1 })
	}
	return found
}

func idsOf(books []ranked) []int64 {
	ids := make([]int64, len(books))
	for i, b := range books {
		ids[i] = b.id
	}
	return ids
}

// String is what a failed test shows.
func (s shelf) String() string {
	var all strings.Builder
	for _, b := range s {
		fmt.Fprintf(&all, "%d: %q by %q, %v, opened %d times, served %d times\n", b.id, b.rawTitle, b.rawAuthor, b.description, b.opened, b.served)
	}
	return all.String()
}
