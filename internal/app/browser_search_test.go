package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/query"
	"bookstore/internal/testenv/browser"
)

// Somebody looks for books.
func TestSearchingInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)

	t.Run("with the keyboard alone", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).Open("/")
		tabTo(page, ".skip:focus", "Enter")
		page.WaitVisible("#main:focus")
		tabTo(page, "#q:focus", "w", "h", "i", "t", "e", " ", "q")
		page.WaitCount("#suggestions a", 0)
		page.Press("Control+a", "m", "o", "b").WaitText("#suggestions a", "Moby-Dick")
		require.Contains(t, page.Text("#suggestions-status"), "suggestion", "for who hears and does not see")

		page.Press("Escape").WaitGone("#suggestions a").WaitVisible("#q:focus")
		require.Equal(t, "mob", page.Value("#q"), "what was typed stays")
		page.Press("y").WaitText("#suggestions a", "Moby-Dick")
		page.Press("ArrowDown").WaitVisible("#suggestions a:focus")
		page.Press("ArrowUp").WaitVisible("#q:focus")
		page.Press("ArrowDown").Loads(func() { page.Press("Enter") })
		page.WaitText("#book h1", "Moby-Dick; or, The Whale")
	})

	t.Run("page by page", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).Open("/").WaitCount("#results article", 10)
		first := page.Texts("#results h3")
		page.Loads(func() { page.Click("#pages a[rel=next]") })
		require.Contains(t, page.Text("#results-summary"), "Books 11 to 20")
		require.NotSubset(t, first, page.Texts("#results h3"))
		page.Loads(func() { page.Click("#pages a[rel=prev]") })
		require.Equal(t, first, page.Texts("#results h3"))
	})

	t.Run("what matched is marked, and leads to the book", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).Open("/")
		lookFor(page, "white whale")
		require.Contains(t, page.Title(), "white whale")
		require.Equal(t, "white whale", page.Value("#q"), "to change it")
		require.Subset(t, page.Texts("#results article:first-of-type mark"), []string{"white", "whale"})
		page.Loads(func() { page.Click("#results article:first-of-type h3 a") })
		require.Equal(t, "Moby-Dick; or, The Whale", page.Text("h1"))
		require.Contains(t, page.Text("#facts"), "1851-10-18")

		page.Loads(func() { page.Click("#book .byline a") })
		page.WaitText("#results", "Moby-Dick").WaitText("#results .byline", "Herman Melville")
	})

	t.Run("nothing is found, and something is suggested", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).Open("/")
		lookFor(page, "persuasion xyzzyx")
		page.WaitText("#nothing", "Nothing was found").WaitVisible("#tips")
		page.Loads(func() { page.Click("#did-you-mean a") })
		page.WaitText("#results h3", "Persuasion")
	})

	t.Run("a search that is none says why", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).Open("/").ExpectFault("400")
		tooMuch := strings.Repeat("whale ", query.MaxWords+1)
		page.Set("#q", tooMuch).Loads(func() { page.Press("Enter") })
		page.WaitText("#problem[role=alert]", "at most").WaitVisible("#tips")
		require.Equal(t, tooMuch, page.Value("#q"), "to shorten it")
		lookFor(page, "whale")
		page.WaitText("#results h3", "Moby-Dick")
	})
}

// tabTo presses Tab until the focus is where the selector says, and then the keys.
func tabTo(page *browser.Page, selector string, keys ...string) {
	const most = 30
	for range most {
		if page.Press("Tab").Count(selector) > 0 {
			break
		}
	}
	page.WaitVisible(selector).Press(keys...)
}

// Titles are text, in any script: as people have them elsewhere, and as somebody names
// books who means harm.
func TestTitlesInAnyScriptInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	const author = "Polyglotta Testwriter"
	titles := map[string]string{ // by direction
		"ألف ليلة وليلة":      "rtl",
		"שיר השירים":          "rtl",
		"गोदान":               "ltr",
		"西遊記之大聖":              "ltr",
		"Ἰλιάς τοῦ Ὁμήρου":    "ltr",
		"Ťhe Ñame of Ůnicøde": "ltr",
		`<script>alert("mine")</script><img src=x onerror=alert(1)>`: "ltr",
		`"Quotes" & 'apostrophes' </title></textarea> {{.}} %22`:     "ltr",
	}
	ids := make(map[string]string)
	for title := range titles {
		book := s.add(t, events.Details{Title: title, Author: author, Description: title})
		ids[title] = bookPath(book.ID)[len("/api"):]
	}

	page := s.visitor(t).Open("/")
	lookFor(page, "polyglotta")
	var shown []struct{ Text, Direction string }
	page.Eval(`[...document.querySelectorAll("#results h3 a")].map((a) => ({text: a.textContent, direction: getComputedStyle(a).direction}))`, &shown)
	found := make(map[string]string)
	for _, title := range shown {
		found[title.Text] = title.Direction
	}
	require.Equal(t, titles, found)

	for title, path := range ids {
		page.Open(path)
		require.Equal(t, title, page.Text("#book h1"))
		require.Equal(t, title+" – Bookstore", page.Title())
		require.Equal(t, title, page.Text(".description"))
		require.Equal(t, title, page.Text("#timeline [data-field=title] ins"))
		require.Zero(t, page.Count("main script, main img"))
	}
	for _, title := range []string{"ألف ليلة وليلة", `<script>alert("mine")</script><img src=x onerror=alert(1)>`} {
		page.Open(ids[title] + "/edit")
		require.Equal(t, title, page.Value("#title"))
		require.Equal(t, title, page.Value("#description"))
		page.Loads(func() { page.Click(`//button[.="Save"]`) })
		require.Equal(t, title, page.Text("#book h1"))
		page.WaitText("#timeline #v2", "Nothing was different.")
	}

	page.Clear("#q").Type("#q", "script").WaitText("#suggestions a", "<script>alert")
	page.Clear("#q").Type("#q", "西遊").WaitText("#suggestions a", "西遊記之大聖")
}
