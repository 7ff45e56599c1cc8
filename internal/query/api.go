package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/mux"
	"golang.org/x/time/rate"

	"bookstore/internal/events"
	"bookstore/internal/searchtext"
	"bookstore/internal/web"
)

// Bounds of what can be asked for.
const (
	// MaxLimit is how many results a page may have.
	MaxLimit = 100
	// MaxOffset is how many results may be skipped. The database has to find all
	// of those, so beyond this a reader should ask a better question.
	MaxOffset = 10_000
	// MaxQuery is how many characters a query may have, and MaxWords how many words: each
	// takes its time.
	MaxQuery = 500
	MaxWords = 64
)

// API is the read side's HTTP routes. All fields are required; it must not be
// copied once it serves.
type API struct {
	Catalog  *Catalog
	Searches SearchLog
	Opens    OpenLog

	// The read models that tokens are waited for: of the books, and of their
	// histories.
	Books   ReadModel
	History ReadModel

	// The read models of what readers search for, of which answers tell the lag.
	Trends    ReadModel
	Interests ReadModel

	PageSize int           // results per page, where the client does not say; 1 to MaxLimit
	Wait     time.Duration // how long a query waits for its Consistency-Token

	Logger *slog.Logger

	lostSearches, lostOpens rate.Sometimes // see served and opened
}

// Routes adds the routes to r.
func (a *API) Routes(r *mux.Router) {
	a.lostSearches = rate.Sometimes{First: 1, Interval: lostLogInterval}
	a.lostOpens = rate.Sometimes{First: 1, Interval: lostLogInterval}
	for path, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"/api/books":              a.listBooks,
		"/api/books/{id}":         a.showBook,
		"/api/books/{id}/history": a.showHistory,
		"/api/suggest":            a.suggest,
		"/api/trends":             a.showTrends,
		"/api/recommendations":    a.showRecommendations,
		// Where clients of old look, and what they get there.
		"/trends":          a.showTrendingQueries,
		"/recommendations": a.showRecommendedBooks,
	} {
		r.Handle(path, web.Handle(handle)).Methods(http.MethodGet, http.MethodHead)
	}
}

// listBooks answers with a page of all books, or of those that a query finds.
func (a *API) listBooks(w http.ResponseWriter, r *http.Request) error {
	params := web.Params(r)
	query := params.String("q", MaxQuery)
	offset := params.Int("o", 0, 0, MaxOffset)
	limit := params.Int("limit", a.PageSize, 1, MaxLimit)
	marked := params.Bool("highlight")
	user := params.UserID()
	requireWords(params, query)
	if err := params.Err(); err != nil {
		return err
	}
	token, err := readToken(r)
	if err != nil {
		return err
	}
	if err := a.awaitToken(r, a.Books, token); err != nil {
		return err
	}

	var result Result
	if query == "" {
		result.Page, err = a.Catalog.List(r.Context(), offset, limit)
	} else {
		result, err = a.Catalog.Search(r.Context(), SearchRequest{Query: query, Offset: offset, Limit: limit})
	}
	if err != nil {
		return asProblem(err)
	}
	if err := a.requireSeen(token, result.Snapshot); err != nil {
		return err
	}
	if len(result.Books) == 0 && query != "" && offset == 0 {
		if err := a.setDidYouMean(r.Context(), w.Header(), result); err != nil {
			return asProblem(err)
		}
	}
	// HEAD serves no results.
	if query != "" && r.Method == http.MethodGet {
		a.served(r.Context(), search{query: query, user: user, offset: offset, limit: limit}, result.Page)
	}
	setFreshness(w.Header(), result.Snapshot, a.Books)
	linkNext(w.Header(), r, result.More, offset, limit)
	if result.Partial {
		w.Header().Set("Partial-Results", "true")
	}
	if marked {
		highlight(result)
	}
	return web.WriteJSON(w, http.StatusOK, result.Books)
}

// requireWords refuses a query that no book can ever match: spaces, quotes or "%" alone;
// and one of too many words. An empty one is a form that was sent without any.
func requireWords(params *web.Query, query string) {
	switch n := len(searchtext.Words(query)); {
	case n == 0 && query != "":
		params.Refuse("q", "has no letter or digit to search for: leave it out to list all books")
	case n > MaxWords:
		params.Refuse("q", fmt.Sprintf("may have at most %d words, has %d", MaxWords, n))
	}
}

