package app_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/bench/books"
	"bookstore/internal/config"
	"bookstore/internal/embedded"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection/rebuild"
)

// go test ./internal/app -run '^$' -bench RebuildUnderLoad -benchtime 1x -timeout 30m -rebuild.events=1000000
var (
	rebuildEvents   = flag.Int("rebuild.events", 20_000, "how many events the log has that is rebuilt from under load")
	rebuildSource   = flag.String("rebuild.source", "../../../shared/data/goodbooks-10k.csv", "the catalogue that books are made up from")
	rebuildSearches = flag.Float64("rebuild.searches", 80, "searches a second meanwhile")
	rebuildWrites   = flag.Float64("rebuild.writes", 20, "writes a second meanwhile")
	rebuildCalm     = flag.Duration("rebuild.calm", 20*time.Second, "how long searches are measured before each rebuild")
	rebuildSlowdown = flag.Float64("rebuild.slowdown", 1.5, "the bound of the second rebuild")
	rebuildLimit    = flag.Duration("rebuild.limit", 5*time.Minute, "how long a rebuild may take before it is cancelled")
)

// BenchmarkRebuildUnderLoad rebuilds the catalog of a service as a newcomer starts it,
// while clients search and write: as fast as it goes, back again, and then within a
// bound on how much slower queries may become. It prints what clients noticed.
func BenchmarkRebuildUnderLoad(b *testing.B) {
	for b.Loop() {
		m := startMeasured(b)
		m.calm("before")
		free := m.rebuild("rebuild", rebuild.Request{})
		back := m.rollBack()
		m.calm("before")
		bounded := m.rebuild(fmt.Sprintf("rebuild, at most %g times", *rebuildSlowdown), rebuild.Request{MaxQuerySlowdown: rebuildSlowdown})
		m.finish(free, bounded, back)
	}
}

// measured is a service that is under load.
type measured struct {
	*testing.B
	service bookstore
	pool    *pgxpool.Pool
	caller  caller
	clients *traffic
	quit    func()

	began  time.Time
	built  time.Duration // from the start until it answered
	before time.Duration // p99 of the last calm time
	table  bytes.Buffer
	rows   *tabwriter.Writer
}

func startMeasured(b *testing.B) *measured {
	b.Helper()
	file, err := os.Open(*rebuildSource)
	require.NoError(b, err)
	source, err := books.ReadSource(file)
	require.NoError(b, err)
	require.NoError(b, file.Close())
	catalogue := books.NewCatalogue(source, 1)

	//nolint:usetesting // b.TempDir would be closed to PostgreSQL's user
	dir, err := os.MkdirTemp("", "bookstore-rebuild-")
	require.NoError(b, err)
	require.NoError(b, os.Chmod(dir, 0o755))
	b.Cleanup(func() { require.NoError(b, os.RemoveAll(dir)) })
	cfg := config.Default()
	cfg.App.Port, cfg.Embedded.KafkaPort, cfg.App.DataDir = 0, 0, dir
	fillEmbedded(b, filepath.Join(dir, "kafka"), catalogue, *rebuildEvents)

	debug.SetGCPercent(app.GCPercent) // as Run does
	m := &measured{B: b, began: time.Now()}
	a, err := app.Start(context.Background(), cfg, app.Options{NoSample: true, Logger: quietLogger(b)})
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownBound)
		defer cancel()
		require.NoError(b, a.Close(ctx))
	})
	m.built = time.Since(m.began)
	m.service = bookstore{brokers: a.Brokers(), topics: events.DefaultTopics(), database: a.Database()}
	m.pool = m.service.connect(b)
	m.caller = newCaller(b, a.URL())
	m.clients = &traffic{client: newClient(b), url: a.URL(), catalogue: catalogue, books: int64(*rebuildEvents) / 2}
	m.rows = tabwriter.NewWriter(&m.table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(m.rows, "\tsearches\tp50\tp99\tlongest\tp99 ratio\tseconds\tgave way\tlongest ±1 s of the switch\t")

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.clients.run(ctx, *rebuildSearches, *rebuildWrites) })
	m.quit = func() {
		cancel()
		running.Wait()
	}
	b.Cleanup(m.quit)
	m.pass(*rebuildCalm / 2) // plans, caches, connections
	return m
}

