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
	shared    []uuid.UUID // queries, each of the other reader's
	interests []interest  // the latest
}

// candidate is a book that may be recommended.
type candidate struct {
	book  int64
	score float64 // above 0
	why   *cause
}

// cause is why books are recommended.
type cause struct {
	reason string
	query  uuid.UUID // where the reader searched for it themselves
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

// similarity is how much of a reader's interests a neighbour shares, by their weights: from
// 0 to 1.
func (n neighbour) similarity(own []interest, now time.Time) float64 {
	var all, shared float64
	for _, i := range own {
		weight := i.weight(now)
		all += weight
		if slices.Contains(n.shared, i.query) {
			shared += weight
		}
	}
	return shared / all
}

// scores adds up what books get.
type scores struct {
	at  map[int64]int // where in all a book is
	all []candidate
}

func newScores(interests int) *scores {
	const booksEach = 10 // at most, of an interest
	return &scores{at: make(map[int64]int, booksEach*interests), all: make([]candidate, 0, booksEach*interests)}
}

// add gives books their parts of a weight. What gives a book something first is its cause.
func (s *scores) add(books []int64, weight float64, why *cause) {
	for place, book := range books {
		if slices.Index(books, book) < place {
			continue // a publisher may list a book twice
		}
		i, there := s.at[book]
		if !there {
			i = len(s.all)
			s.at[book] = i
			s.all = append(s.all, candidate{book: book, why: why})
		}
		s.all[i].score += weight * discount(place)
	}
}

// bestFirst ends the adding.
func (s *scores) bestFirst() []candidate {
	sortCandidates(s.all)
	return s.all
}

// scoreBooks scores the books that a reader and those alike were served, the best first.
// A book that both have is there for the reader's own sake: that they searched for it
// themselves says more to them. Of their queries it names the one that weighs most.
func scoreBooks(own []interest, alike []neighbour, now time.Time) []candidate {
	s := newScores(len(own) + len(alike)*neighboursOwn)
	weightiest := slices.Clone(own)
	slices.SortStableFunc(weightiest, func(a, b interest) int { return cmp.Compare(b.weight(now), a.weight(now)) })
	for _, i := range weightiest {
		s.add(i.books, i.weight(now), &cause{reason: reasonSearches, query: i.query})
	}
	similarities := make([]float64, len(alike))
	var sum float64
	for n := range alike {
		similarities[n] = alike[n].similarity(own, now)
		sum += similarities[n]
	}
	ofReaders := &cause{reason: reasonReaders}
	for n := range alike {
		if similarities[n] == 0 {
			continue // their sum may be 0 as well
		}
		share := alikeShare * similarities[n] / sum
		for _, i := range alike[n].interests {
			s.add(i.books, share*i.weight(now), ofReaders)
		}
	}
	return s.bestFirst()
}

// scoreTrending scores the books of the queries of a ranking, the best first: those at the
// top of what the first queries found.
func scoreTrending(queries []rankedQuery) []candidate {
	s := newScores(len(queries))
	for place, ranked := range queries {
		s.add(ranked.books, discount(place), &cause{reason: reasonTrends, form: ranked.query})
	}
	return s.bestFirst()
}

// sortCandidates puts the best first; of those alike the newest, as a search does.
func sortCandidates(all []candidate) {
	slices.SortFunc(all, func(a, b candidate) int {
		if a.score != b.score {
			return cmp.Compare(b.score, a.score)
		}
		return cmp.Compare(b.book, a.book)
	})
}
