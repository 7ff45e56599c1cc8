package projection_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// served is a search that was answered with books.
func served(t require.TestingT, partition int32, offset int64, books ...int64) events.Record {
	s := events.SearchServed{ID: "s", At: dayOne, Query: "whale", PageSize: 5, Generation: 1, Position: "0:1"}
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

// startServed runs an engine that counts searches; 0 is the engine's own limit of a
// batch.
func startServed(t testing.TB, pool *pgxpool.Pool, batchRecords int) *owner {
	t.Helper()
	o, _ := start(t, projection.Config{
		Consumer: "served", Generations: projection.Attached("served"), Handler: projection.NewFeed(projection.Served()),
		Independent: true, Bookless: true, BatchRecords: batchRecords, Pool: pool,
	})
	return o
}

// timesIn is what a generation of the searches' tally has counted.
func timesIn(t require.TestingT, pool *pgxpool.Pool, generation int64) map[int64]int64 {
	rows, err := pool.Query(context.Background(), fmt.Sprintf(`SELECT book_id, times FROM served_books_g%d`, generation))
	require.NoError(t, err)
	found := map[int64]int64{}
	var id, times int64
	_, err = pgx.ForEachRow(rows, []any{&id, &times}, func() error {
		found[id] = times
		return nil
	})
	require.NoError(t, err)
	return found
}

func TestALevelIsTheNumberOfBinaryDigits(t *testing.T) {
	t.Parallel()
	pool := database(t)
	create(t, pool, projection.Served(), 1)
	for times, level := range map[int64]int{1: 1, 2: 2, 3: 2, 4: 3, 7: 3, 8: 4, 1023: 10, 1024: 11, math.MaxInt64 >> 1: 62, math.MaxInt64: 63} {
		var got int
		require.NoError(t, pool.QueryRow(t.Context(), `INSERT INTO served_books_g1 (book_id, times) VALUES ($1, $1) RETURNING level`, times).Scan(&got))
		require.Equal(t, level, got, times)
	}
}

// Two processes and all their lanes count the same few books at the same time, in two
// generations: none waits for another in a circle, and none is lost.
func TestCountingTheSameBooksAtOnce(t *testing.T) {
	t.Parallel()
	const searches, partitions, atOnce = 1000, 8, 10
	pool := database(t)
	for range 2 {
		_, err := projection.Install(t.Context(), pool, projection.Served())
		require.NoError(t, err)
		_, err = pool.Exec(t.Context(), `UPDATE generations SET state = 'retired'`)
		require.NoError(t, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	want := map[int64]int64{}
	log := make([][]events.Record, partitions)
	for partition := range int32(partitions) {
		for offset := range int64(searches) {
			books := make([]int64, 5)
			for i := range books {
				books[i] = 1 + random.Int64N(40)
				want[books[i]]++
			}
			log[partition] = append(log[partition], served(t, partition, offset, books...))
		}
	}
	owners := []*owner{startServed(t, pool, atOnce), startServed(t, pool, atOnce)}
	for i, o := range owners {
		o.assign(t, int32(i), int32(i)+2, int32(i)+4, int32(i)+6)
	}
	var delivering sync.WaitGroup
	for partition, records := range log {
		delivering.Go(func() {
			for _, r := range records {
				_ = owners[partition%2].Handle(t.Context(), r) // what it did not take is not reached
			}
		})
	}
	for partition := range int32(partitions) {
		owners[partition%2].reach(t, partition, searches)
	}
	delivering.Wait()
	require.Equal(t, want, timesIn(t, pool, 1))
	require.Equal(t, want, timesIn(t, pool, 2))
	for _, o := range owners {
		require.Zero(t, o.count(t, "bookstore_engine_retries_total"), "a deadlock is a failed try")
	}
}

// BenchmarkServed counts searches with five books each as the live consumer does, from
// the decoding of records to the commit: books are as popular as they are in a store,
// some a great deal more than others.
func BenchmarkServed(b *testing.B) {
	const partitions, different = 12, 10_000
	pool := database(b)
	_, err := projection.Install(b.Context(), pool, projection.Served())
	require.NoError(b, err)
	random := rand.New(rand.NewPCG(1, 2))
	popular := rand.NewZipf(random, 1.1, 10, 1_000_000)
	drawn := make([]events.Record, different)
	for i := range drawn {
		books := make([]int64, 5)
		for j := range books {
			books[j] = 1 + int64(popular.Uint64())
		}
		drawn[i] = served(b, 0, 0, books...)
	}
	o := startServed(b, pool, 0)
	all := make([]int32, partitions)
	for i := range all {
		all[i] = int32(i)
	}
	o.assign(b, all...)
	b.ResetTimer()
	for i := range b.N {
		r := drawn[i%different]
		r.Partition, r.Offset = int32(i%partitions), int64(i/partitions)
		require.NoError(b, o.Handle(b.Context(), r))
	}
	for partition := range int32(partitions) {
		o.reach(b, partition, int64((b.N-int(partition)+partitions-1)/partitions))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "searches/s")
}
