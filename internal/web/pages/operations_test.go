package pages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/operations"
	"bookstore/internal/projection/parked"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

// hostileText is what a key, an error or a title may be.
const hostileText = `"><script>alert('x')</script><img src=x onerror=alert(1)> ${{7*7}} שלום`

var someTime = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func TestOverviewShowsAllProjections(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.api.answer("GET /api/projections", http.StatusOK, []operations.Projection{
		{
			Name: "catalog", Version: 2, Topic: "lr-book-events", Active: 3,
			Behind: new(int64(12_345)), BehindSeconds: new(125.0), EventsPerSecond: new(4321.5), Parked: 2,
			Generations: []operations.Generation{
				{Generation: 2, Version: 1, State: "retired", Attached: true, Rows: 999, Bytes: 1_800_000, CreatedAt: someTime},
				{Generation: 3, Version: 2, State: "active", Attached: true, Rows: 1_234_567, Bytes: 2_345_000_000, Parked: 2, CreatedAt: someTime},
				{Generation: 4, Version: 2, State: "building", Rows: 10, Bytes: 16_384, CreatedAt: someTime},
			},
			Rebuild: &rebuild.Rebuild{
				ID: 7, Projection: "catalog", Generation: 4, Phase: rebuild.Copying, Wish: rebuild.Run, Owner: "here",
				EventsDone: 450, EventsTotal: 1000, EventsPerSecond: new(1200.0), SecondsLeft: new(62.0), Trouble: hostileText,
			},
		},
		{Name: "history", Version: 1, NeedsRebuild: true},
		{Name: "trends", Active: 1, Behind: new(int64(0)), BehindSeconds: new(0.0), Rebuild: &rebuild.Rebuild{
			ID: 5, Projection: "trends", Phase: rebuild.Switched, StartedAt: someTime, FinishedAt: new(someTime.Add(90 * time.Second)),
		}},
	})
	page := b.get(t, "/operations", http.StatusOK)
	require.Len(t, page.tag("h1"), 1)
	require.Equal(t, "Operations", page.tag("h1")[0].text())

	catalog := page.id(t, "projection-catalog")
	require.Equal(t, "/operations/projections/catalog", catalog.id(t, "catalog-details").attr("href"))
	require.Equal(t, "generation 3", catalog.figure(t, "active"))
	require.Equal(t, "12,345 records, 2 min 5 s", catalog.figure(t, "behind"))
	require.Equal(t, "4,322/s", catalog.figure(t, "rate"))
	require.Equal(t, "2", catalog.figure(t, "parked"))
	generations := catalog.id(t, "catalog-generations").tag("tr")
	require.Len(t, generations, 3)
	require.Equal(t, "2 retired 999 1.8 MB 1 live 0", generations[0].text())
	require.Equal(t, "3 active 1,234,567 2.3 GB 2 live 2", generations[1].text())
	require.Equal(t, "4 building 10 16 kB 2 no 0", generations[2].text())
	require.Equal(t, "/operations/projections/catalog/rebuilds/7", catalog.id(t, "catalog-rebuild-link").attr("href"))
	require.Equal(t, "Copying, 45 %, 1,200/s, 1 min 2 s left "+hostileText, catalog.id(t, "catalog-rebuild").text())
	require.Equal(t, "45", catalog.tag("progress")[0].attr("value"))

	history := page.id(t, "projection-history")
	require.Equal(t, "none yet", history.figure(t, "active"))
	require.Equal(t, "The generation that answers was made by older code.", history.figure(t, "needs-rebuild"))
	require.Equal(t, "not known", history.figure(t, "behind"))
	require.Equal(t, "not known", history.figure(t, "rate"))
	require.Equal(t, "none", history.figure(t, "parked"))
	require.Equal(t, "None yet.", history.id(t, "history-generations").text())
	require.Contains(t, history.text(), "Never rebuilt.")

	trends := page.id(t, "projection-trends")
	require.Equal(t, "level", trends.figure(t, "behind"))
	require.Equal(t, "Switched, 14 Mar 2026 15:10:56, after 1 min 30 s", trends.id(t, "trends-rebuild").text())
	require.Empty(t, trends.tag("progress"))
	require.Empty(t, page.id(t, "trouble").text())
}

