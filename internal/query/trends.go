package query

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// HeaderTrendsAsOf is when the trends were counted (RFC 3339, UTC): those that many ask
// for are kept for up to a minute.
const HeaderTrendsAsOf = "Trends-As-Of"

const (
	// MaxTrends is how many trends can be asked for.
	MaxTrends = 100
	// MaxTrendBooks is how many books of a query are shown.
	MaxTrendBooks = 5

	defaultTrends = 10
)

// Window is how far back trends are counted.
type Window int

// The windows there are.
const (
	AllTime Window = iota
	Week
	Day
	Hour
)

// windows are how windows are asked for, and how long they are, AllTime for ever.
var windows = [...]struct {
	name   string
	length time.Duration
}{
	AllTime: {name: "all"},
	Week:    {"7d", 7 * 24 * time.Hour},
	Day:     {"24h", 24 * time.Hour},
	Hour:    {"1h", time.Hour},
}

// TrendingQuery is a query that many search for, as clients of old know it.
type TrendingQuery struct {
	Query string `json:"query"` // in the form that most searches of it had
	// Books are what the query found the last time that somebody searched for it, as they
	// are now; never nil. One that is deleted meanwhile is not among them.
	Books []events.ServedBook `json:"books"`
}

// Trend is a query that many search for, and how many.
type Trend struct {
	TrendingQuery
	Searches int64 `json:"searches"` // in the window
	Readers  int64 `json:"readers"`  // in the window; all who are not known are one
}

// Trends are the queries that are searched most.
type Trends struct {
	Queries []Trend // never nil; those of most readers first
	AsOf    time.Time
}

// showTrends answers with trends and how many searched.
func (a *API) showTrends(w http.ResponseWriter, r *http.Request) error {
	trends, err := a.readTrends(w, r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, trends.Queries)
}

// showTrendingQueries answers with trends as clients of old know them.
func (a *API) showTrendingQueries(w http.ResponseWriter, r *http.Request) error {
	trends, err := a.readTrends(w, r)
	if err != nil {
		return err
	}
	queries := make([]TrendingQuery, len(trends.Queries))
	for i, t := range trends.Queries {
		queries[i] = t.TrendingQuery
	}
	return web.WriteJSON(w, http.StatusOK, queries)
}

// readTrends reads what a request asks for and sets the headers of the answer.
func (a *API) readTrends(w http.ResponseWriter, r *http.Request) (Trends, error) {
	params := web.Params(r)
	number := params.Int("ps", defaultTrends, 1, MaxTrends)
	window := readWindow(params)
	params.UserID() // every route takes uid
	if err := params.Err(); err != nil {
		return Trends{}, err
	}
	trends, err := a.Catalog.Trends(r.Context(), window, number)
	if err != nil {
		return Trends{}, asProblem(err)
	}
	w.Header().Set(HeaderTrendsAsOf, trends.AsOf.UTC().Format(time.RFC3339))
	setLag(w.Header(), a.Trends)
	return trends, nil
}

// readWindow reads the parameter window; without it, it is AllTime, which is what trends
// were before there were windows.
func readWindow(params *web.Query) Window {
	const longestName = 20 // longer than any, so that those that are wrong are told what is right
	name := params.String("window", longestName)
	for w, window := range windows {
		if name == window.name {
			return Window(w)
		}
	}
	if name != "" {
		params.Refuse("window", "must be 1h, 24h, 7d or all")
	}
	return AllTime
}

// Trends returns the queries that most readers have searched for in a window, at most
// number of them (1 to [MaxTrends]), with their latest results. Of queries of as many
// readers come first those that more searches by nobody known had, then the newer ones: so
// who sends a query again and again counts once. It fails with [ErrTooSlow], or with what
// the database or ctx failed with.
func (c *Catalog) Trends(ctx context.Context, window Window, number int) (Trends, error) {
	ranking, err := c.ranking(ctx, window)
	if err != nil {
		return Trends{}, err
	}
	ranked := ranking.queries[:min(len(ranking.queries), number)]
	var ids []int64
	for _, query := range ranked {
		ids = append(ids, query.books...)
	}
	books := make(map[int64]events.ServedBook, len(ids))
	if err := c.read(ctx, servedBooksStatement, []any{ids}, func(row pgx.CollectableRow) error {
		book, err := scanServedBook(row)
		books[book.ID] = book
		return err
	}); err != nil {
		return Trends{}, fmt.Errorf("read the books of trends: %w", err)
	}
	trends := Trends{Queries: make([]Trend, len(ranked)), AsOf: ranking.asOf}
	for i, query := range ranked {
		shown := TrendingQuery{Query: query.query, Books: []events.ServedBook{}}
		for _, id := range query.books {
			if book, there := books[id]; there && len(shown.Books) < MaxTrendBooks {
				shown.Books = append(shown.Books, book)
			}
		}
		trends.Queries[i] = Trend{shown, query.searches, query.readers}
	}
	return trends, nil
}

const servedBooksStatement = `
	SELECT book.id, title, author, published_at, description, created_at
	FROM (SELECT generation FROM catalog_generation) AS active CROSS JOIN books AS book WHERE book.id = ANY ($1::bigint[])`

func scanServedBook(row pgx.CollectableRow) (events.ServedBook, error) {
	var book events.ServedBook
	var created time.Time
	err := row.Scan(&book.ID, &book.Title, &book.Author, &book.PublishedAt, &book.Description, &created)
	book.CreatedAt = events.ServedTime(created)
	return book, err
}
