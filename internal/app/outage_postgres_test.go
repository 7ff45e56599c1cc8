package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

// TestPostgresAway stops the database of a running service and starts it again.
func TestPostgresAway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	server := startPostgres(t, dir)
	b := bookstore{brokers: testenv.Brokers(t), topics: topicsOf(testenv.Name(t)), database: server.ConnString()}
	service := b.start(t, func(cfg *config.Config, _ *app.Options) { cfg.App.CommandWait = 3 * time.Second })
	c := newCaller(t, service.URL())
	write := func(i int) answer {
		return c.do(http.MethodPost, "/api/books", nil, events.Details{Title: fmt.Sprintf("Volume v%03d", i), Author: "Somebody"})
	}
	written := 0
	for ; written < 20; written++ {
		require.Equal(t, http.StatusCreated, write(written).status)
	}

	require.NoError(t, server.Close(t.Context()))
	var accepted []answer // commands that were on their way when the database went
	await(t, 15*time.Second, "writes are not refused", func() bool {
		a := write(written)
		if a.status == http.StatusAccepted {
			accepted = append(accepted, a)
			written++
			return false
		}
		require.Equal(t, http.StatusServiceUnavailable, a.status, string(a.body))
		return problemType(a) == web.TypeUnavailable
	})
	for range 20 {
		for _, ask := range []func() answer{
			func() answer { return write(999) },
			func() answer { return c.do(http.MethodPut, bookPath(1), headers{"If-Match": `"1"`}, mobyDick) },
			func() answer { return c.get("/api/books?q=volume", nil) },
			func() answer { return c.get(bookPath(1), nil) },
			func() answer { return c.get("/api/commands/00000000-0000-4000-8000-000000000000", nil) },
		} {
			began := time.Now()
			a := ask()
			require.Equal(t, http.StatusServiceUnavailable, a.status, string(a.body))
			require.NotEmpty(t, a.header.Get("Retry-After"))
			require.LessOrEqual(t, time.Since(began), laterRefusals)
		}
	}
	require.Equal(t, http.StatusServiceUnavailable, c.get("/readyz", nil).status)
	require.Equal(t, http.StatusOK, c.get("/healthz", nil).status, "a restart of the service brings no database back")

	startPostgres(t, dir)
	back := time.Now()
	await(t, recovery, "the service does not get ready again", func() bool { return c.get("/readyz", nil).status == http.StatusOK })
	await(t, recovery, "writes do not recover", func() bool { return write(998).status == http.StatusCreated })
	t.Logf("writes after %s", time.Since(back))
	pool := b.connect(t)
	b.awaitApplied(t, pool, recovery)
	for i := range written {
		found := decode[[]web.Book](t, c.get(fmt.Sprintf("/api/books?q=v%03d", i), nil))
		require.Len(t, found, 1, "what was accepted is not there")
	}
	for _, a := range accepted {
		require.Contains(t, string(c.get(a.header.Get("Location"), nil).body), `"accepted"`)
	}
	require.Empty(t, decode[[]web.Book](t, c.get("/api/books?q=v999", nil)), "what was refused is there")
	b.requireVerified(t, pool)
}

// TestPostgresCrashes kills the database under a service, which goes on: the read
// model then is back at an earlier moment, since its commits don't wait for the
// disk, and nobody who was told otherwise may notice.
func TestPostgresCrashes(t *testing.T) {
	t.Parallel()
	f := newFire(t)
	dir := filepath.Join(f.dir, "postgres")
	b := bookstore{brokers: testenv.Brokers(t), topics: topicsOf(testenv.Name(t)), database: startPostgres(t, dir).ConnString()}
	url := b.start(t, nil).URL()
	var running process
	running.url.Store(&url)
	f.load = newLoad(f.ledger, newClient(t), f.seed, &running)
	for round := range *fireRounds {
		f.load.start(t.Context())
		pause(t.Context(), f.upTo(time.Second))
		signal := syscall.SIGKILL
		if round%2 == 1 {
			signal = syscall.SIGQUIT // an immediate shutdown
		}
		require.NoError(t, syscall.Kill(postmasterOf(dir), signal)) // and it is started again
		pause(t.Context(), f.upTo(2*time.Second))
		f.finish(t, b)
	}
	f.report(t, *fireRounds)
}

// TestPostgresCrashesAndNothingFollows kills the database right after the last write
// for a long time: nothing that comes later can put the read model right.
func TestPostgresCrashesAndNothingFollows(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "postgres")
	b := bookstore{brokers: testenv.Brokers(t), topics: topicsOf(testenv.Name(t)), database: startPostgres(t, dir).ConnString()}
	c := newCaller(t, b.start(t, nil).URL())
	for range 3 {
		var began answer
		await(t, recovery, "writes are not taken", func() bool {
			began = c.do(http.MethodPost, "/api/books", headers{"Prefer": "respond-async"}, mobyDick)
			return began.status == http.StatusAccepted
		})
		var created answer
		await(t, recovery, "a book is not created", func() bool {
			// Connections that were idle in the pool when the server died fail once each.
			created = c.do(http.MethodPost, "/api/books", nil, mobyDick)
			return created.status == http.StatusCreated
		})
		book := decode[web.Book](t, created)
		require.NoError(t, syscall.Kill(postmasterOf(dir), syscall.SIGKILL))

		token := headers{"Consistency-Token": created.header.Get("Consistency-Token")}
		await(t, recovery, "the book is not shown again", func() bool {
			a := c.get(bookPath(book.ID), token)
			// It may be told to wait, but not that there is no such book.
			require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, a.status, string(a.body))
			return a.status == http.StatusOK
		})
		await(t, recovery, "its history is not shown again", func() bool {
			return c.get(bookPath(book.ID)+"/history", token).status == http.StatusOK
		})
		await(t, recovery, "a command that was accepted is not decided", func() bool {
			a := c.get(began.header.Get("Location"), nil)
			require.NotEqual(t, http.StatusNotFound, a.status)
			return a.status == http.StatusOK && decode[struct{ Status string }](t, a).Status == "accepted"
		})
	}
	pool := b.connect(t)
	b.awaitApplied(t, pool, recovery)
	require.Zero(t, b.requireVerified(t, pool).Unpublished)
}