func TestOverviewShowsTheLogAndWhatGoesOn(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	before := b.get(t, "/operations", http.StatusOK)
	require.Equal(t, "Not known yet.", before.id(t, "chart").text(), "a process without these routes has no more to say")
	require.Equal(t, "Not known yet.", before.id(t, "tail-rows").text())
	require.Empty(t, before.id(t, "trouble").text())

	b.api.answer("GET /api/activity", http.StatusOK, json.RawMessage(`{"seconds":[
		{"at":"2026-03-14T15:09:26Z","searches":null,"writes":null},
		{"at":"2026-03-14T15:10:26Z","searches":40,"writes":0},
		{"at":"2026-03-14T15:11:25Z","searches":12,"writes":1500}]}`))
	b.api.answer("GET /api/events", http.StatusOK, json.RawMessage(`[
		{"position":"3.17","at":"2026-03-14T15:09:26Z","type":"bookstore.book.created.v1","book_id":42,"version":1,"title":`+asJSON(t, hostileText)+`,"actor":"who","command_id":"c"},
		{"position":"3.16","at":"2026-03-14T15:09:25Z","type":"bookstore.command.rejected.v1","book_id":7,"version":0,"title":"","actor":"","command_id":"c","reason":"version is stale"},
		{"position":"0.1","at":"2026-03-14T15:09:24Z","type":"","error":"no header ce_type"}]`))
	page := b.get(t, "/operations", http.StatusOK)
	require.Equal(t, "Searches: 12/s now, 40/s at most", page.id(t, "chart-searches").text())
	require.Equal(t, "Writes: 1,500/s now, 1,500/s at most", page.id(t, "chart-writes").text())
	lines := page.id(t, "chart").all(func(e document) bool { return e.Data == "path" && e.attr("class") != "grid-line" })
	require.Len(t, lines, 2)
	require.Equal(t, "writes", lines[0].attr("class"))
	require.Equal(t, "M300.0 100.0h0L600.0 25.0", lines[0].attr("d"))
	require.Contains(t, page.id(t, "chart").text(), "2,000/s1,000/s0")
	require.Contains(t, page.id(t, "chart").text(), "2 min ago")

	rows := page.id(t, "tail-rows").tag("tr")
	require.Len(t, rows, 3)
	require.Equal(t, "14 Mar 2026 15:09:26 created "+hostileText+" 1 who 3.17", rows[0].text())
	require.Equal(t, "/books/42", rows[0].tag("a")[0].attr("href"))
	require.Equal(t, "14 Mar 2026 15:09:25 rejected Book 7 version is stale 3.16", rows[1].text())
	require.Equal(t, "14 Mar 2026 15:09:24 can't be read no header ce_type 0.1", rows[2].text())
	require.Empty(t, rows[2].tag("a"))
}

