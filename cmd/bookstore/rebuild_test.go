package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

// copying is a rebuild that has copied so many of 1000 events.
func copying(done int64) rebuild.Rebuild {
	return rebuild.Rebuild{
		ID: 7, Projection: "catalog", Generation: 2, Version: 2, Replaces: new(int64(1)), Phase: rebuild.Copying, Wish: rebuild.Run,
		Owner: "host 4711", EventsDone: done, EventsTotal: 1000, EventsPerSecond: new(50.0), SecondsLeft: new(float64(1000-done) / 50),
		StartedAt: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC), ReportedAt: time.Now(),
	}
}

func in(phase rebuild.Phase, change func(*rebuild.Rebuild)) rebuild.Rebuild {
	r := copying(1000)
	r.Phase, r.EventsPerSecond, r.SecondsLeft = phase, nil, nil
	if phase.Over() {
		r.FinishedAt = new(time.Date(2026, 3, 1, 9, 31, 0, 0, time.UTC))
	}
	if change != nil {
		change(&r)
	}
	return r
}

func indexing() rebuild.Rebuild {
	return in(rebuild.Indexing, func(r *rebuild.Rebuild) {
		r.Phases = []rebuild.PhaseTime{{Phase: rebuild.Copying, Seconds: 20.04}}
		r.Detail, r.PhaseShare = "catalog_books_g2_title", new(0.5)
	})
}

func switched() rebuild.Rebuild {
	return in(rebuild.Switched, func(r *rebuild.Rebuild) {
		r.Phases = []rebuild.PhaseTime{{Phase: rebuild.Copying, Seconds: 20.04}, {Phase: rebuild.Indexing, Seconds: 3.5}, {Phase: rebuild.CatchingUp, Seconds: 0.46}, {Phase: rebuild.Switching, Seconds: 0.004}}
		r.Verification = &compare.Report{Tables: []compare.Table{{Table: "catalog_books", ActiveRows: 900, NewRows: 900}}}
	})
}

const (
	begin  = "POST /api/projections/catalog/rebuilds"
	lookAt = "GET /api/projections/catalog/rebuilds/7"
	parent = "GET /api/projections/catalog"
)

const summary = "catalog: generation 2 answers queries: 1000 events in 24s (copying 20s, indexing 3.5s, catching up 460ms, switching 4ms), 42 a second, 900 rows verified; 'bookstore projections rollback catalog' goes back to generation 1\n"

func TestARebuildIsStartedAndWatchedToItsEnd(t *testing.T) {
	t.Parallel()
	throttled := copying(250)
	throttled.MaxQuerySlowdown, throttled.QueryP99Before, throttled.QueryP99Now, throttled.GivenWay = new(1.5), new(10.0), new(12.34), 2
	api := newFakeAPI(t, map[string][]reply{
		begin:  {{status: http.StatusCreated, body: copying(0)}},
		lookAt: {ok(throttled), ok(indexing()), ok(switched())},
	})
	r := api.run(t, "rebuild catalog --max-query-slowdown 1.5 --accept-diff")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, summary, r.stdout)
	require.Equal(t, `rebuild 7 of catalog into generation 2 has begun
copying, 0 of 1000 events, 0 %, 50 a second, 20s left
copying took 20s
indexing, catalog_books_g2_title, 50 %
indexing took 3.5s
catching up took 460ms
switching took 4ms
`, r.stderr)
	_, bodies := api.requests()
	require.JSONEq(t, `{"max_query_slowdown": 1.5, "accept_diff": true}`, bodies[0])
	require.Equal(t, "copying, 250 of 1000 events, 25 %, 50 a second, 15s left, queries' p99 12.3 ms of at most 15.0 ms, has given way for 2s", rebuildSentence(throttled, inWords))
	require.Equal(t, "copying, 250/1000, 50/s, 15s left, p99 12.3/15.0 ms, gave way 2s", rebuildSentence(throttled, besideBar))
}

