package app_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/testenv/browser"
)

// slowly is for what takes processes that look about once a second several looks.
const slowly = time.Minute

// An operator has the catalog rebuilt: he watches it from the start to the switch, pauses
// it and has it go on, and takes it back.
func TestARebuildInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	release := s.holdSwitches(t)
	overview := s.visitor(t).Open("/operations").WaitText("#live-state", "Live")
	require.Equal(t, "generation 1", overview.Text("#catalog-figures [data-figure=active]"))

	page := s.visitor(t).Open("/operations").Within(slowly)
	page.Loads(func() { page.Click("a#catalog-details") })
	page.WaitText("#estimate", "337 events").Loads(func() { page.Click("#start") })
	page.WaitText("#notice", "has begun").WaitText("#live-state", "Live")
	stays := documentStays(page)
	for _, phase := range []string{"copying", "indexing", "catching_up", "verifying"} {
		page.WaitVisible(`#phases li[data-phase=` + phase + `][data-state=done]`)
	}
	page.WaitVisible(`#phases li[data-phase=switching][data-state=now]`).WaitText("#phase", "Switching")
	page.WaitText("#verification", "No differences")
	stays(t)
	overview.WaitText("#catalog-rebuild", "Switching")

	page.Loads(func() { page.Click("#pause") })
	page.WaitText("#notice", "told to pause").WaitText("#phase", "paused").WaitText("#live-state", "Live")
	page.Loads(func() { page.Click("#resume") })
	page.WaitGone("#resume").WaitVisible("#pause").WaitText("#live-state", "Live")
	stays = documentStays(page)
	release()
	page.WaitText("#phase", "Switched").WaitGone("#pause").WaitGone("#cancel")
	stays(t)
	overview.WaitText("#catalog-figures [data-figure=active]", "generation 2").WaitText("#catalog-rebuild", "Switched")
	overview.WaitText(`#catalog-generations tr[data-generation="1"]`, "retired")

	page.Loads(func() { page.Click(".operations nav a[href$='/catalog']") })
	page.WaitText("#rebuilds tr", "Switched").WaitText("#catalog-figures [data-figure=active]", "generation 2")
	page.Click("#rollback summary").Loads(func() { page.Click("#rollback button") })
	page.WaitText("#notice", "Rolled back").WaitText("#catalog-figures [data-figure=active]", "generation 1")
	overview.WaitText("#catalog-figures [data-figure=active]", "generation 1")
	lookFor(overview.Open("/"), "whale")
	overview.WaitText("#results h3", "Moby-Dick")
}