func TestOverviewShowsParkedRecords(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	empty := b.get(t, "/operations", http.StatusOK)
	require.Equal(t, "Nothing is parked: all records could be applied.", empty.id(t, "parked-rows").text())
	empty.lacks(t, "retry-all", "parked-more")

	b.api.answerWith("GET /api/parked", fakeAnswer{
		status: http.StatusOK,
		header: http.Header{"Link": {`</api/parked?after=13&limit=20>; rel="next"`}},
		body: []operations.Parked{
			{
				ID: 12, Consumer: "catalog", Generation: 3, Topic: "lr-book-events", Partition: 4, Offset: 5, Key: []byte(hostileText), KeyText: new(hostileText),
				Poison: true, Error: hostileText, Tries: 1, TriedAt: someTime,
			},
			{
				ID: 13, Consumer: "commands", Topic: "lr-book-commands", Key: []byte{0xff, 'a'}, Book: new(int64(42)),
				Tries: 1000, TriedAt: someTime, Request: new(parked.Retry),
			},
		},
	})
	page := b.get(t, "/operations", http.StatusOK)
	first := page.id(t, "parked-12")
	require.Contains(t, first.text(), "catalog generation 3 "+hostileText+" 4.5 of lr-book-events "+hostileText+" 14 Mar 2026 15:09:26 1 try")
	require.Equal(t, "/operations/parked/12", first.tag("a")[0].attr("href"))
	require.Equal(t, "Retry 4.5", first.id(t, "retry-12").text())
	require.Equal(t, "Discard 4.5", first.id(t, "discard-12").tag("button")[0].text())
	second := page.id(t, "parked-13")
	require.Contains(t, second.text(), `"\xffa" 0.0 of lr-book-commands Held back: a record of the same key before it can't be applied. retry asked for`)
	require.Equal(t, "/books/42", second.id(t, "parked-13-book").attr("href"))
	require.Equal(t, "Retry all", page.id(t, "retry-all").text())
	require.Equal(t, "/operations/parked?after=13", page.id(t, "parked-more").attr("href"))
	require.Empty(t, page.tag("img"))
	for _, script := range page.tag("script") {
		require.True(t, strings.HasPrefix(script.attr("src"), "/assets/"), "scripts of our own only")
		require.Empty(t, script.text())
	}
}

func TestParkedRecordsHavePages(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.api.answerWith("GET /api/parked", fakeAnswer{
		status: http.StatusOK, header: http.Header{"Link": {`<x>; rel="next"`}},
		body: []operations.Parked{{ID: 12, Consumer: "catalog", DiscardedAt: &someTime}},
	})
	list := b.get(t, "/operations/parked?consumer=catalog&discarded=true&after=3", http.StatusOK)
	require.Equal(t, "Discarded records of catalog", list.tag("h1")[0].text())
	list.lacks(t, "retry-12", "discard-12")
	next := list.with("rel", "next")
	require.Len(t, next, 1)
	require.Equal(t, "/operations/parked?after=12&consumer=catalog&discarded=true", next[0].attr("href"))

	b.api.answer("GET /api/parked/12", http.StatusOK, operations.ParkedRecord{
		Parked: operations.Parked{
			ID: 12, Consumer: "catalog", Generation: 3, Topic: "lr-book-events", Partition: 4, Offset: 5, Poison: true, Error: hostileText, Tries: 2,
			RecordedAt: someTime, ParkedAt: someTime, TriedAt: someTime,
		},
		Value: []byte(`{}`), ValueText: new(`{"title":` + asJSON(t, hostileText) + `}`),
		Headers: []operations.Header{{Key: []byte("ce_type"), KeyText: new("ce_type"), Value: []byte{0}}, {KeyText: new(""), ValueText: new(hostileText)}},
	})
	record := b.get(t, "/operations/parked/12", http.StatusOK)
	require.Equal(t, "Record 4.5 of lr-book-events", record.tag("h1")[0].text())
	require.Contains(t, record.text(), hostileText)
	require.Contains(t, record.text(), "Key(none)")
	require.Contains(t, record.text(), `ce_type"\x00"`)
	require.Contains(t, record.text(), "(empty)"+hostileText)
	require.Equal(t, `{ "title": `+asJSON(t, hostileText)+` }`, record.id(t, "value").text())
	record.id(t, "retry-12")
	record.id(t, "discard-12")

	b.get(t, "/operations/parked/13", http.StatusNotFound)
	b.get(t, "/operations/parked/x", http.StatusBadRequest)
}

