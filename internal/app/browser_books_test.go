package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/testenv/browser"
	"bookstore/internal/web"
)

// Somebody keeps the catalogue.
func TestKeepingBooksInABrowser(t *testing.T) {
	t.Parallel()
	s := openShop(t)

	t.Run("a book is added, found at once, changed and deleted", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).Open("/")
		page.Loads(func() { page.Click(`//nav//a[.="Add a book"]`) })
		page.Type("#title", "The Lathe of Hevan").Type("#author", "Ursula K. Le Guin").Type("#published_at", "1971")
		page.Type("#description", "A man whose dreams change the world\nasks for help.")
		page.Loads(func() { page.Click(`//button[.="Add the book"]`) })
		require.Contains(t, page.Text("#message[role=status]"), "Added")
		require.Equal(t, "The Lathe of Hevan", page.Text("#book h1"))
		page.WaitText("#timeline #v1", "created").WaitText("#timeline #v1 [data-field=author] ins", "Ursula K. Le Guin")
		address := page.URL()

		lookFor(page, "lathe dreams")
		require.Equal(t, []string{"The Lathe of Hevan"}, page.Texts("#results h3"))
		page.Loads(func() { page.Click("#results h3 a") })

		page.Loads(func() { page.Click("#edit-link") })
		require.Equal(t, "A man whose dreams change the world\nasks for help.", page.Value("#description"))
		page.Clear("#title").Type("#title", "The Lathe of Heaven")
		page.Loads(func() { page.Click(`//button[.="Save"]`) })
		require.Contains(t, page.Text("#message"), "Saved")
		require.Equal(t, "The Lathe of Heaven", page.Text("h1"))
		require.Equal(t, []string{"Title The Lathe of Hevan became The Lathe of Heaven"}, page.Texts("#v2 .change"), "and nothing else")
		command := page.Attribute("#v2 a.command", "href")
		require.Contains(t, string(s.api.get(command, nil).body), `"accepted"`)

		page.Loads(func() { page.Click("#delete-link") })
		page.WaitText("h1", "The Lathe of Heaven").Loads(func() { page.Click("#drop") })
		page.WaitText("#book h1", "The Lathe of Heaven").Loads(func() { page.Click("#delete-link") })
		page.ExpectFault("404").Loads(func() { page.Click(`//button[.="Delete the book"]`) })
		require.Contains(t, page.Text("#message"), "Deleted")
		require.Equal(t, "The Lathe of Heaven", page.Text("#gone h1"))
		page.WaitText("#gone", "was deleted on").WaitText("#timeline #v3", "deleted").WaitVisible("#timeline #v1")
		lookFor(page, "lathe")
		page.WaitVisible("#nothing")
		page.Open(address).WaitText("#gone", "was deleted on")
	})

	t.Run("what can't be added says why, at its field", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).Open("/books/new").ExpectFault("422")
		page.Type("#title", "Kindred").Type("#author", "Octavia E. Butler").Type("#published_at", "in the summer").Type("#isbn", "978-0-8070-8369-0")
		page.Loads(func() { page.Press("Enter") })
		page.WaitVisible("#problem[role=alert]").WaitVisible("#published_at[aria-invalid=true]").WaitVisible("#isbn[aria-invalid=true]")
		require.Equal(t, "Kindred", page.Value("#title"))
		require.Contains(t, page.Attribute("#published_at", "aria-describedby"), "published_at-fault")
		page.WaitText("#published_at-fault", "Published").WaitText("#isbn-fault", "ISBN")
		page.Clear("#published_at").Type("#published_at", "1979-06").Clear("#isbn").Type("#isbn", "978-0-8070-8369-7")
		page.Loads(func() { page.Press("Enter") })
		page.WaitText("#message", "Added").WaitText("#book h1", "Kindred").WaitText("#facts", "1979-06")
		require.Equal(t, "9780807083697", strings.ReplaceAll(page.Text("#isbn"), "-", ""))
	})

	t.Run("who is later sees both, and saves over the other", func(t *testing.T) {
		t.Parallel()
		book, ann, ben := s.bothEdit(t, "Parable of the Sower")
		ann.Clear("#title").Type("#title", "Parable of the Reaper").Loads(func() { ann.Press("Enter") })
		ann.WaitText("#message", "Saved")

		ben.ExpectFault("412").Clear("#title").Type("#title", "Parable of the Talents").Loads(func() { ben.Press("Enter") })
		require.Contains(t, ben.Text("#problem[role=alert]"), "Nothing of yours was written")
		require.Equal(t, []string{"Title differs Parable of the Talents Parable of the Reaper"}, ben.Texts("#conflict tr.differs"))
		require.Equal(t, "Parable of the Talents", ben.Value("#title"), "what was typed stays")
		require.Equal(t, "Parable of the Reaper", s.titleOf(t, book.ID), "nothing was written")

		ben.Loads(func() { ben.Click(`//button[.="Save mine over theirs"]`) })
		ben.WaitText("#message", "Saved").WaitText("#v3 .change", "Parable of the Reaper became Parable of the Talents")
		require.Equal(t, "Parable of the Talents", s.titleOf(t, book.ID))
	})

	t.Run("who is later sees both, and drops his own", func(t *testing.T) {
		t.Parallel()
		book, ann, ben := s.bothEdit(t, "Fledgling")
		ann.Clear("#title").Type("#title", "Fledgeling").Loads(func() { ann.Press("Enter") })
		ben.ExpectFault("412").Clear("#title").Type("#title", "Nestling").Loads(func() { ben.Press("Enter") })
		ben.WaitVisible("#conflict").Loads(func() { ben.Click("#drop") })
		require.Equal(t, "Fledgeling", ben.Text("#book h1"))
		require.Equal(t, "2", ben.Text("#version"))
		require.Equal(t, "Fledgeling", s.titleOf(t, book.ID))
	})

	t.Run("who is later keeps what he typed for a book that is gone", func(t *testing.T) {
		t.Parallel()
		book, ann, ben := s.bothEdit(t, "Wild Seed")
		ann.ExpectFault("404").Open(fmt.Sprintf("/books/%d/delete", book.ID)).Loads(func() { ann.Click(`//button[.="Delete the book"]`) })
		ann.WaitText("#message", "Deleted")
		ben.ExpectFault("404").Clear("#title").Type("#title", "Wild Seeds").Loads(func() { ben.Press("Enter") })
		ben.WaitText("#problem", "This book is gone")
		require.Equal(t, "Wild Seeds", ben.Value("form#add #title"))
		ben.Loads(func() { ben.Click(`//button[.="Add the book"]`) })
		ben.WaitText("#message", "Added").WaitText("h1", "Wild Seeds")
		require.NotContains(t, ben.URL(), fmt.Sprintf("/books/%d?", book.ID), "another book")
	})

	t.Run("nobody deletes what he has not seen", func(t *testing.T) {
		t.Parallel()
		book := s.add(t, events.Details{Title: "Mind of My Mind", Author: "Octavia E. Butler"})
		page := s.visitor(t).Open(fmt.Sprintf("/books/%d/delete", book.ID))
		s.rename(t, book, "Mind of His Mind")
		page.ExpectFault("412").Loads(func() { page.Click(`//button[.="Delete the book"]`) })
		page.WaitText("#problem[role=alert]", "was not deleted")
		require.Equal(t, []string{"Title differs Mind of My Mind Mind of His Mind"}, page.Texts("#conflict tr.differs"))
		require.Equal(t, "Mind of His Mind", s.titleOf(t, book.ID))
		page.ExpectFault("404").Loads(func() { page.Click(`//button[.="Delete the book"]`) })
		page.WaitText("#message", "Deleted").WaitVisible("#timeline #v3[data-type=deleted]")
	})

	t.Run("a book that never was", func(t *testing.T) {
		t.Parallel()
		page := s.visitor(t).ExpectFault("404").Open("/books/999999")
		page.WaitText("h1", "Not found").WaitVisible("#problem")
		page.Loads(func() { page.Click(`//main//a[.="All books"]`) })
		page.WaitVisible("#results article")
	})
}

// bothEdit adds a book that two people have begun to edit, each in a browser.
func (s shop) bothEdit(t *testing.T, title string) (book web.Book, ann, ben *browser.Page) {
	t.Helper()
	book = s.add(t, events.Details{Title: title, Author: "Octavia E. Butler", PublishedAt: "1993"})
	form := fmt.Sprintf("/books/%d/edit", book.ID)
	return book, s.visitor(t).Open(form), s.visitor(t).Open(form)
}

// titleOf is a book's title as everybody else gets it.
func (s shop) titleOf(t *testing.T, id int64) string {
	t.Helper()
	return decode[web.Book](t, s.api.get(bookPath(id), nil)).Title
}

// rename has somebody else change a book that nobody has changed before.
func (s shop) rename(t *testing.T, book web.Book, title string) {
	t.Helper()
	changed := events.Details{Title: title, Author: book.Author, PublishedAt: book.PublishedAt, Description: book.Description}
	a := s.api.do(http.MethodPut, bookPath(book.ID), headers{"If-Match": `"1"`}, changed)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
}