func TestARebuildThatIsNotWatched(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{begin: {{status: http.StatusCreated, body: copying(0)}}, lookAt: {ok(`{"id":7}`)}})
	r := api.run(t, "rebuild catalog --detach")
	require.Equal(t, result{exitOK, "'bookstore rebuild watch catalog' shows how far it is\n", "rebuild 7 of catalog into generation 2 has begun\n"}, r)
	r = api.run(t, "rebuild catalog --detach --json")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, `{"id":7}`+"\n", r.stdout)
	_, bodies := api.requests()
	require.JSONEq(t, `{"max_query_slowdown": null, "accept_diff": false}`, bodies[0])
}

func TestWhoStartsARebuildThatIsUnderWayJoinsIt(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{
		begin:  {refused(web.Conflict("Rebuild 7 of catalog is under way."))},
		parent: {ok(catalog(new(indexing())))},
		lookAt: {ok(switched())},
	})
	r := api.run(t, "rebuild catalog")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, summary, r.stdout)
	require.True(t, strings.HasPrefix(r.stderr, "rebuild 7 of catalog into generation 2 is under way already, with the flags that it was started with\nindexing, "), r.stderr)
}

func TestAConflictWithNothingUnderWayIsARefusal(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{
		begin:  {refused(web.Conflict("Not now."))},
		parent: {ok(catalog(new(switched())))},
	})
	r := api.run(t, "rebuild catalog")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "bookstore: rebuild catalog: 409 ")
	require.Contains(t, r.stderr, "Not now.")
	require.Empty(t, r.stdout)
}

func differs() rebuild.Rebuild {
	return in(rebuild.Differs, func(r *rebuild.Rebuild) {
		r.Verification = &compare.Report{Differences: 11, Tables: []compare.Table{
			{Table: "catalog_deleted", ActiveRows: 5, NewRows: 5},
			{
				Table: "catalog_books", ActiveRows: 900, NewRows: 899, OnlyActive: 2, OnlyNew: 1, Changed: 7,
				Fields: []compare.Field{{Field: "author", Rows: 7}, {Field: "title", Rows: 1}}, Added: []string{"pages"}, Removed: []string{"note"},
				Samples: []compare.Row{
					{Kind: compare.Changed, Key: map[string]string{"id": "17"}, Fields: []compare.Difference{
						{Field: "author", Active: new("Austen"), New: new("Jane\x1b Austen")}, {Field: "title", Active: nil, New: new("Emma")},
					}},
					{Kind: compare.OnlyActive, Key: map[string]string{"id": "18"}},
					{Kind: compare.OnlyNew, Key: map[string]string{"version": "2", "id": "19"}},
				},
			},
			{Table: "catalog_words", OnlyIn: compare.Active, ActiveRows: 1},
			{Table: "catalog_keys", KeyChanged: true, ActiveRows: 3, NewRows: 4},
		}}
	})
}

const whatDiffers = `catalog: generation 2 differs from generation 1:
  catalog_deleted: 5 rows, all the same
  catalog_books: of 900 rows 7 differ, 2 are missing in the new generation, 1 are only there
    author differs in 7 rows
    title differs in 1 row
    columns added: pages
    columns removed: note
    for example id 17: author "Austen" is now "Jane\u001b Austen", title NULL is now "Emma"
    for example id 18: missing
    for example id 19, version 2: only there
  catalog_words: is gone, with its 1 row
  catalog_keys: has another key, so that its rows can't be matched: 3 in the old generation, 4 in the new
'bookstore rebuild diff catalog' prints every row
'bookstore rebuild accept catalog' lets it switch all the same
'bookstore rebuild cancel catalog' gives it up
`

func TestARebuildThatDoesNotSwitchFailsTheCommand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		last           rebuild.Rebuild
		stdout, stderr string
	}{
		"differs":   {last: differs(), stdout: whatDiffers, stderr: "differs\n"},
		"failed":    {last: in(rebuild.Failed, func(r *rebuild.Rebuild) { r.Trouble = "disk\nfull" }), stderr: "bookstore: rebuild 7 of catalog failed: disk; full\n"},
		"cancelled": {last: in(rebuild.Cancelled, nil), stderr: "bookstore: rebuild 7 of catalog was cancelled\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t, map[string][]reply{begin: {{status: http.StatusCreated, body: copying(0)}}, lookAt: {ok(c.last)}})
			r := api.run(t, "rebuild catalog")
			require.Equal(t, exitFailed, r.code)
			require.Equal(t, c.stdout, r.stdout)
			require.True(t, strings.HasSuffix(r.stderr, c.stderr), r.stderr)
		})
	}
}

