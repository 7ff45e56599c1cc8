package projection_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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
		for slot, searches := range groups(searches, func(s search) time.Time { return s.At.Truncate(5 * time.Minute) }) {
			anonymous := groups(searches, func(s search) string { return s.UserID })[""]
			want.Slots = append(want.Slots, trendsSlot{slot, query, int64(len(searches)), int64(len(anonymous))})
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
	random := rand.New(rand.NewPCG(1, 2))
	for name, log := range map[string][][]events.Record{
		"few readers": randomSearches(t, random, 8, 500),
		// Batches meet at queries then, without having waited for each other at a reader.
		"as many readers as searches": withReaders(randomSearches(t, random, 8, 500)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			twoGenerations(t, pool, projection.Trends{})
			feedByTwo(t, pool, projection.Trends{}, log)
			want := trendsOf(t, log...)
			require.Equal(t, want, trendsIn(t, pool, 1))
			require.Equal(t, want, trendsIn(t, pool, 2))
		})
	}
}

// withReaders gives each search of a log a reader of its own.
func withReaders(log [][]events.Record) [][]events.Record {
	for _, records := range log {
		for i, r := range records {
			reader := events.Header{Key: events.HeaderUserID, Value: r.Position().String()}
			records[i].Headers = append([]events.Header{reader}, r.Headers...) // the first one counts
		}
	}
	return log
}

// In whatever order partitions and batches come, and however they are cut: the rows are
// the same. So the newest page is the same one too, among searches of the same moment
// in several partitions.
func TestTrendsDoNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	pool := database(t)
	random := rand.New(rand.NewPCG(5, 6))
	log := slices.Concat(randomSearches(t, random, 3, 60)...)
	want := trendsOf(t, log)
	for generation := range int64(10) {
		create(t, pool, projection.Trends{}, generation)
		for _, batch := range shuffledBatches(random, log) {
			require.NoError(t, apply(pool, projection.Trends{}, generation, batch))
		}
		require.Equal(t, want, trendsIn(t, pool, generation))
	}
}

// onlyQuery is the row of the only query that there is.
func onlyQuery(t require.TestingT, pool *pgxpool.Pool, generation int64) trendsQuery {
	queries := trendsIn(t, pool, generation).Queries
	require.Len(t, queries, 1)
	return queries[0]
}

func TestWhoSearchesInALoopIsOneReader(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Trends{}, 1)
	offset := int64(0)
	search := func(uid string, times int) {
		var batch []events.Record
		for range times {
			batch = append(batch, searchRecord(t, 0, offset, events.SearchServed{Query: "whale", UserID: uid}))
			offset++
		}
		require.NoError(t, apply(pool, projection.Trends{}, 1, batch))
	}
	search("ada", 1000)
	search("ada", 1000)
	q := onlyQuery(t, pool, 1)
	require.Equal(t, []int64{2000, 0, 1}, []int64{q.Searches, q.Anonymous, q.Readers})
	search("bob", 1)
	search("ada", 1)
	q = onlyQuery(t, pool, 1)
	require.Equal(t, []int64{2002, 0, 2}, []int64{q.Searches, q.Anonymous, q.Readers})
	search("", 500) // whoever they are
	search("", 500)
	q = onlyQuery(t, pool, 1)
	require.Equal(t, []int64{3002, 1000, 3}, []int64{q.Searches, q.Anonymous, q.Readers})
}

