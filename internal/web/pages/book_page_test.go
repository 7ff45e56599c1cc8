package pages_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/web"
)

func TestABookAndItsTimeline(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books/7", answer(200, aBook(3, "Emma")))
	s.api.on("GET /api/books/7/history", answer(200, `[
		{"version":1,"type":"created","at":"2026-01-02T03:04:05Z","actor":"","command_id":"11111111-aee7-5b3a-a276-22bbb92514da",
		 "details":{"title":"Ema","author":"Jane Austen","published_at":"","description":"`+strings.Repeat("a", 300)+`old"}},
		{"version":2,"type":"updated","at":"2026-01-03T03:04:05Z","actor":"`+readerPseudonym+`","command_id":"22222222-aee7-5b3a-a276-22bbb92514da",
		 "details":{"title":"Emma","author":"Jane Austen","published_at":"","description":"`+strings.Repeat("a", 300)+`new"}},
		{"version":3,"type":"updated","at":"2026-01-04T03:04:05Z","actor":"00000000-9dc0-11d1-b245-5ffdce74fad2","command_id":"33333333-aee7-5b3a-a276-22bbb92514da",
		 "details":{"title":"Emma","author":"Jane Austen","published_at":"1815-12","description":"","isbn":"9780306406157"}}]`))

	page := s.get(t, "/books/7", "Cookie", cookie)

	require.Equal(t, 200, page.status)
	require.Equal(t, "Emma", page.tag("h1")[0].text())
	require.Equal(t, "9780306406157", page.id(t, "isbn").text())
	require.Equal(t, "3", page.id(t, "version").text())
	require.Equal(t, "/books/7/edit", page.id(t, "edit-link").attr("href"))
	require.Equal(t, "/books/7/delete", page.id(t, "delete-link").attr("href"))
	require.False(t, page.has("message"))

	steps := page.id(t, "timeline").tag("li")
	require.Equal(t, "v3", steps[0].attr("id"), "the newest first")
	require.Equal(t, "/api/commands/33333333-aee7-5b3a-a276-22bbb92514da", steps[0].class("command")[0].attr("href"))
	require.Contains(t, steps[0].class("byline")[0].text(), "by reader 00000000 ·")
	require.Equal(t, []string{"Published 1815-12", "ISBN 9780306406157"}, texts(steps[0].class("change"))[:2])
	require.Contains(t, steps[0].class("change")[2].text(), "was taken out")

	require.Contains(t, steps[1].class("byline")[0].text(), "by you ·")
	long := strings.Repeat("a", 40)
	require.Equal(t, []string{"Title Ema became Emma", "Description …" + long + "old became …" + long + "new"}, texts(steps[1].class("change")))

	require.Contains(t, steps[2].class("byline")[0].text(), "by somebody unknown ·")
	require.Equal(t, []string{"title", "author", "description"}, fieldsOf(steps[2]), "what it was created with")
}

func fieldsOf(step document) []string {
	var fields []string
	for _, change := range step.class("change") {
		fields = append(fields, change.attr("data-field"))
	}
	return fields
}

func TestABookIsShownAsNewAsItsReaderKnowsIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books/7", answer(200, aBook(1, "Emma")))
	s.api.on("GET /api/books/7/history", answer(200, "["+aVersion(1, "created", "Emma")+"]"))
	page := s.get(t, "/books/7?done=added&seen=3.17")
	require.Contains(t, page.id(t, "message").text(), "Added")
	require.Equal(t, "status", page.id(t, "message").attr("role"))
	for _, what := range []string{"GET /api/books/7", "GET /api/books/7/history"} {
		require.Equal(t, "3.17", s.api.requests(what)[0].header.Get("Consistency-Token"), what)
	}

	s.api.on("GET /api/books/7", problem(web.ReadModelBehind(0, 0)))
	page = s.get(t, "/books/7?done=added&seen=3.17")
	require.Equal(t, 503, page.status)
	require.Contains(t, page.id(t, "problem").text(), "safe but not readable yet")
}

func TestABookWithoutAllOfItsHistory(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.api.on("GET /api/books/7", answer(200, strings.Replace(aBook(2, "Emma"), "{", `{"parked_events":1,`, 1)))
	s.api.on("GET /api/books/7/history", problem(web.Unavailable("away", 0)))
	page := s.get(t, "/books/7")
	require.Equal(t, 200, page.status, "the book is there")
	require.Contains(t, page.id(t, "timeline").text(), "cannot be shown at the moment")
	require.Contains(t, page.id(t, "parked").text(), "1 later change of this book could not be applied")

	entry := strings.Replace(aVersion(1, "created", "Emma"), "{", `{"parked_events":2,`, 1)
	s.api.on("GET /api/books/7/history", answer(200, "["+entry+"]"))
	timeline := s.get(t, "/books/7").id(t, "timeline")
	require.Contains(t, timeline.text(), "2 later events are parked")
	require.Contains(t, timeline.text(), "not in the history yet", "version 2 is not there")
}

