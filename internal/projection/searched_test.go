package projection_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
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

// searchRecord is a search as it lies in the log, of the page from s.Offset on with
// these books; what s leaves out is filled in.
func searchRecord(t require.TestingT, partition int32, offset int64, s events.SearchServed, books ...int64) events.Record {
	s.ID, s.PageSize, s.Generation, s.Position = "s", 5, 1, "0:1"
	if s.At.IsZero() {
		s.At = dayOne
	}
	for _, id := range books {
		s.Books = append(s.Books, events.ServedBook{
			ID: id, Title: "Moby-Dick; or, The Whale", Author: "Herman Melville", PublishedAt: "1851",
			Description: strings.Repeat("Call me Ishmael. ", 12), CreatedAt: events.ServedTime(dayOne),
		})
	}
	encoded, err := events.EncodeSearch(s)
	require.NoError(t, err)
	return events.Record{Topic: "searches", Partition: partition, Offset: offset, Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}
}

// startSearches runs an engine that feeds a projection of searches; 0 is the engine's
// own limit of a batch.
func startSearches(t testing.TB, pool *pgxpool.Pool, p projection.Projection, batchRecords int) *owner {
	t.Helper()
	o, _ := start(t, projection.Config{
		Consumer: p.Name(), Generations: projection.Attached(p.Name()), Handler: projection.NewFeed(p),
		Independent: true, Bookless: true, BatchRecords: batchRecords, Pool: pool,
	})
	return o
}

// twoGenerations makes two generations that are both fed.
func twoGenerations(t testing.TB, pool *pgxpool.Pool, p projection.Projection) {
	t.Helper()
	for range 2 {
		_, err := projection.Install(t.Context(), pool, p)
		require.NoError(t, err)
		_, err = pool.Exec(t.Context(), `UPDATE generations SET state = 'retired'`)
		require.NoError(t, err)
	}
}

// randomSearches are a log of searches, by partition: few queries in several forms by
// few readers, so that all meet, at few moments, so that many are at the same one.
func randomSearches(t require.TestingT, random *rand.Rand, partitions int, each int64) [][]events.Record {
	typed := []string{"whale", "Whale", " WHALE ", "Les Misérables", "les miserables", "dune", "Dune", "1984", "%", ""}
	readers := []string{"", "", "ada", "bob", "cyd", "dee"}
	log := make([][]events.Record, partitions)
	for partition := range log {
		for offset := range each {
			s := events.SearchServed{
				Query: typed[random.IntN(len(typed))], UserID: readers[random.IntN(len(readers))],
				At:     dayOne.Add(time.Duration(random.IntN(12)) * time.Minute),
				Offset: 5 * max(0, random.IntN(4)-2),
			}
			books := make([]int64, random.IntN(13))
			for i := range books {
				books[i] = 1 + random.Int64N(40)
			}
			log[partition] = append(log[partition], searchRecord(t, int32(partition), offset, s, books...))
		}
	}
	return log
}

// feedByTwo has two owners apply a log, half of the partitions each, in both
// generations, and fails where one had to try twice: a deadlock is a failed try.
func feedByTwo(t *testing.T, pool *pgxpool.Pool, p projection.Projection, log [][]events.Record) {
	t.Helper()
	const atOnce = 10
	owners := []*owner{startSearches(t, pool, p, atOnce), startSearches(t, pool, p, atOnce)}
	for i, o := range owners {
		var half []int32
		for partition := i; partition < len(log); partition += 2 {
			half = append(half, int32(partition))
		}
		o.assign(t, half...)
	}
	var delivering sync.WaitGroup
	for partition, records := range log {
		delivering.Go(func() {
			for _, r := range records {
				_ = owners[partition%2].Handle(t.Context(), r) // what it did not take is not reached
			}
		})
	}
	for partition, records := range log {
		owners[partition%2].reach(t, int32(partition), int64(len(records)))
	}
	delivering.Wait()
	for _, o := range owners {
		require.Zero(t, o.count(t, "bookstore_engine_retries_total"), "a deadlock is a failed try")
	}
}

