package projection_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/searchkey"
)

// interest is a row of interests, as it is or as it is to be.
type interest struct {
	Reader, Query uuid.UUID
	Times         int64
	LastAt        time.Time
	LastPartition int32
	LastOffset    int64
	Books         []int64
}

// interestsIn are the rows of a generation.
func interestsIn(t require.TestingT, pool *pgxpool.Pool, generation int64) []interest {
	found := rowsOf[interest](t, pool, projection.TableName("interests_searches", generation),
		`reader, query, times, last_at, last_partition, last_offset, books`)
	for i := range found {
		found[i].LastAt = found[i].LastAt.UTC()
	}
	byText(found)
	return found
}

// interestsOf is what the rows are to be after a log, see trendsOf.
func interestsOf(t require.TestingT, log ...[]events.Record) []interest {
	var counted []search
	for _, s := range searchesOf(t, log...) {
		if s.UserID != "" && s.Offset == 0 {
			counted = append(counted, s)
		}
	}
	want := []interest{}
	for key, searches := range groups(counted, func(s search) [2]uuid.UUID { return [2]uuid.UUID{searchkey.Reader(s.UserID), s.query} }) {
		last := searches[len(searches)-1]
		want = append(want, interest{
			key[0], key[1], int64(len(searches)), last.At, last.at.Partition, last.at.Offset, last.books[:min(10, len(last.books))],
		})
	}
	byText(want)
	return want
}

// Two processes and all their lanes count the same few readers and queries at the same
// time, in two generations; see TestTrendsAreWhatTheLogSays.
func TestInterestsAreWhatTheLogSays(t *testing.T) {
	t.Parallel()
	pool := database(t)
	twoGenerations(t, pool, projection.Interests{})
	log := randomSearches(t, rand.New(rand.NewPCG(3, 4)), 8, 500)
	feedByTwo(t, pool, projection.Interests{}, log)
	want := interestsOf(t, log...)
	require.Equal(t, want, interestsIn(t, pool, 1))
	require.Equal(t, want, interestsIn(t, pool, 2))
}

func BenchmarkInterests(b *testing.B) { benchmarkSearches(b, projection.Interests{}) }