func TestWhatIsAcceptedIsFollowedFurther(t *testing.T) {
	t.Parallel()
	accepted := differs()
	accepted.AcceptDiff = true
	done := switched()
	done.Verification.Differences = 11
	api := newFakeAPI(t, map[string][]reply{parent: {ok(catalog(&accepted))}, lookAt: {ok(done)}})
	r := api.run(t, "rebuild watch catalog")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Contains(t, r.stdout, "900 rows verified and 11 differences accepted")
}

func TestCtrlCLeavesTheRebuildRunning(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{begin: {{status: http.StatusCreated, body: copying(0)}}, lookAt: {ok(copying(250))}})
	ctx, stop := context.WithCancel(t.Context())
	stdout, stderr, exit := newOutput(), newOutput(), make(chan int, 1)
	go func() { exit <- run(ctx, []string{"rebuild", "catalog", "--url", api.url}, nil, stdout, stderr, nil) }()
	waitFor(t, stderr, "copying")
	stop()
	require.Equal(t, exitFailed, <-exit)
	require.Contains(t, stderr.String(), "the service goes on with the rebuild: 'bookstore rebuild watch catalog' shows it again")
	require.Empty(t, stdout.String())
	asked, _ := api.requests()
	for _, request := range asked {
		require.Contains(t, []string{begin, lookAt}, request)
	}
}

func TestAServiceThatStartsAnewIsWaitedFor(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{
		begin:  {{status: http.StatusCreated, body: copying(0)}},
		lookAt: {refused(web.Unavailable("The database is away.", 0)), ok(copying(250)), ok(switched())},
	})
	r := api.run(t, "rebuild catalog")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Contains(t, r.stderr, "trying for up to 2m0s: 503 ")

	api = newFakeAPI(t, map[string][]reply{begin: {{status: http.StatusCreated, body: copying(0)}}})
	r = api.run(t, "rebuild catalog")
	require.Equal(t, exitFailed, r.code, "but not if it doesn't know the rebuild")
	require.Contains(t, r.stderr, "bookstore: rebuild 7 of catalog is no longer watched")
}

func TestADryRun(t *testing.T) {
	t.Parallel()
	const ask = "GET /api/projections/catalog/rebuilds/estimate"
	measured := rebuild.Estimate{Events: 1_000_000, EventsPerSecond: new(29400.0), Seconds: new(34.01), Bytes: 512_000_000, Basis: "as the last rebuild went"}
	api := newFakeAPI(t, map[string][]reply{ask: {ok(measured), ok(rebuild.Estimate{Events: 1, Basis: "nothing was measured yet"}), ok(measured)}})
	require.Equal(t, result{exitOK, "catalog: 1000000 events, about 34s at 29400 a second, 512 MB of disk beside what is there\nas the last rebuild went\n", ""},
		api.run(t, "rebuild catalog --dry-run"))
	require.Equal(t, result{exitOK, "catalog: 1 event, for how long is not known, 0 B of disk beside what is there\nnothing was measured yet\n", ""},
		api.run(t, "rebuild --dry-run catalog"))
	r := api.run(t, "rebuild catalog --dry-run --json")
	require.JSONEq(t, `{"events":1000000,"events_per_second":29400,"seconds":34.01,"bytes":512000000,"basis":"as the last rebuild went"}`, r.stdout)
}

