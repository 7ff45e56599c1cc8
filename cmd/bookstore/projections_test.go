package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

// history has nothing to say for itself.
func history() operations.Projection {
	return operations.Projection{
		Name: "history", Version: 1, Active: 1,
		Position: events.Offsets{400, 600}, Head: events.Offsets{400, 600}, Behind: new(int64(0)), BehindSeconds: new(0.0), EventsPerSecond: new(0.0),
		Generations: []operations.Generation{{Generation: 1, Version: 1, State: "active", Attached: true, Bytes: 999}},
	}
}

// catalog needs an operator for all that one can be needed for.
func catalog(r *rebuild.Rebuild) operations.Projection {
	return operations.Projection{
		Name: "catalog", Version: 2, NeedsRebuild: true, Active: 1,
		Position: events.Offsets{400, 590}, Head: events.Offsets{400, 600}, Behind: new(int64(10)), BehindSeconds: new(1.25), EventsPerSecond: new(120.4),
		Parked: 3,
		Generations: []operations.Generation{
			{Generation: 1, Version: 1, State: "active", Attached: true, Bytes: 512_000_000, Parked: 3},
			{Generation: 2, Version: 2, State: "building", Bytes: 1_250_000},
		},
		Rebuild: r,
	}
}

func TestProjectionsInATable(t *testing.T) {
	t.Parallel()
	building := copying(250)
	building.ReportedAt = time.Now().Add(-time.Hour)
	api := newFakeAPI(t, map[string][]reply{"GET /api/projections": {ok([]operations.Projection{catalog(&building), history()})}})
	r := api.run(t, "projections")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, `PROJECTION  VERSION  GENERATION    POSITION/HEAD  BEHIND           RATE   PARKED  SIZE
catalog     1        1 active      990/1000       10 events, 1.3s  120/s  3       513 MB
            1          1 active                                           3       512 MB
            2          2 building                                         0       1.2 MB
history     1        1 active      1000/1000      level            0/s    0       999 B

catalog: rebuild 7 makes generation 2: copying, 250 of 1000 events, 25 %, 50 a second, 15s left

catalog: nothing was heard of the rebuild for 1h0m0s: it goes on when a process with the role that feeds catalog runs
catalog: 3 events are parked: see 'bookstore parked list --consumer catalog'
`, r.stdout)
	require.Empty(t, r.stderr)
}

func TestHintsSayWhatAnOperatorCanDo(t *testing.T) {
	t.Parallel()
	now := time.Now()
	with := func(change func(*operations.Projection)) operations.Projection {
		p := catalog(nil)
		p.Parked, p.Generations = 0, p.Generations[:1]
		change(&p)
		return p
	}
	working := func(change func(*rebuild.Rebuild)) operations.Projection {
		return with(func(p *operations.Projection) {
			r := copying(250)
			r.ReportedAt = now
			change(&r)
			p.Rebuild = &r
		})
	}
	for want, p := range map[string]operations.Projection{
		"": history(),
		"the code has version 2, generation 1 has version 1: run 'bookstore rebuild catalog'": with(func(*operations.Projection) {}),
		"1 event is parked: see 'bookstore parked list --consumer catalog'":                   with(func(p *operations.Projection) { p.NeedsRebuild, p.Parked = false, 1 }),
		"generation 1 is kept: 'bookstore projections rollback catalog' goes back to it, 'bookstore projections drop catalog 1' frees 512 MB": with(func(p *operations.Projection) {
			p.NeedsRebuild, p.Active, p.Generations[0].State = false, 2, "retired"
		}),
		"the last rebuild failed: disk full: run 'bookstore rebuild catalog' to try again": with(func(p *operations.Projection) {
			p.Rebuild = &rebuild.Rebuild{Generation: 2, Phase: rebuild.Failed, Trouble: "disk full", FinishedAt: &now}
		}),
		"the rebuild is paused: 'bookstore rebuild resume catalog' goes on":                       working(func(r *rebuild.Rebuild) { r.Paused = true }),
		"nobody has taken the rebuild yet: that takes a process with the role that feeds catalog": working(func(r *rebuild.Rebuild) { r.Owner = "" }),
		"the rebuild can't get on: no room":                                                       working(func(r *rebuild.Rebuild) { r.Trouble = "no room" }),
		"the new generation differs, and the rebuild waits: see 'bookstore rebuild status catalog', then 'bookstore rebuild accept catalog' or 'bookstore rebuild cancel catalog'": working(func(r *rebuild.Rebuild) { r.Phase = rebuild.Differs }),
	} {
		require.Equal(t, want, strings.Join(projectionHints(p, now), "\n"))
	}
}

