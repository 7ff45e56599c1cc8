package app_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv/browser"
)

// What readers search for becomes what others see, and what they are recommended.
func TestWhatReadersSearchForChangesTheStorefront(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	ann, ben := s.visitor(t).Open("/"), s.visitor(t).Open("/")
	awaitReloading(t, ann, "nothing says how it begins", func() bool {
		return strings.Contains(ann.Text("#trends"), "Nobody has searched for anything yet") &&
			strings.Contains(ann.Text("#recommendations"), "Search for what interests you")
	})
	requireUnknownByName(t, ann)
	require.NotEqual(t, ann.Cookies()[0].Value, ben.Cookies()[0].Value)

	// Two look for whales, not writing it alike, and one for gardens again and again.
	for range 2 {
		lookFor(ann, "white whale")
	}
	for range 4 {
		lookFor(ann, "garden")
	}
	lookFor(ben, "White  Whale")
	ann.Open("/")
	awaitReloading(t, ann, "no trend shows, or nothing personal", func() bool {
		return slices.Equal([]string{"white whale, 2 readers", "garden, 1 reader"}, trending(ann)) && // who asks again and again is one
			recommended(ann, "searches", "The Secret Garden", "You searched for “garden”")
	})

	// Somebody new is recommended what others look for, and told so.
	cleo := s.visitor(t).Open("/")
	awaitReloading(t, cleo, "somebody new is not shown what others look for", func() bool {
		return slices.Equal([]string{"white whale, 2 readers", "garden, 1 reader"}, trending(cleo)) &&
			recommended(cleo, "trends", "Moby-Dick; or, The Whale", "Searched much: “white whale”")
	})
	require.Contains(t, cleo.Text("#recommendations .from"), "what others look for")

	// A trend leads to what it finds, which makes three of those who search for it.
	cleo.Loads(func() { cleo.Click(`//*[@id="trends"]//a[.="garden"]`) })
	cleo.WaitText("#results h3", "The Secret Garden")
	lookFor(ben, "garden")
	cleo.Open("/")
	awaitReloading(t, cleo, "the trends do not change, or nothing is personal", func() bool {
		return slices.Equal([]string{"garden, 3 readers", "white whale, 2 readers"}, trending(cleo)) &&
			recommended(cleo, "searches", "The Secret Garden", "You searched for “garden”") &&
			recommended(cleo, "searches", "Moby-Dick; or, The Whale", "Readers who search for what you do were shown it")
	})
	cleo.Loads(func() { cleo.Click(`//*[@id="recommendations"]//a[.="Moby-Dick; or, The Whale"]`) })
	cleo.WaitText("#book h1", "Moby-Dick")
}

// trending are the queries on a storefront, each with how many have searched for it.
func trending(page *browser.Page) []string {
	queries, readers := page.Texts("#trends a.query"), page.Texts("#trends small")
	for i := range min(len(queries), len(readers)) {
		queries[i] += ", " + readers[i]
	}
	return queries
}

// recommended says whether a storefront recommends a book for a reason, and all of them
// because of what it says.
func recommended(page *browser.Page, from, title, reason string) bool {
	titles, reasons := page.Texts("#recommendations a.title"), page.Texts("#recommendations .reason")
	at := slices.Index(titles, title)
	return page.Count(`#recommendations [data-from="`+from+`"]`) == 1 && at >= 0 && reasons[at] == reason
}

// requireUnknownByName looks at how a reader is told from others: by chance alone, and
// unknown to scripts and to other sites.
func requireUnknownByName(t *testing.T, page *browser.Page) {
	t.Helper()
	cookies := page.Cookies()
	require.Len(t, cookies, 1)
	require.Equal(t, "uid", cookies[0].Name)
	require.Len(t, cookies[0].Value, 36)
	require.True(t, cookies[0].HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookies[0].SameSite)
	var seen string
	page.Eval("document.cookie", &seen)
	require.Empty(t, seen)
}
