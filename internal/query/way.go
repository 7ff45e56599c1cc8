package query

import (
	"cmp"
	"slices"
	"strings"

	"bookstore/internal/searchtext"
)

// way is how books that may meet a condition are found.
type way struct {
	driver string  // what the index is asked for, as a tsquery; "" for nothing
	exact  bool    // that is the condition
	cost   float64 // in microseconds
	books  float64 // that are found, if it is by chance that words are together
	most   float64 // that can be found
}

// What that costs, in microseconds, as measured on one machine: only the ratios matter.
const (
	lookCost    = 2.5  // to look at a book
	rankCost    = 2.5  // to rank one
	passCost    = 0.12 // to pass an entry of the index's shortest list, for each further list
	collectCost = 0.45 // to collect an entry of one that begins as a word does
)

// strangeShare is how much rarer than others a word is that is in no title.
const strangeShare = 0.02

// need is one of the lists of lexemes that a book must have one of.
type need struct {
	query   string
	share   float64 // of the books that have one, at most
	collect bool    // lexemes that begin so have to be collected first
}

func rarestFirst(of []searchtext.Need, stats *statistics) []need {
	needs := make([]need, len(of))
	for i, n := range of {
		needs[i] = cheaper(n, stats)
	}
	slices.SortStableFunc(needs, func(a, b need) int { return cmp.Compare(a.share, b.share) })
	return needs
}

// beginning is the need that says as much as all others together.
func beginning(of searchtext.Lexeme, all []need) need {
	n := need{query: of.Query(), share: 1, collect: true}
	for _, other := range all {
		n.share *= other.share
	}
	return n
}

// cheaper asks for beginnings of words only where those are few entries of the index.
func cheaper(n searchtext.Need, stats *statistics) need {
	begins := need{
		query: searchtext.AnyOf(n.Lexemes), share: stats.any(n.Lexemes),
		collect: slices.ContainsFunc(n.Lexemes, func(l searchtext.Lexeme) bool { return l.Prefix }),
	}
	if n.Strange {
		begins.share = min(1, stats.any(n.Lexemes[1:])+strangeShare*stats.share(n.Lexemes[0]))
	}
	if len(n.Completed) == 0 {
		return begins
	}
	return need{query: searchtext.AnyOf(n.Completed), share: stats.any(n.Completed)}
}

// throughIndex is the cheapest way that asks the index for something. That need not be
// cheaper than to look at all books, as where nothing is known of them or all of them
// have a word; but no step finds any without.
func throughIndex(needs []need, books float64, condition string) way {
	w := cheapest(needs, books, condition)
	if w.driver != "" {
		return w
	}
	n := needs[0]
	if n.collect {
		w.cost += books * n.share * collectCost
	}
	w.driver, w.exact = n.query, n.query == condition
	return w
}

// cheapest asks the index for as many of the needs as make it cheaper: each makes for
// fewer books to look at and for more entries to pass.
func cheapest(needs []need, books float64, condition string) way {
	w := way{books: books, most: books, cost: books * lookCost}
	var asked []string
	for _, n := range needs {
		next := w
		next.books = w.books * n.share
		next.most = min(w.most, books*n.share)
		next.cost -= (w.books - next.books) * lookCost
		if len(asked) > 0 {
			next.cost += w.most * passCost
		}
		if n.collect {
			next.cost += books * n.share * collectCost
		}
		if next.cost < w.cost {
			asked = append(asked, n.query)
			w = next
		}
	}
	w.driver = strings.Join(asked, " & ")
	w.exact = w.driver == condition
	return w
}