func TestProjectionShowsWhatCanBeDone(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	shown := operations.Projection{
		Name: "catalog", Version: 2, Topic: "lr-book-events", Active: 3, Parked: 1,
		Generations: []operations.Generation{
			{Generation: 1, State: "retired", CreatedAt: someTime},
			{Generation: 2, State: "retired", Attached: true, CreatedAt: someTime},
			{Generation: 3, State: "active", Attached: true, CreatedAt: someTime},
		},
	}
	b.api.answer("GET /api/projections/catalog", http.StatusOK, shown)
	b.api.answer("GET /api/projections/catalog/rebuilds", http.StatusOK, []rebuild.Rebuild{
		{ID: 2, Projection: "catalog", Generation: 3, Phase: rebuild.Switched, StartedAt: someTime, FinishedAt: new(someTime.Add(time.Minute)), Verification: &compare.Report{Differences: 1234}},
		{ID: 1, Projection: "catalog", Generation: 2, Phase: rebuild.Failed, StartedAt: someTime, FinishedAt: new(someTime.Add(time.Second))},
	})
	b.api.answer("GET /api/projections/catalog/rebuilds/estimate", http.StatusOK, rebuild.Estimate{
		Events: 1_000_000, EventsPerSecond: new(20_000.0), Seconds: new(50.0), Bytes: 350_000_000, Basis: "Measured by rebuild 2.",
	})
	page := b.get(t, "/operations/projections/catalog", http.StatusOK)
	require.Equal(t, "catalog", page.tag("h1")[0].text())
	require.Equal(t, "1,000,000 events, about 50 s; 350 MB of disk beside what there is. Measured by rebuild 2.", page.id(t, "estimate").text())
	require.Contains(t, page.id(t, "rollback").text(), "Roll back to generation 2…")
	page.id(t, "drop-1")
	page.id(t, "drop-2")
	page.lacks(t, "drop-3")
	require.Equal(t, "Retry all parked records of catalog", page.id(t, "retry-all").text())
	rebuilds := page.id(t, "rebuilds").tag("tr")
	require.Len(t, rebuilds, 2)
	require.Equal(t, "2 Switched 3 0 14 Mar 2026 15:09:26 1 min 1,234", rebuilds[0].text())
	require.Equal(t, "1 Failed 2 0 14 Mar 2026 15:09:26 1 s –", rebuilds[1].text())
	require.Equal(t, "/operations/projections/catalog/rebuilds/2", rebuilds[0].tag("a")[0].attr("href"))
	require.Empty(t, page.with("http-equiv", "refresh"), "a page with a form to fill in does not load itself again")

	shown.Parked, shown.Rebuild = 0, &rebuild.Rebuild{ID: 3, Projection: "catalog", Phase: rebuild.Indexing, Wish: rebuild.Run}
	b.api.answer("GET /api/projections/catalog", http.StatusOK, shown)
	b.api.answer("GET /api/projections/catalog/rebuilds/estimate", http.StatusServiceUnavailable, web.Unavailable("The log is away.", 0))
	page = b.get(t, "/operations/projections/catalog", http.StatusOK)
	page.lacks(t, "rollback", "retry-all")
	require.Equal(t, "How long it would take is not known.", page.id(t, "estimate").text())

	b.get(t, "/operations/projections/none", http.StatusNotFound)
}