// holdSwitches has a query read the catalog for as long as a test wants: nothing takes its
// place meanwhile.
func (s shop) holdSwitches(t *testing.T) (release func()) {
	t.Helper()
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT count(*) FROM books`)
	require.NoError(t, err)
	release = func() { _ = tx.Rollback(context.Background()) } // a second time is no harm
	t.Cleanup(release)
	return release
}

// documentStays returns what fails the test if the page was loaded anew meanwhile.
func documentStays(page *browser.Page) (stays func(*testing.T)) {
	origin := func() (loaded float64) {
		page.Eval("performance.timeOrigin", &loaded)
		return loaded
	}
	before := origin()
	return func(t *testing.T) {
		t.Helper()
		require.InDelta(t, before, origin(), 0, "the page shows it by itself")
	}
}

// What a bug keeps from being applied is seen at once, and tried again when it is mended.
func TestRetryingParkedRecordsInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	book := s.add(t, events.Details{Title: "Remedy", Author: "Somebody"})
	_, err := s.pool.Exec(t.Context(), `ALTER TABLE catalog_books_g1 ADD CONSTRAINT bug CHECK (title <> 'Poison')`)
	require.NoError(t, err)
	page := s.visitor(t).Open("/operations").Within(slowly)
	page.WaitText("#parked-rows", "Nothing is parked").WaitText("#live-state", "Live")
	stays := documentStays(page)

	// Nobody can wait for it to be readable.
	a := s.api.do(http.MethodPut, bookPath(book.ID), headers{"If-Match": `"1"`, "Prefer": "respond-async"}, events.Details{Title: "Poison", Author: "Somebody"})
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	page.WaitText("#parked-rows tr", fmt.Sprint(book.ID)).WaitText("#parked-rows tr", `violates check constraint "bug"`)
	page.WaitText("#catalog-figures [data-figure=parked]", "1")
	stays(t)

	page.Loads(func() { page.Click("#parked-rows tr button") })
	page.WaitText("#notice.refused", "in vain")
	page.Loads(func() { page.Click("#parked-rows tr th ~ td a") })
	page.WaitText("#parked", "could not be applied").WaitText("#book h1", "Remedy")

	_, err = s.pool.Exec(t.Context(), `ALTER TABLE catalog_books_g1 DROP CONSTRAINT bug`)
	require.NoError(t, err)
	page.Open("/operations").Loads(func() { page.Click("#retry-all") })
	page.WaitText("#notice", "Tried again, and applied").WaitText("#parked-rows", "Nothing is parked")
	page.Open(fmt.Sprintf("/books/%d", book.ID)).WaitText("#book h1", "Poison").WaitGone("#parked")
}

// What nobody can read is looked at and given up.
func TestDiscardingParkedRecordsInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	book := s.add(t, events.Details{Title: "Sound", Author: "Somebody"})
	s.publish(t, s.topics.Events, unreadable(book.ID))
	page := s.visitor(t).Open("/operations").Within(slowly)
	page.WaitCount("#parked-rows tr", 2) // one of the catalog, one of the history

	page.Loads(func() { page.Click(`//*[@id="parked-rows"]//a[contains(., "Look at it")]`) })
	page.WaitText(".notice", "bookstore.book.updated.v9").WaitText("#value", "<script>alert(1)</script>")
	page.Click("details summary").Loads(func() { page.Click("details button") })
	page.WaitURL("/operations?").WaitText("#notice", "Discarded").WaitCount("#parked-rows tr", 1)
	page.Click("#parked-rows summary").Loads(func() { page.Click("#parked-rows details button") })
	page.WaitText("#notice", "Discarded").WaitText("#parked-rows", "Nothing is parked")

	page.Loads(func() { page.Click(`//a[.="Discarded ones"]`) })
	page.WaitCount("#parked-rows tr", 2)
	page.Open(fmt.Sprintf("/books/%d", book.ID)).WaitText("#book h1", "Sound").WaitGone("#parked")
}

// unreadable is an event of a book as a newer program may have written it.
func unreadable(book int64) events.Encoded {
	return events.Encoded{
		Key: events.BookKey(book), Value: []byte(`{"title": "<script>alert(1)</script>"}`),
		Headers: events.Envelope{ID: uuid.NewString(), Source: "/elsewhere", Type: "bookstore.book.updated.v9", Time: time.Now()}.Headers(),
	}
}

// What happens shows by itself, to everybody who looks: an event at the end of the log,
// searches and writes as lines.
func TestTheLogInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	page := s.visitor(t).Open("/operations").WaitText("#live-state", "Live").WaitCount("#tail-rows tr[data-position]", 20)
	page.WaitText("#chart-searches", "0/s now, 0/s at most").WaitVisible("#chart path.writes") // of the sample
	stays := documentStays(page)

	book := s.add(t, events.Details{Title: "Bartleby, the Scrivener", Author: "Herman Melville"})
	page.WaitText("#tail-rows tr:first-child", "Bartleby, the Scrivener").WaitText("#tail-rows tr:first-child", "created")
	page.WaitCount("#tail-rows tr[data-position]", 20)
	s.rename(t, book, "Bartleby")
	page.WaitText("#tail-rows tr:first-child", "Bartleby").WaitText("#tail-rows tr:first-child", "updated")
	for range 3 {
		require.Equal(t, http.StatusOK, s.api.get("/api/books?q=bartleby", nil).status)
	}
	page.WaitVisible(`//*[@id="chart-searches"][not(contains(., " 0/s at most"))]`).WaitVisible("#chart path.searches")
	stays(t)

	page.Loads(func() { page.Click("#live-toggle") })
	page.WaitText("#live-state", "As of when it was loaded")
	page.Loads(func() { page.Click("#tail-rows tr:first-child a") })
	page.WaitText("#book h1", "Bartleby")
}
