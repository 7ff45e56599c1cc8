package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Everything that matters works for who has JavaScript off.
func TestABrowserWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.publish(t, s.topics.Events, unreadable(firstOfSample))
	page := s.visitor(t).WithoutJavaScript().Open("/").WaitCount("#results article", 10)
	page.Loads(func() { page.Click("#pages a[rel=next]") })
	require.Contains(t, page.Text("#results-summary"), "Books 11 to 20")
	page.Type("#q", "white whale").WaitCount("#suggestions a", 0)
	page.Loads(func() { page.Click(`//button[.="Search"]`) })
	page.Loads(func() { page.Click("#results h3 a") })
	require.Equal(t, "Moby-Dick; or, The Whale", page.Text("#book h1"))

	page.Loads(func() { page.Click(`//a[.="Add a book"]`) })
	page.Type("#title", "Omoo").Type("#author", "Herman Melville").Type("#published_at", "1847")
	page.Loads(func() { page.Click(`//button[.="Add the book"]`) })
	page.WaitText("#message", "Added").Loads(func() { page.Click("#edit-link") })
	page.Type("#title", ": A Narrative").Loads(func() { page.Click(`//button[.="Save"]`) })
	page.WaitText("#message", "Saved").WaitText("#book h1", "Omoo: A Narrative").WaitVisible("#timeline #v2")
	page.Loads(func() { page.Click("#delete-link") })
	page.ExpectFault("404").Loads(func() { page.Click(`//button[.="Delete the book"]`) })
	page.WaitText("#message", "Deleted").WaitVisible("#timeline #v3")

	// The pages of operators load again by themselves, in place of being live.
	page.Loads(func() { page.Click(`//a[.="Operations"]`) })
	page.WaitCount("#live-state", 0) // nobody promises it
	page.Within(slowly).WaitText("#parked-rows tr", fmt.Sprint(firstOfSample))
	page.Loads(func() { page.Click("a#history-details") })
	page.Loads(func() { page.Click("#start") })
	page.WaitText("h1", "of history").Within(slowly).WaitText("#phase", "Switched")
	page.Loads(func() { page.Click(".operations nav a[href$='/history']") })
	page.WaitText("#history-figures [data-figure=active]", "generation 2")
	page.Click("#rollback summary").Loads(func() { page.Click("#rollback button") })
	page.WaitText("#notice", "Rolled back").WaitText("#history-figures [data-figure=active]", "generation 1")
}
