package app_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/messaging"
	"bookstore/internal/testenv"
)

// With the database gone entirely, the log alone brings everything back: what
// was decided, to the byte, the read model, and ids that nobody has.
func TestEmptyDatabaseBesideAFullLogComesBack(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.App.Port, cfg.Embedded.KafkaPort = 0, 0
	cfg.App.DataDir = t.TempDir()
	start := func() *app.App {
		a, err := app.Start(context.Background(), cfg, app.Options{NoSample: true, Logger: quietLogger(t)})
		require.NoError(t, err)
		return a
	}
	stop := func(a *app.App) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, a.Close(ctx))
	}
	const decisions = `SELECT coalesce(string_agg(d::text, E'\n' ORDER BY command_id), '') FROM decisions d`
	const books = `SELECT coalesce(string_agg(b::text, E'\n' ORDER BY id), '') FROM books b`

	a := start()
	client := &http.Client{}
	for i := range 20 {
		createBook(t, client, a.URL(), i)
	}
	ids := strings.Fields(read(t, a, `SELECT string_agg(id::text, ' ' ORDER BY id) FROM books`))
	first, second, third := "/api/books/"+ids[0], "/api/books/"+ids[1], "/api/books/"+ids[2]
	require.Equal(t, http.StatusOK, write(t, client, http.MethodPut, a.URL()+first, `{"title":"Night and Day","author":"Virginia Woolf"}`, "1"))
	require.Equal(t, http.StatusNoContent, write(t, client, http.MethodDelete, a.URL()+second, "", "1"))
	// Decided and rejected: the version may come, so it is not refused up front.
	require.Equal(t, http.StatusPreconditionFailed, write(t, client, http.MethodDelete, a.URL()+third, "", "9"))
	// An answer does not wait for the note that its event is published.
	require.Eventually(t, func() bool {
		return read(t, a, `SELECT count(*)::text FROM decisions WHERE event_offset IS NULL`) == "0"
	}, 10*time.Second, 10*time.Millisecond)
	decidedBefore, booksBefore := read(t, a, decisions), read(t, a, books)
	require.Equal(t, 23, strings.Count(decidedBefore, "\n")+1)
	stop(a)

	require.NoError(t, os.RemoveAll(filepath.Join(cfg.App.DataDir, "postgres")))
	a = start()
	defer stop(a)
	require.Equal(t, decidedBefore, read(t, a, decisions))
	require.Eventually(t, func() bool { return read(t, a, books) == booksBefore }, 10*time.Second, 10*time.Millisecond)
	createBook(t, client, a.URL(), 21)
	require.Equal(t, http.StatusOK, write(t, client, http.MethodPut, a.URL()+first, `{"title":"Jacob's Room","author":"Virginia Woolf"}`, "2"))
}

// A log that has lost what the database has seen is not followed, whoever in the
// database it is that has seen it.
func TestALogThatLostWhatOneHasSeenIsRefused(t *testing.T) {
	t.Parallel()
	for _, consumer := range []string{"commands", "catalog", "history", "catalog/2", "served", "opened", "trends", "interests"} {
		t.Run(consumer, func(t *testing.T) {
			t.Parallel()
			b := newBookstore(t)
			service := b.start(t, nil)
			newCaller(t, service.URL()).create(mobyDick)
			require.NoError(t, service.Close(t.Context()))
			_, err := b.connect(t).Exec(t.Context(), `
				INSERT INTO checkpoints (consumer, partition, next_offset) VALUES ($1, 3, 1000)
				ON CONFLICT (consumer, partition) DO UPDATE SET next_offset = excluded.next_offset`, consumer)
			require.NoError(t, err)

			var lost *messaging.LostLogError
			require.ErrorAs(t, b.startError(t), &lost)
			require.EqualValues(t, 1000, lost.Checkpoint)
		})
	}
}

// A log of events that has lost its beginning gives no read model and no write side
// any more: also one who needs neither just now is told, and so is an empty database.
func TestALogThatLostItsBeginningIsRefused(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	service := b.start(t, nil)
	for range 20 {
		newCaller(t, service.URL()).create(mobyDick)
	}
	b.awaitApplied(t, b.connect(t), recovery)
	require.NoError(t, service.Close(t.Context()))
	b.truncate(t, b.topics.Events)

	empty := b
	empty.database = testenv.Database(t)
	for name, b := range map[string]bookstore{"the database that has seen all": b, "an empty database": empty} {
		var lost *messaging.LostLogError
		require.ErrorAs(t, b.startError(t), &lost, name)
		require.Equal(t, b.topics.Events, lost.Topic)
		require.Positive(t, lost.Oldest)
	}
}

// startError is what a start fails with.
func (b bookstore) startError(t *testing.T) error {
	t.Helper()
	cfg := config.Default()
	cfg.App.Port, cfg.App.DataDir, cfg.MQ.Brokers = 0, t.TempDir(), b.brokers
	a, err := app.Start(t.Context(), cfg, app.Options{Topics: b.topics, Database: b.database, Logger: quietLogger(t), NoSample: true})
	if err == nil {
		require.NoError(t, a.Close(t.Context()))
	}
	return err
}

// truncate deletes all records of a topic, as an administrator can.
func (b bookstore) truncate(t *testing.T, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.brokers...))
	require.NoError(t, err)
	defer client.Close()
	end, err := b.end(t.Context(), topic)
	require.NoError(t, err)
	var upTo kadm.Offsets
	for partition, offset := range end {
		upTo.AddOffset(topic, int32(partition), offset, -1)
	}
	_, err = kadm.NewClient(client).DeleteRecords(t.Context(), upTo)
	require.NoError(t, err)
}

// A topic that was made anew is not the log that was.
func TestLostLogIsRefused(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.App.Port, cfg.Embedded.KafkaPort = 0, 0
	cfg.App.DataDir = t.TempDir()
	a, err := app.Start(context.Background(), cfg, app.Options{NoSample: true, Logger: quietLogger(t)})
	require.NoError(t, err)
	createBook(t, &http.Client{}, a.URL(), 1)
	require.NoError(t, a.Close(context.Background()))

	require.NoError(t, os.RemoveAll(filepath.Join(cfg.App.DataDir, "kafka")))
	_, err = app.Start(context.Background(), cfg, app.Options{NoSample: true, Logger: quietLogger(t)})
	var lost *messaging.LostLogError
	require.ErrorAs(t, err, &lost)
}

func write(t *testing.T, client *http.Client, method, url, body, version string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("If-Match", `"`+version+`"`)
	resp, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func read(t *testing.T, a *app.App, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), a.Database())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var s string
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&s))
	return s
}
