package parked_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection/parked"
	"bookstore/internal/testenv"
)

const (
	catalog       = "catalog"
	history       = "history"
	first   int64 = 1 // generations
	second  int64 = 2
)

// all partitions that the tests use, and both generations.
var (
	all  = []int32{0, 1, 2}
	both = []int64{first, second}
)

func database(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return pool
}

// do runs what a consumer would queue in the transaction of a batch.
func do(t testing.TB, pool *pgxpool.Pool, queue func(*pgx.Batch)) {
	t.Helper()
	b := &pgx.Batch{}
	queue(b)
	require.NoError(t, pool.SendBatch(t.Context(), b).Close())
}

func park(t testing.TB, pool *pgxpool.Pool, consumer string, generation int64, records ...parked.New) {
	t.Helper()
	do(t, pool, func(b *pgx.Batch) { parked.Queue(b, consumer, generation, records) })
}

var stamped = time.Date(2024, 4, 10, 7, 1, 51, 123000000, time.UTC)

// poison is a record of a key that can't be applied; held one behind it.
func poison(partition int32, offset int64, key string) parked.New {
	return parked.New{Poison: true, Error: "can't be read", Record: record(partition, offset, key)}
}

func held(partition int32, offset int64, key string) parked.New {
	return parked.New{Error: "held back", Record: record(partition, offset, key)}
}

func record(partition int32, offset int64, key string) events.Record {
	return events.Record{
		Topic: "events", Partition: partition, Offset: offset, Timestamp: stamped,
		Key: []byte(key), Value: []byte("{}"), Headers: []events.Header{{Key: "ce_id", Value: "e"}},
	}
}

// idsOf returns the ids of what waits, by position.
func idsOf(t testing.TB, pool *pgxpool.Pool, consumer string, generation int64) map[events.Position]int64 {
	t.Helper()
	records, err := parked.List(t.Context(), pool, parked.Filter{Consumer: consumer, Limit: 1000})
	require.NoError(t, err)
	ids := make(map[events.Position]int64)
	for _, r := range records {
		if r.Generation == generation {
			ids[r.Raw().Position()] = r.ID
		}
	}
	return ids
}

func at(partition int32, offset int64) events.Position {
	return events.Position{Partition: partition, Offset: offset}
}

func get(t testing.TB, pool *pgxpool.Pool, id int64) parked.Record {
	t.Helper()
	r, err := parked.Get(t.Context(), pool, id)
	require.NoError(t, err)
	return r
}

func ask(t testing.TB, pool *pgxpool.Pool, wish parked.Wish, ids ...int64) {
	t.Helper()
	_, err := parked.Request(t.Context(), pool, parked.Selection{IDs: ids}, wish)
	require.NoError(t, err)
}