// Two batches have the same new reader of the same query: who is second waits for the
// first, and counts the reader only if that one was undone.
func TestAReaderIsCountedOnceByBatchesThatMeet(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(pgx.Tx, context.Context) error
		want []int64 // searches, readers
	}{
		"the first is committed": {pgx.Tx.Commit, []int64{2, 1}},
		"the first is undone":    {pgx.Tx.Rollback, []int64{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			create(t, pool, projection.Trends{}, 1)
			batch := func(partition int32) []events.Record {
				return []events.Record{searchRecord(t, partition, 0, events.SearchServed{Query: "whale", UserID: "ada"})}
			}
			first, err := pool.Begin(t.Context())
			require.NoError(t, err)
			defer func() { _ = first.Rollback(context.WithoutCancel(t.Context())) }()
			writes, err := projection.Trends{}.Apply(t.Context(), pool, 1, batch(0))
			require.NoError(t, err)
			require.NoError(t, first.SendBatch(t.Context(), writes).Close())

			second := make(chan error, 1)
			go func() { second <- apply(pool, projection.Trends{}, 1, batch(1)) }()
			waitBlockedBy(t, pool, first.Conn().PgConn().PID())
			require.NoError(t, tc.end(first, t.Context()))
			require.NoError(t, await(t, second, "the second batch"))
			q := onlyQuery(t, pool, 1)
			require.Equal(t, tc.want, []int64{q.Searches, q.Readers})
		})
	}
}

// The books are those of the newest first page: later pages, and what was served before,
// change nothing, also if they come later.
func TestTheBooksOfAQueryAreItsNewestFirstPage(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Trends{}, 1)
	later := dayOne.Add(time.Second)
	for _, step := range []struct {
		name      string
		partition int32
		offset    int64
		search    events.SearchServed
		books     []int64
		want      []int64
	}{
		{"a later page alone", 1, 10, events.SearchServed{At: later, Offset: 5}, []int64{1}, []int64{}},
		{"the first first page", 1, 11, events.SearchServed{At: dayOne}, []int64{2, 3}, []int64{2, 3}},
		{"an older one", 2, 0, events.SearchServed{At: dayOne.Add(-time.Second)}, []int64{4}, []int64{2, 3}},
		{"at the same time, before it in its partition", 1, 9, events.SearchServed{At: dayOne}, []int64{5}, []int64{2, 3}},
		{"at the same time, in a partition before it", 0, 99, events.SearchServed{At: dayOne}, []int64{6}, []int64{2, 3}},
		{"at the same time, behind it in its partition", 1, 12, events.SearchServed{At: dayOne}, []int64{7}, []int64{7}},
		{"at the same time, in a partition behind it", 2, 1, events.SearchServed{At: dayOne}, []int64{8}, []int64{8}},
		{"a newer one of nothing", 0, 100, events.SearchServed{At: later}, nil, []int64{}},
		{"a later page that is newer", 0, 101, events.SearchServed{At: later.Add(time.Hour), Offset: 5}, []int64{9}, []int64{}},
	} {
		step.search.Query = "whale"
		r := searchRecord(t, step.partition, step.offset, step.search, step.books...)
		require.NoError(t, apply(pool, projection.Trends{}, 1, []events.Record{r}))
		require.Equal(t, step.want, onlyQuery(t, pool, 1).Books, step.name)
	}
}

// What others write into the topic may be as long as it likes, and of any time.
func TestTrendsHoldWhatIsHuge(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Trends{}, 1)
	random := rand.New(rand.NewPCG(7, 8))
	long := make([]rune, 100_000) // of four bytes each, and nothing that could be compressed
	for i := range long {
		long[i] = 0x20000 + random.Int32N(0xA000)
	}
	books := make([]int64, 100)
	for i := range books {
		books[i] = math.MaxInt64 - int64(i)
	}
	log := []events.Record{
		searchRecord(t, 0, 0, events.SearchServed{Query: string(long), UserID: string(long)}, books...),
		searchRecord(t, math.MaxInt32, math.MaxInt64, events.SearchServed{Query: string(long[1:])}, math.MinInt64),
		searchRecord(t, 0, 1, events.SearchServed{Query: "whale", At: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)}),
		searchRecord(t, 0, 2, events.SearchServed{Query: "whale", At: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)}),
		searchRecord(t, 0, 3, events.SearchServed{Query: "whale", Offset: math.MinInt}),
	}
	for i := range log[2].Headers {
		if log[2].Headers[i].Key == events.HeaderTime {
			log[2].Headers[i].Value = "0000-01-01T00:00:00+23:59" // before the year 0
		}
	}
	require.NoError(t, apply(pool, projection.Trends{}, 1, log))
	require.Equal(t, trendsOf(t, log), trendsIn(t, pool, 1))
}