// setDidYouMean names a query that would find something, percent-encoded, as a header
// holds ASCII only.
func (a *API) setDidYouMean(ctx context.Context, h http.Header, nothing Result) error {
	meant, err := a.Catalog.DidYouMean(ctx, nothing)
	if err == nil && meant != "" {
		h.Set("Did-You-Mean", url.PathEscape(meant))
	}
	return err
}

func (a *API) showBook(w http.ResponseWriter, r *http.Request) error {
	asked, err := readTarget(r, web.Params(r))
	if err != nil {
		return err
	}
	if err := a.awaitToken(r, a.Books, asked.token); err != nil {
		return err
	}
	book, snapshot, err := a.Catalog.Get(r.Context(), asked.book)
	if err != nil && !ofSnapshot(err) {
		return asProblem(err)
	}
	if err := a.requireSeen(asked.token, snapshot); err != nil {
		return err
	}
	// Also where there is no book: that it is gone is seen as of this snapshot.
	setFreshness(w.Header(), snapshot, a.Books)
	if err != nil {
		return asProblem(err)
	}
	// A version with events parked behind it gets no ETag: it would match again once
	// they are discarded, and a client would go on with what it was told of them.
	if book.ParkedEvents == 0 && web.NotModified(w, r, web.ETag(book.Version)) {
		return nil
	}
	// HEAD shows no book, and who is told 304 has opened it before.
	if r.Method == http.MethodGet {
		a.opened(r.Context(), book.ID, asked.user)
	}
	return web.WriteJSON(w, http.StatusOK, book)
}

func (a *API) showHistory(w http.ResponseWriter, r *http.Request) error {
	params := web.Params(r)
	offset := params.Int("o", 0, 0, MaxOffset)
	limit := params.Int("limit", MaxLimit, 1, MaxLimit)
	asked, err := readTarget(r, params)
	if err != nil {
		return err
	}
	if err := a.awaitToken(r, a.History, asked.token); err != nil {
		return err
	}
	timeline, err := a.Catalog.History(r.Context(), asked.book, offset, limit)
	if err != nil && !ofSnapshot(err) {
		return asProblem(err)
	}
	if err := a.requireSeen(asked.token, timeline.Snapshot); err != nil {
		return err
	}
	setFreshness(w.Header(), timeline.Snapshot, a.History)
	if err != nil {
		return asProblem(err)
	}
	linkNext(w.Header(), r, timeline.More, offset, limit)
	return web.WriteJSON(w, http.StatusOK, timeline.Entries)
}

// target is what a route of one book is asked for.
type target struct {
	book  int64
	user  string
	token events.Token
}

// readTarget reads the target once the route's own parameters have been named.
func readTarget(r *http.Request, params *web.Query) (target, error) {
	book, err := web.PathID(r, "id")
	if err != nil {
		return target{}, err
	}
	user := params.UserID()
	if err := params.Err(); err != nil {
		return target{}, err
	}
	token, err := readToken(r)
	return target{book, user, token}, err
}

// ofSnapshot says whether err is what a snapshot shows, and not that there is none.
func ofSnapshot(err error) bool {
	var parked *ParkedError
	return errors.Is(err, ErrNotFound) || errors.As(err, &parked)
}

// asProblem names what only this package can tell; package web knows the rest.
func asProblem(err error) error {
	var parked *ParkedError
	switch {
	case errors.As(err, &parked):
		return web.BookParked(parked.Events, parked.Since)
	case errors.Is(err, ErrNotFound):
		return web.NotFound("There is no such book.")
	case errors.Is(err, ErrTooSlow):
		return web.Unavailable("The query took too long and was given up. In a search, more or longer words make it faster.", retryAfter)
	default:
		return err
	}
}

// linkNext names the next page (RFC 8288), as far as it may be asked for.
func linkNext(h http.Header, r *http.Request, more bool, offset, limit int) {
	next := offset + limit
	if !more || next > MaxOffset {
		return
	}
	values := r.URL.Query()
	values.Set("o", strconv.Itoa(next))
	h.Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.EscapedPath(), values.Encode()))
}
