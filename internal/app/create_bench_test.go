package app_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/events"
)

// startEmbedded starts the service as a newcomer does, durable and with every
// role, on ports of its own.
func startEmbedded(tb testing.TB) *app.App {
	tb.Helper()
	cfg := config.Default()
	cfg.App.Port, cfg.Embedded.KafkaPort = 0, 0
	cfg.App.DataDir = tb.TempDir()
	debug.SetGCPercent(app.GCPercent) // as Run does
	a, err := app.Start(context.Background(), cfg, app.Options{NoSample: true, Logger: quietLogger(tb)})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(tb, a.Close(ctx))
	})
	return a
}

// BenchmarkCreateToReadable measures a POST until the new book is readable, one
// client at a time, against an INSERT and its commit into a plain table of the
// same PostgreSQL, in turns.
func BenchmarkCreateToReadable(b *testing.B) {
	a := startEmbedded(b)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, a.Database())
	require.NoError(b, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `CREATE TABLE plain (id bigserial PRIMARY KEY, title text, author text, published_at text, description text, created_at timestamptz)`)
	require.NoError(b, err)

	client := &http.Client{}
	for i := range 200 { // warm: plans, connections, caches
		createBook(b, client, a.URL(), i)
	}
	creates := make([]time.Duration, 0, b.N)
	inserts := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for i := range b.N {
		began := time.Now()
		createBook(b, client, a.URL(), i)
		creates = append(creates, time.Since(began))

		began = time.Now()
		_, err := conn.Exec(ctx, `INSERT INTO plain (title, author, published_at, description, created_at) VALUES ($1, $2, $3, $4, $5)`,
			"The Voyage Out", "Virginia Woolf", "1915", "A young woman sails to South America.", time.Now())
		inserts = append(inserts, time.Since(began))
		require.NoError(b, err)
	}
	b.StopTimer()
	create, insert := median(creates), median(inserts)
	b.ReportMetric(float64(create.Microseconds()), "create-µs")
	b.ReportMetric(float64(insert.Microseconds()), "insert-µs")
	b.ReportMetric(float64(create)/float64(insert), "create/insert")
}

// BenchmarkCreate64 measures creates a second, each until readable, with 64
// clients on the same machine.
func BenchmarkCreate64(b *testing.B) {
	a := startEmbedded(b)
	const clients = 64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	for i := range 200 {
		createBook(b, client, a.URL(), i)
	}
	var next atomic.Int64
	b.ResetTimer()
	began := time.Now()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				createBook(b, client, a.URL(), int(i))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "creates/s")
}

func createBook(tb testing.TB, client *http.Client, url string, i int) {
	tb.Helper()
	a, err := send(tb.Context(), client, http.MethodPost, url+"/api/books", nil, events.Details{
		Title: fmt.Sprintf("The Voyage Out, copy %d", i), Author: "Virginia Woolf", PublishedAt: "1915",
		Description: "A young woman sails to South America.",
	})
	if err != nil || a.status != http.StatusCreated {
		tb.Errorf("create answered %d %s (%v)", a.status, a.body, err)
	}
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}
