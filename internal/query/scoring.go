package query

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Recommendations are scored here, by rows and a time alone: nothing is read, and the
// same rows give the same scores in the same order.

// interest is a query that a reader searches for, and what it found for them.
type interest struct {
	query uuid.UUID
	times int64 // at least 1
	last  time.Time
	books []int64 // found the last time, the first ones; may be empty
}

// neighbour is another reader who searches for the same.
type neighbour struct {
	reader     uuid.UUID
	similarity float64    // above 0, up to 1
	interests  []interest // the latest
}

// candidate is a book that may be recommended.
type candidate struct {
	book   int64
	score  float64 // above 0
	reason string
	query  uuid.UUID // that led to it, where the reader searched for it
	form   string    // of the query, where it is known already
}

const (
	halfLife = 7 * 24 * time.Hour // of an interest
	// oldestInterest is where interests stop to fade: far beyond it weights would be
	// too small for a number, and divisions by their sum without a meaning.
	oldestInterest = 100 * halfLife
	// mostInsistence is what searching again and again can add to an interest: eight
	// times weigh as much as any number.
	mostInsistence = 4
	// alikeShare is what a book of readers alike can get, of what one's own can.
	alikeShare = 0.8
	neighbours = 12 // whose interests count
)

// weight is how much of an interest is left: half of it each week, and more of what was
// searched for often.
func (i interest) weight(now time.Time) float64 {
	age := min(max(now.Sub(i.last), 0), oldestInterest)
	insistence := min(1+math.Log2(float64(max(i.times, 1))), mostInsistence)
	return math.Exp2(-float64(age)/float64(halfLife)) * insistence
}

// discount is what a place in a list, from 0, makes a book count: 1, 0.63, 0.5, 0.43...
func discount(place int) float64 { return 1 / math.Log2(float64(place+2)) }

// eachBook visits the books of an interest with what they get of its weight.
func (i interest) eachBook(weight float64, visit func(book int64, score float64)) {
	for place, book := range i.books {
		if slices.Index(i.books, book) == place { // a publisher may list one twice
			visit(book, weight*discount(place))
		}
	}
}

// nearestReaders are the readers who share most of one's interests, by their weights. alike
// are the readers that search for the same as each of the own interests.
func nearestReaders(own []interest, alike [][]uuid.UUID, now time.Time) []neighbour {
	var total float64
	for _, i := range own {
		total += i.weight(now)
	}
	at := make(map[uuid.UUID]int)
	var found []neighbour
	for n, readers := range alike {
		for _, reader := range readers {
			i, there := at[reader]
			if !there {
				i = len(found)
				at[reader] = i
				found = append(found, neighbour{reader: reader})
			}
			found[i].similarity += own[n].weight(now) / total
		}
	}
	slices.SortFunc(found, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(b.similarity, a.similarity), slices.Compare(a.reader[:], b.reader[:]))
	})
	return found[:min(len(found), neighbours)]
}

// scoreBooks scores the books that a reader and those alike were served, the best first.
// A book that both have is there for the reader's own sake: that they searched for it
// themselves says more to them.
func scoreBooks(own []interest, alike []neighbour, now time.Time) []candidate {
	at := make(map[int64]int)
	var scored []candidate
	add := func(book int64, score float64, reason string, query uuid.UUID) {
		i, there := at[book]
		if !there {
			at[book] = len(scored)
			scored = append(scored, candidate{book: book, score: score, reason: reason, query: query})
			return
		}
		scored[i].score += score
	}
	// The interests that give most come first, so that a book names the query which has
	// most to do with it.
	mostFirst := slices.Clone(own)
	slices.SortStableFunc(mostFirst, func(a, b interest) int { return cmp.Compare(b.weight(now), a.weight(now)) })
	for _, i := range mostFirst {
		i.eachBook(i.weight(now), func(book int64, score float64) { add(book, score, reasonSearches, i.query) })
	}
	var similarities float64
	for _, n := range alike {
		similarities += n.similarity
	}
	for _, n := range alike {
		for _, i := range n.interests {
			share := alikeShare * n.similarity / similarities
			i.eachBook(i.weight(now)*share, func(book int64, score float64) { add(book, score, reasonReaders, uuid.Nil) })
		}
	}
	sortCandidates(scored)
	return scored
}

// scoreTrending scores the books of a ranking, the best first: those at the top of what
// the first queries found.
func scoreTrending(r *ranking) []candidate {
	at := make(map[int64]int)
	var scored []candidate
	for place, ranked := range r.queries {
		interest{books: ranked.books}.eachBook(discount(place), func(book int64, score float64) {
			i, there := at[book]
			if !there {
				i = len(scored)
				at[book] = i
				scored = append(scored, candidate{book: book, reason: reasonTrends, form: ranked.query})
			}
			scored[i].score += score
		})
	}
	sortCandidates(scored)
	return scored
}

// sortCandidates puts the best first; of those alike the newest, as a search does.
func sortCandidates(all []candidate) {
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.book, a.book))
	})
}
