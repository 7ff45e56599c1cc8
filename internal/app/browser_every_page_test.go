package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/query"
	"bookstore/internal/testenv/browser"
)

// Every page is as wide as its window, on a phone and on a wide screen, and fit for
// everybody, in light and dark. Chromium, the harness and axe-core are the judges.
func TestEveryPageInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	long := s.add(t, events.Details{
		Title: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", Author: "عائشة Testwriter",
		PublishedAt: "1871", Description: "https://example.org/" + strings.Repeat("unbreakable", 20),
	})
	s.rename(t, long, `<b>"Donau"</b> & 紅樓夢 `+strings.Repeat("Rhabarberbarbara", 10))
	gone := s.add(t, events.Details{Title: "Gone", Author: "Testwriter"})
	require.Equal(t, http.StatusNoContent, s.api.do(http.MethodDelete, bookPath(gone.ID), nil, nil).status)
	s.publish(t, s.topics.Events, unreadable(firstOfSample))
	rebuilt := awaitOver(t, s.pool, startRebuild(s.api, "history", rebuild.Request{}), slowly)
	require.Equal(t, rebuild.Switched, rebuilt.Phase, rebuilt.Trouble)

	page := s.visitor(t)
	book := fmt.Sprintf("/books/%d", long.ID)
	send := func(button string) { page.Loads(func() { page.Click(`//main//button[.="` + button + `"]`) }) }
	for _, seen := range []struct {
		name   string
		reach  func()
		status string // that Chromium logs
	}{
		{"the storefront of an empty mind", func() { page.Open("/").WaitVisible("#trends .note") }, ""},
		{"results", func() {
			page.Open("/?q=the").Loads(func() { page.Click("#pages a[rel=next]") })
			page.WaitVisible("#results mark")
		}, ""},
		{"nothing found", func() { page.Open("/?q=persuasion+xyzzyx").WaitVisible("#did-you-mean") }, ""},
		{"a search that is none", func() { page.Open("/?q=" + strings.Repeat("w+", query.MaxWords+1)).WaitVisible("#problem") }, "400"},
		{"suggestions", func() { page.Open("/").Type("#q", "donau").WaitVisible("#suggestions a") }, ""},
		{"the storefront with trends", func() {
			page.Open("/")
			awaitReloading(t, page, "nothing is recommended", func() bool {
				return page.Count("#trends li") > 0 && page.Count("#recommendations li") > 0
			})
		}, ""},
		{"a book", func() { page.Open(book).WaitVisible("#timeline #v2") }, ""},
		{"a deleted book", func() { page.Open(fmt.Sprintf("/books/%d", gone.ID)).WaitVisible("#gone") }, "404"},
		{"no book", func() { page.Open("/books/999999").WaitVisible("#problem") }, "404"},
		{"the form of a new book", func() { page.Open("/books/new").WaitVisible("#add") }, ""},
		{"its faults", func() {
			page.Open("/books/new").Type("#title", "x").Type("#author", "y").Type("#published_at", "soon").Type("#isbn", "1")
			send("Add the book")
			page.WaitVisible("#isbn-fault")
		}, "422"},
		{"the form of a book", func() { page.Open(book + "/edit").WaitVisible("#edit") }, ""},
		{"a conflict", func() {
			s.newVersion(t, long.ID)
			page.Type("#author", ", too")
			send("Save")
			page.WaitVisible("#conflict tr.differs")
		}, "412"},
		{"the question before a book is deleted", func() { page.Open(book + "/delete").WaitVisible("#delete") }, ""},
		{"its conflict", func() {
			s.newVersion(t, long.ID)
			send("Delete the book")
			page.WaitVisible("#conflict tr.differs")
		}, "412"},
		{"operations", func() {
			page.Open("/operations").WaitText("#live-state", "Live").WaitVisible("#parked-rows tr[id]").WaitVisible("#tail-rows tr[data-position]")
			page.Click("#parked-rows summary")
		}, ""},
		{"a projection", func() {
			page.Open("/operations/projections/history").WaitVisible("#rebuilds tr[data-rebuild]").Click("#rollback summary")
		}, ""},
		{"a projection with a fault", func() {
			page.Open("/operations/projections/history").Type("#max_query_slowdown", "much")
			send("Start a rebuild")
			page.WaitVisible("#max_query_slowdown[aria-invalid=true]")
		}, "422"},
		{"a rebuild", func() {
			page.Open(fmt.Sprintf("/operations/projections/history/rebuilds/%d", rebuilt.ID)).WaitText("#phase", "Switched").WaitVisible("#verification table")
		}, ""},
		{"parked records", func() { page.Open("/operations/parked").WaitVisible("#parked-rows tr[id]") }, ""},
		{"a parked record", func() {
			page.Loads(func() { page.Click("#parked-rows td a[href^='/operations/parked/']") }).WaitVisible("#value")
		}, ""},
		{"no page", func() { page.Open("/nowhere").WaitVisible("#problem") }, "404"},
	} {
		if seen.status != "" {
			page.ExpectFault(seen.status)
		}
		page.Resize(browser.Phone).Light()
		seen.reach()
		page.RequireFits()
		require.Empty(t, page.Axe(), "%s, on a phone, in light", seen.name)
		// Colours and widths have little to do with each other: two of the four will do,
		// and the suite has four minutes.
		page.Resize(browser.Wide).Dark().RequireFits()
		require.Empty(t, page.Axe(), "%s, on a wide screen, in dark", seen.name)
	}
}

// newVersion has somebody else change a book.
func (s shop) newVersion(t *testing.T, id int64) {
	t.Helper()
	shown := s.api.get(bookPath(id), nil)
	book := decode[events.Details](t, shown)
	book.Author += " and others"
	changed := s.api.do(http.MethodPut, bookPath(id), headers{"If-Match": shown.header.Get("ETag")}, book)
	require.Equal(t, http.StatusOK, changed.status, string(changed.body))
}