// rowsOf returns all rows of a table.
func rowsOf[T any](t require.TestingT, pool *pgxpool.Pool, table, columns string) []T {
	rows, err := pool.Query(context.Background(), fmt.Sprintf(`SELECT %s FROM %s`, columns, table))
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	require.NoError(t, err)
	return found
}

// search is a record as the models read it.
type search struct {
	events.SearchServed
	at    events.Position
	query uuid.UUID
	books []int64
}

// searchesOf are the searches of a log that searched for something, oldest first: by
// time, and those of the same time by partition and offset.
func searchesOf(t require.TestingT, log ...[]events.Record) []search {
	var all []search
	for _, r := range slices.Concat(log...) {
		s, err := events.DecodeSearch(r)
		require.NoError(t, err)
		query, something := searchkey.Query(s.Query)
		if !something {
			continue
		}
		found := search{s, r.Position(), query, []int64{}}
		for _, b := range s.Books {
			found.books = append(found.books, b.ID)
		}
		all = append(all, found)
	}
	slices.SortFunc(all, func(a, b search) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.at.Partition, b.at.Partition), cmp.Compare(a.at.Offset, b.at.Offset))
	})
	return all
}

// groups divides searches by a key, and keeps their order.
func groups[K comparable](searches []search, key func(search) K) map[K][]search {
	found := make(map[K][]search)
	for _, s := range searches {
		found[key(s)] = append(found[key(s)], s)
	}
	return found
}

// shuffledBatches are all records of a log, in any order, in batches of any size.
func shuffledBatches(random *rand.Rand, log []events.Record) (batches [][]events.Record) {
	left := slices.Clone(log)
	random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	for len(left) > 0 {
		n := 1 + random.IntN(min(40, len(left)))
		batches, left = append(batches, left[:n]), left[n:]
	}
	return batches
}

// key is that of a query.
func key(t require.TestingT, typed string) uuid.UUID {
	k, something := searchkey.Query(typed)
	require.True(t, something)
	return k
}

// benchmarkSearches counts searches as the live consumer does, from the decoding of
// records to the commit: five books each with their descriptions, 200,000 queries of
// which some are far more popular than others, 100,000 readers and every tenth search
// by nobody known, some 10,000 a second.
func benchmarkSearches(b *testing.B, p projection.Projection) {
	b.Helper()
	const partitions, queries, readers, pages = 12, 200_000, 100_000, 10_000
	pool := database(b)
	_, err := projection.Install(b.Context(), pool, p)
	require.NoError(b, err)
	random := rand.New(rand.NewPCG(1, 2))
	popular := rand.NewZipf(random, 1.1, 10, queries-1)
	drawn := make([]events.Record, pages) // in which query, reader and time are replaced
	for i := range drawn {
		drawn[i] = searchRecord(b, 0, 0, events.SearchServed{Query: "q", UserID: "u"}, 1, 2, 3, int64(i), 5)
	}
	records := make([]events.Record, b.N)
	for i := range records {
		number := popular.Uint64()
		reader := ""
		if i%10 != 0 {
			reader = fmt.Sprintf("reader-%06d", random.IntN(readers))
		}
		r := drawn[number%pages]
		r.Partition, r.Offset = int32(i%partitions), int64(i/partitions)
		r.Headers = slices.Clone(r.Headers)
		for h := range r.Headers {
			switch r.Headers[h].Key {
			case events.HeaderQuery:
				r.Headers[h].Value = fmt.Sprintf("the Whale no. %d", number)
			case events.HeaderUserID:
				r.Headers[h].Value = reader
			case events.HeaderTime:
				r.Headers[h].Value = events.FormatTime(dayOne.Add(time.Duration(i) * 100 * time.Microsecond))
			}
		}
		records[i] = r
	}
	o := startSearches(b, pool, p, 0)
	all := make([]int32, partitions)
	for i := range all {
		all[i] = int32(i)
	}
	o.assign(b, all...)
	b.ResetTimer()
	for _, r := range records {
		require.NoError(b, o.Handle(b.Context(), r))
	}
	for partition := range int32(partitions) {
		o.reach(b, partition, int64((b.N-int(partition)+partitions-1)/partitions))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "searches/s")
	require.Zero(b, o.count(b, "bookstore_engine_retries_total"))
}
