package command_test

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/embedded"
	"bookstore/internal/events"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

func TestOutcomesAreToldInTheProcessThatDecides(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log) // nobody looks: Run is not called
	one, stopOne := p.outcomes.Expect("c")
	defer stopOne()
	two, stopTwo := p.outcomes.Expect("c")
	defer stopTwo()
	other, stopOther := p.outcomes.Expect("other")
	defer stopOther()

	after, err := p.decide(in.put(t, 2, "c", create(7)))
	require.NoError(t, err)
	require.Empty(t, one, "what is not on the log yet is not told")
	require.NoError(t, after(t.Context()))
	told := await(t, one, "the outcome")
	require.Equal(t, told, await(t, two, "the outcome, for the other who waits"))
	require.Empty(t, other)

	require.Equal(t, command.Decision{
		CommandID: "c", CommandType: events.TypeCreateBook, CommandHash: events.CommandHash(create(7)),
		BookID: 7, Version: 1, CreatedAt: dayOne, DecidedAt: dayOne, Published: true,
	}, told)
	found, there, err := p.outcomes.Find(t.Context(), "c")
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, told, found, "what is kept is what was told")
}

func TestARejectionIsFoundAsItWasTold(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	waiting, stop := p.outcomes.Expect("c")
	defer stop()
	p.handle(t, in.put(t, 0, "c", update(7))) // there is no such book, and no time of its creation
	told := await(t, waiting, "the outcome")
	require.Equal(t, events.RejectedNotFound, told.Rejection)
	require.False(t, told.Accepted())
	require.Zero(t, told.CreatedAt)
	found, there, err := p.outcomes.Find(t.Context(), "c")
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, told, found)

	_, there, err = p.outcomes.Find(t.Context(), "unknown")
	require.NoError(t, err)
	require.False(t, there)
}

func TestOutcomesAreLookedForWhenAnotherProcessDecides(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	decides, waits := newProcess(pool, log), newProcess(pool, log)
	background(t, waits.outcomes.Run)
	during, stop := waits.outcomes.Expect("during")
	defer stop()
	before, err := decides.decide(in.put(t, 0, "before", create(7)))
	require.NoError(t, err)
	require.NoError(t, before(t.Context()))
	decides.handle(t, in.put(t, 0, "during", update(7)))
	require.Equal(t, int64(2), await(t, during, "the outcome").Version)

	late, stopLate := waits.outcomes.Expect("before")
	defer stopLate()
	require.Equal(t, int64(1), await(t, late, "an outcome from before").Version)
}

// Of what is decided and not published, nobody is told, however often one looks.
func TestTheLookPassesOverWhatIsNotPublished(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	decides, waits := newProcess(pool, log), newProcess(pool, log)
	after, err := decides.decide(in.put(t, 0, "open", create(7)))
	require.NoError(t, err)
	decides.handle(t, in.put(t, 0, "told", create(8)))
	open, stopOpen := waits.outcomes.Expect("open")
	defer stopOpen()
	told, stopTold := waits.outcomes.Expect("told")
	defer stopTold()
	background(t, waits.outcomes.Run)
	await(t, told, "what is published")
	require.Empty(t, open)
	require.NoError(t, after(t.Context()))
	await(t, open, "what is published now")
}

func TestStopForgets(t *testing.T) {
	t.Parallel()
	pool, log, in := database(t), &eventLog{}, &commandLog{}
	p := newProcess(pool, log)
	gone, stopGone := p.outcomes.Expect("c")
	stays, stop := p.outcomes.Expect("c")
	stopGone()
	stopGone() // may be called again
	p.handle(t, in.put(t, 0, "c", create(7)))
	await(t, stays, "the outcome, for who still waits")
	require.Empty(t, gone)
	stop() // also when it has been told
}

// With the database away writes are to be refused at once, and taken again when it
// is back.
func TestAvailable(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	pool := open(t, server.ConnString())
	outcomes := command.NewOutcomes(pool)
	require.True(t, outcomes.Available())
	background(t, outcomes.Run)
	var dir string
	require.NoError(t, pool.QueryRow(t.Context(), `SHOW data_directory`).Scan(&dir))

	require.NoError(t, server.Close(context.Background()))
	stopped := time.Now()
	require.Eventually(t, func() bool { return !outcomes.Available() }, patience, pollEvery)
	require.Less(t, time.Since(stopped), 5*time.Second)
	waiting, stop := outcomes.Expect("c")
	defer stop()

	again, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{
		DataDir: filepath.Dir(dir), User: "bookstore", Database: "bookstore", Ephemeral: true, Logger: quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, again.Close(context.Background())) })
	require.Eventually(t, outcomes.Available, patience, pollEvery)
	newProcess(pool, &eventLog{}).handle(t, (&commandLog{}).put(t, 0, "c", create(7)))
	await(t, waiting, "the outcome, through the outage")
}

// While the database is away, writes are refused before anything is sent.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	elsewhere := open(t, testenv.Database(t))
	outcomes := command.NewOutcomes(elsewhere)
	s := startService(t, func(a *command.API) { a.Outcomes = outcomes })
	background(t, outcomes.Run)
	elsewhere.Close()
	require.Eventually(t, func() bool { return !outcomes.Available() }, patience, pollEvery)
	for method, path := range map[string]string{http.MethodPost: "/api/books", http.MethodPut: "/api/books/7"} {
		a := s.do(method, path, emma)
		a.problem(t, http.StatusServiceUnavailable, web.TypeUnavailable)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
	}
	require.Empty(t, s.bus.commands())
}
