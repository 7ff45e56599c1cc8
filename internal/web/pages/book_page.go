package pages

import (
	"net/http"
	"net/url"
	"time"

	"bookstore/internal/web"
)

// bookPage is what the page of a book shows.
type bookPage struct {
	chrome
	Book     web.Book
	Timeline *timeline
	Done     string // what the reader has just done with it: added, saved; "" for nothing
}

// gonePage is what is left of a book that was deleted.
type gonePage struct {
	chrome
	ID       int64
	Title    string // its last; "" where that is on another page of the timeline
	Deleted  time.Time
	Timeline *timeline
	Done     string // deleted, or ""
}

// seenHeader asks the API for an answer that is not older than what the reader has just
// written, which the address of the page names.
func seenHeader(r *http.Request) http.Header {
	h := make(http.Header)
	if token := r.URL.Query().Get("seen"); token != "" {
		h.Set("Consistency-Token", token)
	}
	return h
}

func (p *Pages) showBook(w http.ResponseWriter, r *http.Request) error {
	remember(w, r)
	page := bookPage{chrome: p.chrome(r), Done: r.URL.Query().Get("done")}
	_, err := p.api.do(r, call{path: bookAPI(bookID(r)), header: seenHeader(r)}, &page.Book)
	if isProblem(err, http.StatusNotFound) {
		return p.showGone(w, r, err)
	}
	if err != nil {
		return err
	}
	if page.Timeline, err = p.timeline(r, page.Book.ID, page.Book.Version); err != nil {
		if !hasProblem(err) {
			return err
		}
		page.Timeline = &timeline{Failed: true} // the book itself is there
	}
	return p.templates.render(w, r, http.StatusOK, "book", "", page)
}

// showGone shows what is left of a book that was deleted. Where there never was one, it
// fails with why there is none.
func (p *Pages) showGone(w http.ResponseWriter, r *http.Request, why error) error {
	page := gonePage{chrome: p.chrome(r), ID: bookID(r), Done: r.URL.Query().Get("done")}
	latest, err := p.latestVersion(r, page.ID)
	if err != nil {
		return err
	}
	if latest.Type != "deleted" {
		return why // the timeline is ahead of the books, or behind them, for a moment
	}
	page.Deleted = latest.At
	if page.Timeline, err = p.timeline(r, page.ID, latest.Version); err != nil {
		return err
	}
	for _, step := range page.Timeline.Steps {
		if step.Details != nil {
			page.Title = step.Details.Title
			break
		}
	}
	return p.templates.render(w, r, http.StatusNotFound, "book-gone", "", page)
}

// bookWith is the address of a book for somebody who has just written what the token
// names, and is to see that.
func bookWith(id int64, done, token string) string {
	query := url.Values{"done": {done}}
	if token != "" {
		query.Set("seen", token)
	}
	return bookAddress(id) + "?" + query.Encode()
}
