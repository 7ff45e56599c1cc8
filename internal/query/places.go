package query

import (
	"math"
	"slices"

	"github.com/google/uuid"
)

// shortlist is what may be recommended to a reader, in three lists of different books,
// the best of each first.
type shortlist struct {
	others   []candidate // the reader's own and those of readers alike
	shown    []candidate // that the reader's latest search has just shown
	trending []candidate
}

// newShortlist divides what is scored. It keeps twice as many as there are places: some may
// have been deleted meanwhile.
func newShortlist(scored []candidate, latest []int64, limit int) shortlist {
	var l shortlist
	for _, c := range scored {
		if slices.Contains(latest, c.book) {
			l.shown = append(l.shown, c)
		} else if len(l.others) < 2*limit {
			l.others = append(l.others, c)
		}
	}
	return l
}

// full says whether all places can be filled without trending books.
func (l shortlist) full(limit int) bool { return len(l.others) >= 2*limit }

// withTrending adds trending books that are not in another list.
func (l shortlist) withTrending(trending []candidate, limit int) shortlist {
	l.trending = nil
	for _, c := range trending {
		same := func(other candidate) bool { return other.book == c.book }
		if len(l.trending) < 2*limit && !slices.ContainsFunc(l.others, same) && !slices.ContainsFunc(l.shown, same) {
			l.trending = append(l.trending, c)
		}
	}
	return l
}

// books are the ids of all.
func (l shortlist) books() []int64 {
	var ids []int64
	for _, list := range [][]candidate{l.others, l.shown, l.trending} {
		for _, c := range list {
			ids = append(ids, c.book)
		}
	}
	return ids
}

// queries are those of the reader's own searches, each once.
func (l shortlist) queries() []uuid.UUID {
	queries := []uuid.UUID{}
	for _, list := range [][]candidate{l.others, l.shown} {
		for _, c := range list {
			if c.why.reason == reasonSearches && !slices.Contains(queries, c.why.query) {
				queries = append(queries, c.why.query)
			}
		}
	}
	return queries
}

// among is the shortlist without books that are no more.
func (l shortlist) among(exists func(book int64) bool) shortlist {
	keep := func(list []candidate) []candidate {
		return slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return !exists(c.book) })
	}
	return shortlist{keep(l.others), keep(l.shown), keep(l.trending)}
}

// fill gives the places to the best. What the reader has just been shown gets half of them,
// rounded up, and more only where all else leaves some free.
func (l shortlist) fill(limit int) []candidate {
	half := min((limit+1)/2, len(l.shown))
	places := slices.Concat(l.others, l.shown[:half])
	sortCandidates(places)
	places = places[:min(len(places), limit)]
	for _, rest := range [][]candidate{l.trending, l.shown[half:]} {
		rest = rest[:min(len(rest), limit-len(places))]
		places = append(places, below(places, rest)...)
	}
	settle(places)
	return places
}

// below lowers scores of the second list so that none reaches the last of the first.
func below(above, list []candidate) []candidate {
	if len(above) == 0 || len(list) == 0 {
		return list
	}
	lowered := slices.Clone(list)
	factor := min(1, 0.9*above[len(above)-1].score/list[0].score)
	for i := range lowered {
		lowered[i].score *= factor
	}
	return lowered
}

// settle rounds scores to four decimals so that each is above 0 and above the next: whoever
// sorts by them again gets the same order.
func settle(places []candidate) {
	const decimals = 10_000
	next := 0.0
	for i := len(places) - 1; i >= 0; i-- {
		next = max(math.Round(places[i].score*decimals), next+1)
		places[i].score = next / decimals
	}
}
