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

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/messaging"
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

// A log that lost what the database has seen is not followed.
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
