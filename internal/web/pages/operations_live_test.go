package pages_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

const projectionsRoute = "GET /api/projections"

func behind(records int64) []operations.Projection {
	return []operations.Projection{{Name: "catalog", Active: 1, Behind: &records, BehindSeconds: new(1.0)}}
}

// stream is the address that a page takes its changes from.
func (p operatorsPage) stream(t *testing.T) string {
	t.Helper()
	found := p.with("hx-ext", "sse")
	require.Len(t, found, 1)
	return found[0].attr("sse-connect")
}

// next returns the next event of a stream, which must be of a name.
func next(t *testing.T, sent <-chan sentEvent, name string) sentEvent {
	t.Helper()
	select {
	case e, open := <-sent:
		require.True(t, open, "the stream has ended")
		require.Equal(t, name, e.name, "%s", e.data)
		return e
	case <-t.Context().Done():
		require.FailNow(t, "nothing came")
		return sentEvent{}
	}
}

// TestWatchersGetWhatHasChangedAndNothingElse, by one look a second for both of them.
func TestWatchersGetWhatHasChangedAndNothingElse(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.api.answer(projectionsRoute, http.StatusOK, behind(5))
	page := b.get(t, "/operations", http.StatusOK)
	first, second := b.watch(t.Context(), t, page.stream(t), ""), b.watch(t.Context(), t, page.stream(t), "")
	looked, began := b.api.timesAsked(projectionsRoute), time.Now()

	for records, text := range []string{"level", "1 record, 1 s", "2 records, 1 s"} {
		b.api.answer(projectionsRoute, http.StatusOK, behind(int64(records)))
		for _, sent := range []<-chan sentEvent{first, second} {
			e := next(t, sent, "catalog-figures")
			require.Contains(t, e.data, `<dd data-figure="behind">`+text)
			require.Contains(t, e.id, "catalog-figures:")
		}
	}
	require.LessOrEqual(t, b.api.timesAsked(projectionsRoute)-looked, int(time.Since(began).Seconds())+2)
}

// TestWatchersGoOnWhereTheyWere: a browser connects again by itself, maybe to another process.
func TestWatchersGoOnWhereTheyWere(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.api.answer(projectionsRoute, http.StatusOK, behind(5))
	address := b.get(t, "/operations", http.StatusOK).stream(t)
	b.api.answer(projectionsRoute, http.StatusOK, behind(6))
	ctx, leave := context.WithCancel(t.Context())
	last := next(t, b.watch(ctx, t, address, ""), "catalog-figures")
	leave()

	other := setupOperators(t)
	other.api.answer(projectionsRoute, http.StatusOK, behind(6))
	again := other.watch(t.Context(), t, address, last.id)
	other.api.answer("GET /api/parked", http.StatusOK, []operations.Parked{{ID: 12}})
	next(t, again, "parked") // and no figures before

	anew := other.watch(t.Context(), t, "/operations/live", "")
	for _, name := range []string{"projections", "catalog-figures", "catalog-generations", "catalog-rebuild-link", "catalog-rebuild", "parked", "parked-count", "retry-all", "trouble"} {
		next(t, anew, name)
	}
}

// TestWatchersHearOfTrouble and keep what they have, which comes to be of now again.
func TestWatchersHearOfTrouble(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	address := b.get(t, "/operations", http.StatusOK).stream(t)
	sent := b.watch(t.Context(), t, address, "")
	b.api.answer(projectionsRoute, http.StatusServiceUnavailable, web.Unavailable("The database cannot be reached.", 0))
	require.Contains(t, next(t, sent, "trouble").data, "The database cannot be reached.")
	b.api.answer(projectionsRoute, http.StatusOK, []operations.Projection{{Name: "catalog"}, {Name: "history"}})
	cards := next(t, sent, "projections").data
	require.Contains(t, cards, `id="projection-history"`, "there is another one, so what is around them comes anew")
	for _, name := range []string{"history-figures", "history-generations", "history-rebuild-link", "history-rebuild"} {
		require.Contains(t, cards, `sse-swap="`+name+`"`)
		next(t, sent, name)
	}
	require.Empty(t, strings.TrimSpace(next(t, sent, "trouble").data))
}

// TestRebuildIsWatchedToItsEnd without what can be ordered being sent as long as that is
// the same: whoever is about to press a button is left alone.
func TestRebuildIsWatchedToItsEnd(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	r := rebuild.Rebuild{ID: 7, Projection: "catalog", Phase: rebuild.Copying, Wish: rebuild.Run, Owner: "here", EventsTotal: 100}
	route := "GET /api/projections/catalog/rebuilds/7"
	b.api.answer(route, http.StatusOK, r)
	sent := b.watch(t.Context(), t, b.get(t, rebuildPage, http.StatusOK).stream(t), "")

	r.EventsDone = 50
	b.api.answer(route, http.StatusOK, r)
	require.Contains(t, next(t, sent, "progress").data, `<progress value="50"`)
	require.Contains(t, next(t, sent, "figures").data, "50 of 100")

	r.Phase = rebuild.Differs
	b.api.answer(route, http.StatusOK, r)
	for _, name := range []string{"phase", "progress", "phases"} {
		next(t, sent, name)
	}
	require.Contains(t, next(t, sent, "order-accept").data, "Accept and switch") // and not order-cancel

	r.Phase = rebuild.Switched
	b.api.answer(route, http.StatusOK, r)
	require.Contains(t, next(t, sent, "phase").data, "answers queries")
	for _, name := range []string{"progress", "phases", "figures", "order-pause", "order-accept", "order-cancel"} {
		next(t, sent, name)
	}

	b.api.answer(route, http.StatusNotFound, web.NotFound("gone"))
	require.Contains(t, next(t, sent, "trouble").data, "The rebuild is not there any more.")
}

func TestProjectionIsWatched(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	b.withRebuild(rebuild.Rebuild{Phase: rebuild.Switched})
	sent := b.watch(t.Context(), t, b.get(t, catalogPage, http.StatusOK).stream(t), "")
	b.withRebuild(rebuild.Rebuild{Phase: rebuild.Copying})
	require.Contains(t, next(t, sent, "rebuilds").data, "Copying")
	b.api.answer("GET /api/projections/catalog", http.StatusOK, operations.Projection{Name: "catalog"})
	for _, name := range []string{"catalog-figures", "catalog-generations", "order-rollback", "order-retry"} {
		next(t, sent, name)
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	b := setupOperators(t)
	address := b.get(t, "/operations", http.StatusOK).stream(t)
	first, second := b.watch(t.Context(), t, address, ""), b.watch(t.Context(), t, "/operations/live", "")
	next(t, second, "projections")
	b.stop()
	for _, sent := range []<-chan sentEvent{first, second} {
		for range sent {
		}
	}
	asked := b.api.timesAsked(projectionsRoute)
	b.stop()
	require.Equal(t, asked, b.api.timesAsked(projectionsRoute), "nobody looks any more")
}
