package projection_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/searchkey"
)

// What the tables of trends hold, as they are or as they are to be.
type (
	trendsTables struct {
		Queries []trendsQuery
		Readers []trendsReader
		Slots   []trendsSlot
		Forms   []trendsForm
	}
	trendsQuery struct {
		Query                        uuid.UUID
		Searches, Anonymous, Readers int64
		FirstAt                      time.Time
		Books                        []int64
		BooksAt                      *time.Time
		BooksPartition               *int32
		BooksOffset                  *int64
	}
	trendsReader struct {
		Query, Reader uuid.UUID
		Searches      int64
		LastAt        time.Time
	}
	trendsSlot struct {
		Slot                time.Time
		Query               uuid.UUID
		Searches, Anonymous int64
	}
	trendsForm struct {
		Query    uuid.UUID
		Form     string
		Searches int64
	}
)

// trendsIn are the tables of a generation.
func trendsIn(t require.TestingT, pool *pgxpool.Pool, generation int64) trendsTables {
	table := func(name string) string { return projection.TableName(name, generation) }
	found := trendsTables{
		rowsOf[trendsQuery](t, pool, table("trends_queries"), `query, searches, anonymous, readers, first_at, books, books_at, books_partition, books_offset`),
		rowsOf[trendsReader](t, pool, table("trends_readers"), `query, reader, searches, last_at`),
		rowsOf[trendsSlot](t, pool, table("trends_slots"), `slot, query, searches, anonymous`),
		rowsOf[trendsForm](t, pool, table("trends_forms"), `query, form, searches`),
	}
	return found.tidy()
}

// tidy puts rows in order and times into UTC.
func (t trendsTables) tidy() trendsTables {
	for i := range t.Queries {
		t.Queries[i].FirstAt = t.Queries[i].FirstAt.UTC()
		if at := t.Queries[i].BooksAt; at != nil {
			t.Queries[i].BooksAt = new(at.UTC())
		}
	}
	for i := range t.Readers {
		t.Readers[i].LastAt = t.Readers[i].LastAt.UTC()
	}
	for i := range t.Slots {
		t.Slots[i].Slot = t.Slots[i].Slot.UTC()
	}
	byText(t.Queries)
	byText(t.Readers)
	byText(t.Slots)
	byText(t.Forms)
	return t
}

// byText sorts rows: any order will do that is the same for both sides.
func byText[T any](rows []T) {
	slices.SortFunc(rows, func(a, b T) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// trendsOf is what the tables are to hold after a log: worked out row by row from all
// searches of the row, which is slow and hard to get wrong.
func trendsOf(t require.TestingT, log ...[]events.Record) trendsTables {
	all := searchesOf(t, log...)
	var want trendsTables
	for query, searches := range groups(all, func(s search) uuid.UUID { return s.query }) {
		row := trendsQuery{Query: query, Searches: int64(len(searches)), FirstAt: searches[0].At, Books: []int64{}}
		readers := groups(searches, func(s search) uuid.UUID { return searchkey.Reader(s.UserID) })
		row.Readers, row.Anonymous = int64(len(readers)), int64(len(readers[searchkey.Nobody]))
		for _, s := range searches { // the last one is the newest
			if s.Offset == 0 {
				row.Books, row.BooksAt, row.BooksPartition, row.BooksOffset = s.books, &s.At, &s.at.Partition, &s.at.Offset
			}
		}
		want.Queries = append(want.Queries, row)
		for reader, searches := range readers {
			want.Readers = append(want.Readers, trendsReader{query, reader, int64(len(searches)), searches[len(searches)-1].At})
		}
		for slot, searches := range groups(searches, func(s search) int64 { return s.At.Unix() / 300 }) {
			anonymous := groups(searches, func(s search) string { return s.UserID })[""]
			want.Slots = append(want.Slots, trendsSlot{time.Unix(300*slot, 0), query, int64(len(searches)), int64(len(anonymous))})
		}
		for form, searches := range groups(searches, func(s search) string { return searchkey.Form(s.Query) }) {
			want.Forms = append(want.Forms, trendsForm{query, form, int64(len(searches))})
		}
	}
	return want.tidy()
}

// Two processes and all their lanes count the same few queries and readers at the same
// time, in two generations: what comes of it is what a simple count of the log gives,
// and none waits for another in a circle.
func TestTrendsAreWhatTheLogSays(t *testing.T) {
	t.Parallel()
	pool := database(t)
	twoGenerations(t, pool, projection.Trends{})
	log := randomSearches(t, rand.New(rand.NewPCG(1, 2)), 8, 500)
	feedByTwo(t, pool, projection.Trends{}, log)
	want := trendsOf(t, log...)
	require.Equal(t, want, trendsIn(t, pool, 1))
	require.Equal(t, want, trendsIn(t, pool, 2))
}

func BenchmarkTrends(b *testing.B) { benchmarkSearches(b, projection.Trends{}) }