func TestProjectionsWhileTheLogIsAway(t *testing.T) {
	t.Parallel()
	p := history()
	p.Head, p.Behind, p.BehindSeconds, p.EventsPerSecond = nil, nil, nil, nil
	r := newFakeAPI(t, map[string][]reply{"GET /api/projections/history": {ok(p)}}).run(t, "projections history")
	require.Equal(t, exitOK, r.code)
	require.Regexp(t, `(?m)^history +1 +1 active +1000/\? +\? +\? +0 +999 B$`, r.stdout)
}

func TestProjectionsAsJSON(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{"GET /api/projections": {ok("[ {\"name\":\n\"cata\u009blog\"} ]")}})
	r := api.run(t, "projections --json")
	require.Equal(t, result{exitOK, `[{"name":"cata\u009blog"}]` + "\n", ""}, r)
}

func TestWatchingProjectionsWhereThereIsNoTerminal(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{"GET /api/projections": {
		ok([]operations.Projection{history()}),
		refused(web.Unavailable("The database is away.", 0)),
		ok([]operations.Projection{catalog(nil)}),
	}})
	ctx, stop := context.WithCancel(t.Context())
	stdout, stderr, exit := newOutput(), newOutput(), make(chan int, 1)
	go func() {
		exit <- run(ctx, []string{"projections", "--watch", "--url", api.url}, nil, stdout, stderr, nil)
	}()
	waitFor(t, stdout, "history")
	waitFor(t, stdout, "catalog")
	stop()
	require.Equal(t, exitOK, <-exit, "to stop is how watching ends")
	require.Equal(t, 2, strings.Count(stdout.String(), "PROJECTION"))
	require.Contains(t, stderr.String(), "The database is away.")
	require.NotContains(t, stdout.String(), "\x1b")
}

func TestWatchingEndsWhereThereIsNothingToWatch(t *testing.T) {
	t.Parallel()
	r := newFakeAPI(t, nil).run(t, "projections emma --watch")
	require.Equal(t, exitFailed, r.code)
}

func TestATerminalIsGivenBackWithWhatWasShownLast(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{out: &out, terminal: true}
	s.open()
	s.show([]byte("one\ntwo\n"))
	s.trouble(nil, errors.New("away\x1b"))
	s.close()
	drawn := out.String()
	require.True(t, strings.HasPrefix(drawn, enterScreen+home+"one"+eraseLine+"\r\ntwo"+eraseLine+"\r\n"+eraseBelow+home), "%q", drawn)
	require.Contains(t, drawn, `: away\u001b`+eraseLine)
	require.True(t, strings.HasSuffix(drawn, leaveScreen+"one\ntwo\n"), "%q", drawn)
}

func TestRollbackAndDrop(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{
		"POST /api/projections/catalog/rollback":        {ok(catalog(nil)), refused(web.Conflict("No earlier generation is kept that could answer queries again."))},
		"DELETE /api/projections/catalog/generations/2": {{status: http.StatusNoContent, body: ""}, refused(web.Conflict("The generation answers queries."))},
	})
	require.Equal(t, result{exitOK, "catalog: generation 1 answers queries now\n", ""}, api.run(t, "projections rollback catalog"))
	require.Equal(t, result{exitOK, "catalog: generation 2 is gone\n", ""}, api.run(t, "projections drop catalog 2"))

	r := api.run(t, "projections rollback catalog")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "No earlier generation is kept")
	r = api.run(t, "projections drop catalog 2")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "bookstore: drop generation 2 of catalog: 409 ")
	require.Contains(t, r.stderr, "The generation answers queries.")
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9_949: "9.9 kB", 9_951: "10 kB", 999_600: "1.0 MB", 12_345_678_901: "12 GB"} {
		require.Equal(t, want, byteSize(n))
	}
	for s, want := range map[float64]string{0: "0s", 0.0123: "12ms", 1.25: "1.3s", 9.94: "9.9s", 75.4: "1m15s"} {
		require.Equal(t, want, seconds(s))
	}
}
