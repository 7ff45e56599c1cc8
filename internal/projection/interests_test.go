package projection_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

// See TestTrendsDoNotDependOnTheOrder.
func TestInterestsDoNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	pool := database(t)
	random := rand.New(rand.NewPCG(9, 10))
	log := slices.Concat(randomSearches(t, random, 3, 60)...)
	want := interestsOf(t, log)
	for generation := range int64(10) {
		create(t, pool, projection.Interests{}, generation)
		for _, batch := range shuffledBatches(random, log) {
			require.NoError(t, apply(pool, projection.Interests{}, generation, batch))
		}
		require.Equal(t, want, interestsIn(t, pool, generation))
	}
}

// Who turns pages does not search anew, and of who is not known nothing is kept.
func TestInterestsAreFirstPagesOfReadersWhoAreKnown(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Interests{}, 1)
	for offset, step := range []struct {
		search events.SearchServed
		books  []int64
		want   []interest
	}{
		{events.SearchServed{Query: "whale"}, []int64{1}, []interest{}},
		{events.SearchServed{Query: "whale", UserID: "ada", Offset: 5}, []int64{2}, []interest{}},
		{events.SearchServed{Query: " % ", UserID: "ada"}, []int64{3}, []interest{}},
		{
			events.SearchServed{Query: "whale", UserID: "ada"}, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1},
			[]interest{{searchkey.Reader("ada"), key(t, "whale"), 1, dayOne, 7, 3, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3}}},
		},
		{
			events.SearchServed{Query: "Whale!", UserID: "ada", At: dayOne.Add(time.Second)}, nil, // newer, and nothing was found
			[]interest{{searchkey.Reader("ada"), key(t, "whale"), 2, dayOne.Add(time.Second), 7, 4, []int64{}}},
		},
		{
			events.SearchServed{Query: "WHALE", UserID: "ada"}, []int64{1}, // older
			[]interest{{searchkey.Reader("ada"), key(t, "whale"), 3, dayOne.Add(time.Second), 7, 4, []int64{}}},
		},
	} {
		r := searchRecord(t, 7, int64(offset), step.search, step.books...)
		require.NoError(t, apply(pool, projection.Interests{}, 1, []events.Record{r}))
		require.Equal(t, step.want, interestsIn(t, pool, 1), "after record %d", offset)
	}
}

// Of texts interests keep only keys: what trends can't keep of a query is no fault here.
func TestInterestsTakeAnyText(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Interests{}, 1)
	log := []events.Record{
		searchRecord(t, 0, 0, events.SearchServed{Query: "whale\x00", UserID: "a\x00da"}, 1),
		searchRecord(t, 0, 1, events.SearchServed{Query: "whale \xff", UserID: "\xff"}, math.MaxInt64, math.MinInt64),
		searchRecord(t, math.MaxInt32, math.MaxInt64, events.SearchServed{Query: strings.Repeat("whale ", 50_000), UserID: strings.Repeat("ada", 50_000)}),
	}
	require.NoError(t, apply(pool, projection.Interests{}, 1, log))
	require.Equal(t, interestsOf(t, log), interestsIn(t, pool, 1))
}

// See TestQueriesSeeTheActiveTrends.
func TestQueriesSeeTheActiveInterests(t *testing.T) {
	t.Parallel()
	pool := database(t)
	r := searchRecord(t, 3, 4, events.SearchServed{Query: "whale", UserID: "ada"}, 7, 8)
	for generation := range int64(2) {
		_, err := projection.Install(t.Context(), pool, projection.Interests{})
		require.NoError(t, err)
		var active int64
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT generation FROM interests_generation`).Scan(&active))
		require.Equal(t, generation+1, active, "also while there is nothing")
		for range active {
			require.NoError(t, apply(pool, projection.Interests{}, active, []events.Record{r}))
		}
		var row string
		require.NoError(t, pool.QueryRow(t.Context(), `
			SELECT row(generation, reader, query, times, last_at AT TIME ZONE 'UTC', last_partition, last_offset, books)::text
			FROM interests_searches`).Scan(&row))
		require.Equal(t, fmt.Sprintf(`(%d,%s,%s,%d,"2024-04-10 07:01:51.123456",3,4,"{7,8}")`,
			active, searchkey.Reader("ada"), key(t, "whale"), active), row)
		_, err = pool.Exec(t.Context(), `UPDATE generations SET state = 'retired'`)
		require.NoError(t, err)
	}
}

func BenchmarkInterests(b *testing.B) { benchmarkSearches(b, projection.Interests{}) }
