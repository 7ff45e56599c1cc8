package insights

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"

	"bookstore/internal/events"
)

// searches makes searches, one after the other, and notes each one down.
//
// Not safe for use by several goroutines at once.
type searches struct {
	queries []asked
	random  *rand.Rand
	popular *rand.Zipf // of queries
	busy    *rand.Zipf // of readers
	noted   *counts
	bytes   int64 // of the values that were made
}

// The shape of Zipf's law for queries and readers: the first one has some two per cent
// of all, of a hundred thousand.
const zipfExponent, zipfOffset = 1.1, 10

func newSearches(queries []asked, readers int, seed uint64) *searches {
	random := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // G404: repeatable, not secret
	return &searches{
		queries: queries, random: random,
		popular: rand.NewZipf(random, zipfExponent, zipfOffset, uint64(len(queries)-1)),
		busy:    rand.NewZipf(random, zipfExponent, zipfOffset, uint64(readers-1)),
		noted:   newCounts(len(queries), readers),
	}
}

// userID is a reader as the service knows readers; the first ones search the most.
func userID(reader int) string { return fmt.Sprintf("reader-%06d", reader) }

// nobody is who is no reader that is known.
const nobody = -1

// Shares of searches: by nobody known, typed as most do, and of later pages.
const (
	byNobody  = 0.1
	asMostDo  = 0.6
	laterPage = 0.05
)

// next makes a search that was answered at a moment.
func (s *searches) next(at time.Time) (events.Encoded, error) {
	query, reader := int(s.popular.Uint64()), int(s.busy.Uint64())
	of := s.queries[query]
	search := events.SearchServed{
		ID: s.id(), At: at, Query: of.forms[0],
		PageSize: servedBooks, Books: of.served,
		Generation: 1, Position: "0:10000,1:10000,2:10000,3:10000,4:10000,5:10000,6:10000,7:10000,8:10000,9:10000,10:10000,11:10000",
		CorrelationID: "bench-" + strconv.FormatInt(s.noted.searches, 10),
	}
	if s.random.Float64() < byNobody {
		reader = nobody
	} else {
		search.UserID = userID(reader)
	}
	if s.random.Float64() >= asMostDo {
		search.Query = of.forms[s.random.IntN(len(of.forms))]
	}
	if s.random.Float64() < laterPage {
		search.Offset = servedBooks
	}
	encoded, err := events.EncodeSearch(search)
	if err != nil {
		return events.Encoded{}, err
	}
	s.noted.note(query, reader, search.Offset == 0)
	s.bytes += int64(len(encoded.Value))
	return encoded, nil
}

func (s *searches) id() string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(s.random.Uint32())
	}
	return id.String()
}