func TestBooksThatAreNotThere(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.get(t, "/books/7")
	require.Equal(t, 404, page.status, "there never was one")
	require.True(t, page.has("problem"))
	require.Equal(t, 404, s.get(t, "/books/99999999999999999999").status, "no book can have this number")
	require.Equal(t, 404, s.get(t, "/books/emma").status)

	s.api.on("GET /api/books/7/history", answer(200, "["+aVersion(1, "created", "Emma")+","+aVersion(2, "deleted", "")+"]"))
	for _, path := range []string{"/books/7?done=deleted&seen=0.1", "/books/7/edit", "/books/7/delete"} {
		page = s.get(t, path)
		require.Equal(t, 404, page.status, path)
		require.Contains(t, page.id(t, "gone").text(), "was deleted on 2 Jan 2026 03:04:05", path)
		require.Equal(t, "Emma", page.tag("h1")[0].text(), path)
		require.Equal(t, "deleted", page.id(t, "v2").attr("data-type"), path)
	}
	require.Equal(t, "Deleted.", s.get(t, "/books/7?done=deleted").id(t, "message").text())
	require.Equal(t, "0.1", s.api.requests("GET /api/books/7/history")[1].header.Get("Consistency-Token"))
}

// historyOf answers as the API does for a book with so many versions, the last of which
// may have deleted it.
func historyOf(versions int, deleted bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		skip, _ := strconv.Atoi(r.URL.Query().Get("o"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		if skip < 0 || skip > 10_000 || limit < 1 || limit > 100 {
			problem(web.BadRequest("out of bounds"))(w, r)
			return
		}
		var entries []string
		for v := skip + 1; v <= min(skip+limit, versions); v++ {
			kind := "updated"
			if v == 1 {
				kind = "created"
			}
			if deleted && v == versions {
				kind = "deleted"
			}
			entries = append(entries, aVersion(v, kind, fmt.Sprintf("T%d", v)))
		}
		if skip+limit < versions {
			w.Header().Set("Link", `<next>; rel="next"`)
		}
		answer(200, "["+strings.Join(entries, ",")+"]")(w, r)
	}
}

func TestLongTimelinesComeInPagesWithoutGaps(t *testing.T) {
	t.Parallel()
	for _, versions := range []int{1, 50, 51, 101, 120, 9_999} {
		for _, deleted := range []bool{false, true} {
			if deleted && versions == 1 {
				continue
			}
			t.Run(fmt.Sprintf("%d versions, deleted %t", versions, deleted), func(t *testing.T) {
				t.Parallel()
				s := newShop(t)
				s.api.on("GET /api/books/7/history", historyOf(versions, deleted))
				if !deleted {
					s.api.on("GET /api/books/7", answer(200, aBook(versions, fmt.Sprintf("T%d", versions))))
				}
				var seen []string
				address, before := "/books/7", "" // before is where the link back must lead
				for n := 0; n < 3 || versions < 1000; n++ {
					page := s.get(t, address)
					require.Equal(t, deleted, page.status == 404)
					requireChanges(t, page)
					for _, step := range page.id(t, "timeline").tag("li") {
						seen = append(seen, step.attr("id"))
					}
					older, newer := linkOf(page, "next"), linkOf(page, "prev")
					require.Equal(t, before != "", newer != "")
					if before != "" {
						require.Equal(t, idsOf(s.get(t, before)), idsOf(s.get(t, newer)), "the way back")
					}
					if older == "" {
						break
					}
					address, before = older, address
				}
				var want []string
				for v := versions; len(want) < len(seen); v-- {
					want = append(want, fmt.Sprintf("v%d", v))
				}
				require.Equal(t, want, seen)
				if versions < 1000 {
					require.Len(t, seen, versions)
				}
			})
		}
	}
}

func idsOf(page *shown) []string {
	var ids []string
	for _, e := range page.all(func(e document) bool { return e.Data == "li" && e.attr("data-type") != "" }) {
		ids = append(ids, e.attr("id"))
	}
	return ids
}

func linkOf(page *shown, rel string) string {
	links := page.all(func(e document) bool { return e.Data == "a" && e.attr("rel") == rel })
	if len(links) == 0 {
		return ""
	}
	return links[0].attr("href")
}

// requireChanges looks whether each update tells both its titles, also the last on the
// page.
func requireChanges(t *testing.T, page *shown) {
	t.Helper()
	for _, step := range page.id(t, "timeline").tag("li") {
		if step.attr("data-type") != "updated" {
			continue
		}
		v, err := strconv.Atoi(strings.TrimPrefix(step.attr("id"), "v"))
		require.NoError(t, err)
		require.True(t, slices.Contains(texts(step.class("change")), fmt.Sprintf("Title T%d became T%d", v-1, v)), step.text())
	}
}