func TestSteeringARebuild(t *testing.T) {
	t.Parallel()
	accepted := reply{status: http.StatusAccepted, body: copying(250)}
	api := newFakeAPI(t, map[string][]reply{
		parent:                      {ok(catalog(new(copying(250))))},
		"POST " + path7 + "/pause":  {accepted},
		"POST " + path7 + "/resume": {accepted},
		"POST " + path7 + "/cancel": {accepted},
		"POST " + path7 + "/accept": {refused(web.Conflict("The rebuild has found no differences that wait to be accepted."))},
	})
	for verb, want := range map[string]string{
		"pause":  "rebuild 7 of catalog comes to rest; 'bookstore rebuild resume catalog' goes on\n",
		"resume": "rebuild 7 of catalog goes on; 'bookstore rebuild watch catalog' shows it\n",
		"cancel": "rebuild 7 of catalog is given up; 'bookstore rebuild watch catalog' shows when it is gone\n",
	} {
		require.Equal(t, result{exitOK, want, ""}, api.run(t, "rebuild "+verb+" catalog"))
	}
	r := api.run(t, "rebuild accept catalog")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "no differences that wait")
}

const path7 = "/api/projections/catalog/rebuilds/7"

func TestWhereThereIsNoRebuildToSteer(t *testing.T) {
	t.Parallel()
	r := newFakeAPI(t, map[string][]reply{parent: {ok(catalog(new(switched())))}}).run(t, "rebuild cancel catalog")
	require.Equal(t, result{exitFailed, "", "bookstore: no rebuild of catalog is under way: the last one, 7, has switched at 2026-03-01T09:31:00Z\n"}, r)
	never := newFakeAPI(t, map[string][]reply{parent: {ok(catalog(nil))}})
	require.Equal(t, result{exitFailed, "", "bookstore: look for a rebuild of catalog: there was none yet\n"}, never.run(t, "rebuild watch catalog"))
	require.Equal(t, result{exitOK, "catalog was never rebuilt\n", ""}, never.run(t, "rebuild status catalog"))
}

func TestTheStatusOfARebuild(t *testing.T) {
	t.Parallel()
	paused := copying(250)
	paused.Paused, paused.EventsPerSecond, paused.SecondsLeft = true, nil, nil
	for want, r := range map[string]rebuild.Rebuild{
		`rebuild 7 of catalog into generation 2, begun at 2026-03-01T09:30:00Z, by host 4711
copying, 250 of 1000 events, 25 %, paused
the rebuild is paused: 'bookstore rebuild resume catalog' goes on
`: paused,
		"rebuild 7 of catalog into generation 2, begun at 2026-03-01T09:30:00Z, by host 4711\ndiffers\n" + whatDiffers: differs(),
		"rebuild 7 of catalog was cancelled\n": in(rebuild.Cancelled, nil),
		summary:                                switched(),
	} {
		api := newFakeAPI(t, map[string][]reply{parent: {ok(catalog(&r))}, lookAt: {ok(`{"id": 7}`)}})
		require.Equal(t, result{exitOK, want, ""}, api.run(t, "rebuild status catalog"))
		require.Equal(t, result{exitOK, `{"id":7}` + "\n", ""}, api.run(t, "rebuild status catalog --json"))
	}
}

func TestTheDiffOfARebuildIsHandedOnLineByLine(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{
		parent:                   {ok(catalog(new(differs())))},
		"GET " + path7 + "/diff": {ok("{\"key\":{\"id\":\"17\"}}\n{\"table\":\"a\u009b31m\"}\n"), refused(web.Conflict("The two generations can't be compared now."))},
	})
	require.Equal(t, result{exitOK, `{"key":{"id":"17"}}` + "\n" + `{"table":"a\u009b31m"}` + "\n", ""}, api.run(t, "rebuild diff catalog"))
	r := api.run(t, "rebuild diff catalog")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "can't be compared now")
}

func TestOnATerminalEachPhaseHasABar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	show := &rebuildProgress{out: &out, terminal: true, ended: -1}
	show.state(copying(250))
	require.Contains(t, out.String(), "copying, 250/1000, 50/s")
	require.Contains(t, out.String(), "24%") // of a bar that is never full
	out.Reset()
	show.state(indexing())
	require.Contains(t, out.String(), "copying took 20s\n")
	require.Contains(t, out.String(), "indexing")
	out.Reset()
	show.state(in(rebuild.Switching, func(r *rebuild.Rebuild) { r.Phases = indexing().Phases }))
	require.Contains(t, out.String(), "switching")
	require.NotContains(t, out.String(), "%")
	show.clear()
	require.True(t, strings.HasSuffix(out.String(), "\r"), "%q", out.String())
}
