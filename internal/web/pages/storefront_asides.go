package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"bookstore/internal/web"
)

// asideWait is how long the storefront waits for what it can do without.
const asideWait = 300 * time.Millisecond

// Bounds of what stands beside the books.
const (
	shownTrends          = 8
	shownRecommendations = 6
)

// trends are what is searched most.
type trends struct {
	Window string // in which: 24h, 7d or all
	All    []trend
	Failed bool
}

type trend struct {
	Query    string      `json:"query"`
	Readers  int64       `json:"readers"`
	Searches int64       `json:"searches"`
	Books    []trendBook `json:"books"` // what it finds
}

type trendBook struct {
	ID    int64  `json:"id"`
	Title string `json:"title"`
}

// recommendations are books for one reader.
type recommendations struct {
	Personal bool // by what the reader has searched for, and not by what all do
	Books    []recommendation
	Failed   bool
}

type recommendation struct {
	BookID int64  `json:"book_id"`
	Title  string `json:"title"`
	Author string `json:"author"`
	Reason string `json:"reason"` // searches, readers or trends
	Query  string `json:"query"`  // the search that led to it; "" for readers
}

// startAsides asks for trends and recommendations while the books are being looked for.
// What it returns waits for them, and has a note in place of what fails or is late: the
// storefront never does because of them.
func (p *Pages) startAsides(r *http.Request) func() (*trends, *recommendations) {
	trending := startWithin(r, asideWait, p.trends)
	recommended := startWithin(r, asideWait, p.recommendations)
	return func() (*trends, *recommendations) {
		t, err := trending()
		if err != nil {
			p.doWithout(r, "trends", err)
			t = &trends{Failed: true}
		}
		books, err := recommended()
		if err != nil {
			p.doWithout(r, "recommendations", err)
			books = &recommendations{Failed: true}
		}
		return t, books
	}
}

// doWithout logs what a page goes without: the page itself is answered as if all were well.
func (p *Pages) doWithout(r *http.Request, section string, err error) {
	if r.Context().Err() == nil { // somebody waits for the page
		p.log.WarnContext(r.Context(), "a page goes without a section", "section", section, "error", err)
	}
}

// trends returns those of the last day or, where nobody has searched in it, of the last
// week, or of all time.
func (p *Pages) trends(r *http.Request) (*trends, error) {
	t := &trends{}
	for _, t.Window = range []string{"24h", "7d", "all"} {
		query := url.Values{"window": {t.Window}, "ps": {strconv.Itoa(shownTrends)}}
		_, err := p.api.get(r, "/api/trends", query, &t.All)
		if err != nil {
			return nil, err
		}
		if len(t.All) > 0 {
			break
		}
	}
	return t, nil
}

func (p *Pages) recommendations(r *http.Request) (*recommendations, error) {
	found := &recommendations{}
	answer, err := p.api.get(r, "/api/recommendations", url.Values{"limit": {strconv.Itoa(shownRecommendations)}}, &found.Books)
	if err != nil {
		return nil, err
	}
	found.Personal = answer.Header.Get("Recommended-From") == "searches"
	return found, nil
}

// startWithin begins to ask for something that a page can do without. What it returns
// waits until that is there or the time is over, which is counted from the start.
func startWithin[T any](r *http.Request, limit time.Duration, ask func(*http.Request) (T, error)) func() (T, error) {
	type outcome struct {
		value    T
		err      error
		panicked any
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	done := make(chan outcome, 1) // has room for one that is late
	go func() {
		var o outcome
		defer func() {
			// A panic here would end the process; in the page's goroutine it is a 500.
			o.panicked = recover()
			done <- o
		}()
		o.value, o.err = ask(r.WithContext(ctx))
	}()
	return func() (T, error) {
		defer cancel()
		select {
		case o := <-done:
			if o.panicked != nil {
				panic(o.panicked)
			}
			return o.value, o.err
		case <-ctx.Done():
			var nothing T
			return nothing, ctx.Err()
		}
	}
}

// isProblem says whether the API has answered a status of 400 or above.
func isProblem(err error, status int) bool {
	var problem *web.Problem
	return errors.As(err, &problem) && problem.Status == status
}