func TestRebuildShowsEachPhase(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	over := func(r rebuild.Rebuild) rebuild.Rebuild {
		r.FinishedAt = new(someTime.Add(time.Hour))
		return r
	}
	done := []rebuild.PhaseTime{{Phase: rebuild.Copying, Seconds: 125}, {Phase: rebuild.Indexing, Seconds: 3}}
	for name, c := range map[string]struct {
		rebuild       rebuild.Rebuild
		phase, steps  string
		there, lacked []string
		percent       string
	}{
		"copying": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Copying, Wish: rebuild.Run, Owner: "here", EventsDone: 999, EventsTotal: 1000, SecondsLeft: new(1.0)},
			phase:   "Copying", steps: "copying:now indexing:next catching_up:next verifying:next switching:next switched:next",
			there: []string{"pause", "cancel"}, lacked: []string{"resume", "accept"}, percent: "99",
		},
		"paused": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Copying, Wish: rebuild.Pause, Owner: "here", Paused: true},
			phase:   "Copying, paused", steps: "copying:now indexing:next catching_up:next verifying:next switching:next switched:next",
			there: []string{"resume", "cancel"}, lacked: []string{"pause", "accept"},
		},
		"about to pause": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Copying, Wish: rebuild.Pause, Owner: "here"},
			phase:   "Copying, about to pause", steps: "copying:now indexing:next catching_up:next verifying:next switching:next switched:next",
			there: []string{"resume"}, lacked: []string{"pause"},
		},
		"left alone": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Indexing, Wish: rebuild.Run, Phases: done[:1], Detail: hostileText},
			phase:   "Indexing, waiting for a process to take it up", steps: "copying:done indexing:now catching_up:next verifying:next switching:next switched:next",
			there: []string{"pause", "cancel"},
		},
		"verifying": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Verifying, Wish: rebuild.Run, Owner: "here", Phases: done, PhaseShare: new(0.5)},
			phase:   "Verifying", steps: "copying:done indexing:done verifying:now switching:next switched:next", percent: "50",
		},
		"differs": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Differs, Wish: rebuild.Run, Owner: "here", Phases: done, Verification: &compare.Report{Differences: 1}},
			phase:   "Waiting for consent", steps: "copying:done indexing:done differs:now switching:next switched:next",
			there: []string{"accept", "cancel", "pause"},
		},
		"accepted": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Differs, Wish: rebuild.Run, Owner: "here", AcceptDiff: true},
			phase:   "Waiting for consent", lacked: []string{"accept"},
		},
		"being cancelled": {
			rebuild: rebuild.Rebuild{Phase: rebuild.Differs, Wish: rebuild.Cancel, Owner: "here"},
			phase:   "Waiting for consent, being cancelled", lacked: []string{"pause", "resume", "accept", "cancel"},
		},
		"switched": {
			rebuild: over(rebuild.Rebuild{Phase: rebuild.Switched, Wish: rebuild.Run, Generation: 4, Phases: append(done, rebuild.PhaseTime{Phase: rebuild.Switching})}),
			phase:   "Switched: generation 4 answers queries", steps: "copying:done indexing:done switching:done switched:done",
			lacked: []string{"pause", "resume", "accept", "cancel"},
		},
		"cancelled": {
			rebuild: over(rebuild.Rebuild{Phase: rebuild.Cancelled, Wish: rebuild.Cancel, Phases: done}),
			phase:   "Cancelled", steps: "copying:done indexing:done cancelled:now", lacked: []string{"pause", "resume", "accept", "cancel"},
		},
		"failed": {
			rebuild: over(rebuild.Rebuild{Phase: rebuild.Failed, Wish: rebuild.Run, Trouble: hostileText}),
			phase:   "Failed", steps: "failed:now", lacked: []string{"pause", "resume", "accept", "cancel"},
		},
		"of a newer process": {
			rebuild: rebuild.Rebuild{Phase: "polishing", Wish: rebuild.Run, Owner: "here"},
			phase:   "polishing", there: []string{"pause", "cancel"},
		},
	} {
		c.rebuild.ID, c.rebuild.Projection, c.rebuild.StartedAt, c.rebuild.ReportedAt = 7, "catalog", someTime, someTime.Add(time.Minute)
		b.api.answer("GET /api/projections/catalog/rebuilds/7", http.StatusOK, c.rebuild)
		page := b.get(t, "/operations/projections/catalog/rebuilds/7", http.StatusOK)
		require.Equal(t, c.phase, page.id(t, "phase").text(), name)
		require.Len(t, page.with("data-phase", string(c.rebuild.Phase)), 2, "%s: as what it is and among the phases", name)
		if c.steps != "" {
			var steps []string
			for _, step := range page.id(t, "phases").tag("li") {
				steps = append(steps, step.attr("data-phase")+":"+step.attr("data-state"))
				require.Equal(t, step.attr("data-state") == "now", step.attr("aria-current") == "step")
			}
			require.Equal(t, c.steps, strings.Join(steps, " "), name)
		}
		for _, id := range c.there {
			page.id(t, id)
		}
		page.lacks(t, c.lacked...)
		if progress := page.id(t, "progress").tag("progress"); c.percent == "" {
			require.Empty(t, progress, name)
		} else {
			require.Equal(t, c.percent, progress[0].attr("value"), name)
		}
		if c.rebuild.Trouble != "" {
			require.Contains(t, page.id(t, "rebuild-trouble").text(), c.rebuild.Trouble)
		}
	}
}

