package app_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv/browser"
)

// What readers search for becomes what others see, and what they are recommended.
func TestWhatReadersSearchForChangesTheStorefront(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	ann, ben := s.visitor(t).Open("/"), s.visitor(t).Open("/")
	ann.WaitText("#trends", "Nobody has searched for anything yet").WaitText("#recommendations", "Search for what interests you")
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
	trending := func(page *browser.Page) []string { return page.Texts("#trends a.query") }
	awaitReloading(t, ann, "no trend shows", func() bool {
		return slices.Equal([]string{"white whale", "garden"}, trending(ann)) && ann.Count(`[data-from="searches"]`) == 1
	})
	require.Equal(t, "2 readers", ann.Text("#trends li:first-child small"))
	require.Equal(t, "1 reader", ann.Text("#trends li:last-child small"), "who asks again and again is one")

	// Both are told what they searched for; somebody new, what others did.
	reasons := ann.Texts("#recommendations .reason")
	require.Contains(t, reasons, "You searched for “garden”")
	require.Contains(t, ann.Texts("#recommendations a.title"), "The Secret Garden")
	cleo := s.visitor(t).Open("/")
	require.Contains(t, cleo.Text(`#recommendations [data-from="trends"]`), "what others look for")
	require.Contains(t, cleo.Texts("#recommendations .reason"), "Searched much: “white whale”")
	require.Equal(t, []string{"white whale", "garden"}, trending(cleo))

	// A trend leads to what it finds, which makes three of those who search for it.
	cleo.Loads(func() { cleo.Click(`//*[@id="trends"]//a[.="garden"]`) })
	cleo.WaitText("#results h3", "The Secret Garden")
	lookFor(ben, "garden")
	cleo.Open("/")
	awaitReloading(t, cleo, "the trends do not change", func() bool {
		return slices.Equal([]string{"garden", "white whale"}, trending(cleo)) && cleo.Count(`[data-from="searches"]`) == 1
	})
	require.Equal(t, "3 readers", cleo.Text("#trends li:first-child small"))

	// What readers alike were shown comes with what she searched for herself.
	require.Contains(t, cleo.Texts("#recommendations .reason"), "Readers who search for what you do were shown it")
	require.Contains(t, cleo.Texts("#recommendations a.title"), "Moby-Dick; or, The Whale")
	cleo.Loads(func() { cleo.Click(`//*[@id="recommendations"]//a[.="Moby-Dick; or, The Whale"]`) })
	cleo.WaitText("#book h1", "Moby-Dick")
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