// A query that PostgreSQL can't keep as text is parked, and no other with it; what is
// cut off before it is kept does no harm.
func TestAFormThatCannotBeKeptIsParked(t *testing.T) {
	t.Parallel()
	pool := database(t)
	_, err := projection.Install(t.Context(), pool, projection.Trends{})
	require.NoError(t, err)
	queries := []string{
		"whale", "wh\x00ale", "whale \xff", "\x00", "sea", strings.Repeat("sea ", 200) + "\x00", "whale",
	}
	o := startSearches(t, pool, projection.Trends{}, 0)
	o.assign(t, partitionA)
	var kept []events.Record
	for offset, query := range queries {
		r := searchRecord(t, partitionA, int64(offset), events.SearchServed{Query: query})
		require.NoError(t, o.Handle(t.Context(), r))
		if offset != 1 && offset != 2 {
			kept = append(kept, r)
		}
	}
	o.reach(t, partitionA, int64(len(queries)))
	require.Equal(t, []string{"0.1 poison", "0.2 poison"}, waiting(t, pool, "trends", 1), "that of nothing but NUL is a search for nothing")
	require.Equal(t, trendsOf(t, kept), trendsIn(t, pool, 1))
	require.Zero(t, o.count(t, "bookstore_engine_retries_total"))
}

// A batch in which something can't be read changes nothing, and says which.
func TestOfSearchesThatCannotBeReadEachIsNamed(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Trends{}, 1)
	create(t, pool, projection.Interests{}, 1)
	var log []events.Record
	for offset := range int64(10) {
		log = append(log, searchRecord(t, 2, offset, events.SearchServed{Query: "whale", UserID: "ada"}, 1))
	}
	log[3].Value = []byte(`[{"id":1,"title":1}]`)
	log[5].Headers = nil
	log[9].Value = nil
	for _, p := range []projection.Projection{projection.Trends{}, projection.Interests{}} {
		writes, err := p.Apply(t.Context(), pool, 1, log)
		require.Nil(t, writes)
		joined, is := err.(interface{ Unwrap() []error })
		require.True(t, is)
		var named []string
		for _, fault := range joined.Unwrap() {
			var bad *events.DecodeError
			require.ErrorAs(t, fault, &bad)
			named = append(named, bad.Position.String())
		}
		require.Equal(t, []string{"2.3", "2.5", "2.9"}, named)
	}
}

// Queries see the tables of the generation that is active, from one moment to the next.
func TestQueriesSeeTheActiveTrends(t *testing.T) {
	t.Parallel()
	pool := database(t)
	r := searchRecord(t, 3, 4, events.SearchServed{Query: "whale", UserID: "ada"}, 7, 8)
	for generation := range int64(2) {
		_, err := projection.Install(t.Context(), pool, projection.Trends{})
		require.NoError(t, err)
		var active int64
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT generation FROM trends_generation`).Scan(&active))
		require.Equal(t, generation+1, active, "also while there is nothing")
		for range active {
			require.NoError(t, apply(pool, projection.Trends{}, active, []events.Record{r}))
		}
		for view, columns := range map[string]string{
			"trends_queries": "searches, anonymous, readers, first_at, books, books_at, books_partition, books_offset",
			"trends_readers": "reader, searches, last_at", "trends_slots": "slot, searches, anonymous", "trends_forms": "form, searches",
		} {
			var row string
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT (SELECT v FROM (SELECT generation, query, searches) AS v)::text FROM `+view).Scan(&row), view)
			require.Equal(t, fmt.Sprintf("(%d,%s,%d)", active, key(t, "whale"), active), row, view)
			_, err := pool.Exec(t.Context(), `SELECT `+columns+` FROM `+view)
			require.NoError(t, err)
		}
		_, err = pool.Exec(t.Context(), `UPDATE generations SET state = 'retired'`)
		require.NoError(t, err)
	}
}

func BenchmarkTrends(b *testing.B) { benchmarkSearches(b, projection.Trends{}) }