// fillEmbedded writes a log where the service's own broker will look for it.
func fillEmbedded(b *testing.B, dir string, catalogue *books.Catalogue, n int) {
	b.Helper()
	broker, err := embedded.StartKafka(b.Context(), embedded.KafkaConfig{DataDir: dir, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	defer broker.Close()
	fillLog(b, messaging.Config{Brokers: []string{broker.Addr()}, Dialer: broker}, events.DefaultTopics(), catalogue, n)
}

// pass lets clients work for a time.
func (m *measured) pass(d time.Duration) { pause(context.Background(), d) }

// calm measures while nothing is rebuilt.
func (m *measured) calm(what string) {
	from := time.Now()
	m.pass(*rebuildCalm)
	took := m.clients.between(from, time.Now())
	m.before = percentile(took, 0.99)
	m.row(what, took, "", "", "")
}

// rebuild measures while the catalog is rebuilt.
func (m *measured) rebuild(what string, request rebuild.Request) rebuild.Rebuild {
	m.Helper()
	from := time.Now()
	id := startRebuild(m.caller, "catalog", request)
	cancel := time.AfterFunc(*rebuildLimit, func() { _, _ = rebuild.SetWish(context.Background(), m.pool, id, rebuild.Cancel) })
	defer cancel.Stop()
	over := awaitOver(m, m.pool, id, 2**rebuildLimit)
	require.NotEqual(m, rebuild.Failed, over.Phase, over.Trouble)
	m.pass(time.Second) // what a switch held up is late by that much at most
	took := m.clients.between(from, *over.FinishedAt)
	m.row(what+" ("+string(over.Phase)+")", took, fmt.Sprintf("%.1f", seconds(over)), fmt.Sprintf("%.1f", over.GivenWay),
		m.clients.around(*over.FinishedAt, time.Second).Round(time.Millisecond).String())
	for _, phase := range over.Phases {
		fmt.Fprintf(m.rows, "%s\t\t\t\t\t\t%.1f\t\t\t\n", phase.Phase, phase.Seconds)
	}
	return over
}

// seconds is how long a rebuild took.
func seconds(b rebuild.Rebuild) float64 { return b.FinishedAt.Sub(b.StartedAt).Seconds() }

func (m *measured) row(what string, took []time.Duration, seconds, gaveWay, across string) {
	round := func(share float64) time.Duration { return percentile(took, share).Round(10 * time.Microsecond) }
	p99 := percentile(took, 0.99)
	fmt.Fprintf(m.rows, "%s\t%d\t%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t\n", what, len(took), round(0.5), round(0.99), round(1),
		float64(p99)/float64(m.before), seconds, gaveWay, across)
}

// rollBack lets the generation answer again that was replaced.
func (m *measured) rollBack() time.Duration {
	m.Helper()
	began := time.Now()
	a := m.caller.do(http.MethodPost, "/api/projections/catalog/rollback", nil, nil)
	took := time.Since(began)
	require.Equal(m, http.StatusOK, a.status, string(a.body))
	m.pass(time.Second)
	fmt.Fprintf(m.rows, "rollback\t\t\t\t\t\t%.3f\t\t%s\t\n", took.Seconds(), m.clients.around(began.Add(took), time.Second).Round(time.Millisecond))
	return took
}

// finish ends the load, compares everything with the log, and prints.
func (m *measured) finish(free, bounded rebuild.Rebuild, back time.Duration) {
	m.Helper()
	m.quit()
	failed := m.clients.failed()
	m.service.awaitApplied(m, m.pool, time.Minute)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	m.service.requireVerified(m, m.pool)
	require.NoError(m, m.rows.Flush())
	// Not by Logf, of which a benchmark prints ten lines.
	fmt.Fprintf(os.Stdout, "%d events, %g searches/s, %g writes/s; first built in %s; %d requests failed; 0 differences from the log; %d MB from the system\n%s",
		*rebuildEvents, *rebuildSearches, *rebuildWrites, m.built.Round(100*time.Millisecond), len(failed), memory.Sys>>20, m.table.String())
	m.ReportMetric(seconds(free), "rebuild-s")
	m.ReportMetric(seconds(bounded), "bounded-s")
	m.ReportMetric(seconds(bounded)/seconds(free), "cost-factor")
	m.ReportMetric(back.Seconds(), "rollback-s")
	require.Empty(m, failed[:min(10, len(failed))], "requests failed")
}