func TestRebuildShowsFiguresAndDifferences(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.api.answer("GET /api/projections/catalog/rebuilds/7", http.StatusOK, rebuild.Rebuild{
		ID: 7, Projection: "catalog", Generation: 4, Version: 2, Replaces: new(int64(3)), Phase: rebuild.Differs, Wish: rebuild.Run, Owner: hostileText,
		EventsDone: 1000, EventsTotal: 2000, EventsPerSecond: new(500.0), SecondsLeft: new(2.0), QueryP99Before: new(2.0), QueryP99Now: new(3.0), GivenWay: 12.5,
		MaxQuerySlowdown: new(1.5), StartedAt: someTime, Phases: []rebuild.PhaseTime{{Phase: rebuild.Copying, Seconds: 125}},
		Verification: &compare.Report{Differences: 1002, Tables: []compare.Table{{
			Table: "books", ActiveRows: 1_000_000, NewRows: 999_999, OnlyActive: 1, OnlyNew: 0, Changed: 1000,
			Fields: []compare.Field{{Field: "title", Rows: 1000}}, Removed: []string{"isbn"}, Added: []string{"lexemes"},
			Samples: []compare.Row{
				{Table: "books", Key: map[string]string{"id": "42"}, Kind: compare.Changed, Fields: []compare.Difference{{Field: "title", Active: new(hostileText), New: nil}}},
				{Table: "books", Key: map[string]string{"id": hostileText}, Kind: compare.OnlyActive},
			},
		}}},
	})
	page := b.get(t, "/operations/projections/catalog/rebuilds/7", http.StatusOK)
	figures := page.id(t, "figures")
	require.Equal(t, "1,000 of 2,000", figures.figure(t, "events"))
	require.Equal(t, "500/s", figures.figure(t, "rate"))
	require.Equal(t, "2 s", figures.figure(t, "left"))
	require.Equal(t, "2 ms", figures.figure(t, "p99-before"))
	require.Equal(t, "3 ms 1.5 times that", figures.figure(t, "p99-now"))
	require.Equal(t, "13 s", figures.figure(t, "given-way"))
	require.Equal(t, hostileText, figures.figure(t, "owner"))
	require.Contains(t, page.text(), "to take the place of generation 3. Begun 14 Mar 2026 15:09:26. Queries may take at most 1.5 times as long.")
	require.Contains(t, page.id(t, "phases").tag("li")[0].text(), "Copying 2 min 5 s")

	found := page.id(t, "verification")
	require.Contains(t, found.text(), "1,002 differences between generation 3 and generation 4.")
	require.Contains(t, found.text(), "books1,000,000999,999 101,000 title: 1,000 added: lexemes gone: isbn")
	require.Contains(t, found.text(), "id 42 changed title "+hostileText+" none")
	require.Contains(t, found.text(), "id "+hostileText+" missing")
	require.Equal(t, "/api/projections/catalog/rebuilds/7/diff", found.id(t, "all-differences").attr("href"))
	require.Contains(t, page.id(t, "accept").text(), "with 1,002 differences to what they get now")
	require.Empty(t, page.tag("img"))
}

// TestOverviewShowsWhatIsThereWhenSomethingIsAway since that is when operators look.
func TestOverviewShowsWhatIsThereWhenSomethingIsAway(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	away := web.Unavailable("The database cannot be reached.", time.Second)
	b.api.answer("GET /api/projections", http.StatusServiceUnavailable, away)
	b.api.answer("GET /api/parked", http.StatusServiceUnavailable, away)
	b.api.answer("GET /api/activity", http.StatusOK, json.RawMessage(`{"seconds":[{"at":"2026-03-14T15:09:26Z","searches":7,"writes":null}]}`))
	page := b.get(t, "/operations", http.StatusServiceUnavailable)
	require.Contains(t, page.id(t, "trouble").text(), "The projections can't be looked at: not possible at the moment. The database cannot be reached.")
	require.Contains(t, page.id(t, "trouble").text(), "Parked records can't be looked at")
	require.Equal(t, "Not known now.", page.id(t, "projections").text())
	require.Equal(t, "Searches: 7/s now, 7/s at most", page.id(t, "chart-searches").text())
	require.Equal(t, "Writes: not known yet", page.id(t, "chart-writes").text())

	b.api.answer("GET /api/projections/catalog", http.StatusServiceUnavailable, away)
	problem := b.get(t, "/operations/projections/catalog", http.StatusServiceUnavailable)
	require.Contains(t, problem.text(), "The database cannot be reached.")
	b.get(t, "/operations/projections/catalog/live", http.StatusServiceUnavailable)
	b.get(t, "/operations/projections/catalog/rebuilds/x", http.StatusBadRequest)
	b.get(t, "/operations/projections/catalog/rebuilds/7/live", http.StatusNotFound)
}

func TestPagesWithoutScriptsLoadThemselvesAgain(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	page := b.get(t, "/operations?done=applied", http.StatusOK)
	var noscript string
	for _, e := range page.tag("noscript") {
		noscript += e.text()
		for _, refresh := range e.with("http-equiv", "refresh") {
			require.Equal(t, "5; url=/operations", refresh.attr("content"), "without what was ordered")
		}
	}
	require.Contains(t, noscript+page.text(), "Load again")
	require.Len(t, page.with("hx-ext", "sse"), 1)

	still := b.get(t, "/operations?live=off", http.StatusOK)
	require.Empty(t, still.with("hx-ext", "sse"), "who wants it to stand still gets that")
	require.Empty(t, still.with("http-equiv", "refresh"))
	require.Equal(t, "/operations", still.id(t, "live-toggle").attr("href"))
}

// TestIdsAreThereOnce since what is swapped, focused or described is found by them.
func TestIdsAreThereOnce(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.api.answer("GET /api/projections", http.StatusOK, []operations.Projection{
		{Name: "catalog", Generations: []operations.Generation{{Generation: 1, State: "retired"}}}, {Name: "history"},
	})
	b.api.answer("GET /api/parked", http.StatusOK, []operations.Parked{{ID: 1}, {ID: 2}})
	b.api.answer("GET /api/projections/catalog", http.StatusOK, operations.Projection{Name: "catalog", Generations: []operations.Generation{{Generation: 1, State: "retired", Attached: true}}})
	b.api.answer("GET /api/projections/catalog/rebuilds", http.StatusOK, []rebuild.Rebuild{})
	b.api.answer("GET /api/projections/catalog/rebuilds/7", http.StatusOK, rebuild.Rebuild{ID: 7, Projection: "catalog", Phase: rebuild.Differs, Wish: rebuild.Run})
	for _, path := range []string{"/operations", "/operations/projections/catalog", "/operations/projections/catalog/rebuilds/7", "/operations/parked"} {
		page := b.get(t, path, http.StatusOK)
		seen := make(map[string]bool)
		for _, e := range page.all(func(e document) bool { return e.carries("id") }) {
			require.False(t, seen[e.attr("id")], "%s: id %q", path, e.attr("id"))
			seen[e.attr("id")] = true
		}
		for _, attribute := range []string{"aria-labelledby", "aria-describedby", "for"} {
			for _, e := range page.all(func(e document) bool { return e.carries(attribute) }) {
				require.True(t, seen[e.attr(attribute)], "%s: %s=%q", path, attribute, e.attr(attribute))
			}
		}
		for _, e := range page.all(func(e document) bool { return e.carries("style") || e.carries("onclick") }) {
			require.Fail(t, "the content policy forbids it", "%s: %s", path, fmt.Sprint(e.Attr))
		}
	}
}
