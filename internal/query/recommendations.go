package query

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bookstore/internal/searchkey"
	"bookstore/internal/web"
)

// HeaderRecommendedFrom says what recommendations are made of: the reader's own searches,
// or the trends, for one who is not known or has not searched yet.
const HeaderRecommendedFrom = "Recommended-From"

// MaxRecommendations is how many recommendations can be asked for.
const MaxRecommendations = 100

const defaultRecommendations = 10

// Why a book is recommended. The first and the last are also what the answer as a whole is
// made of.
const (
	reasonSearches = "searches" // the reader searched for it
	reasonReaders  = "readers"  // readers who search for the same were served it
	reasonTrends   = "trends"   // many search for it
)

// RecommendedBook is a book that a reader may like, as clients of old know it.
type RecommendedBook struct {
	UserID string  `json:"user_id"` // as the reader said; "" where they did not
	Title  string  `json:"title"`
	Author string  `json:"author"`
	Score  float64 `json:"score"` // above 0, in four decimals; each above the next
}

// Recommendation is a book that a reader may like, and why.
type Recommendation struct {
	RecommendedBook
	BookID int64  `json:"book_id"`
	Reason string `json:"reason"` // searches, readers or trends
	// Query is what led to the book, in the form that most searches of it had; absent
	// where it was what others searched for, which is theirs to tell.
	Query string `json:"query,omitempty"`
}

// Recommendations are books that a reader may like, the best first.
type Recommendations struct {
	Books []Recommendation // never nil
	From  string           // searches or trends, see [HeaderRecommendedFrom]
}

// showRecommendations answers with recommendations and why they are.
func (a *API) showRecommendations(w http.ResponseWriter, r *http.Request) error {
	recommendations, err := a.readRecommendations(w, r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, recommendations.Books)
}

// showRecommendedBooks answers with recommendations as clients of old know them.
func (a *API) showRecommendedBooks(w http.ResponseWriter, r *http.Request) error {
	recommendations, err := a.readRecommendations(w, r)
	if err != nil {
		return err
	}
	books := make([]RecommendedBook, len(recommendations.Books))
	for i, b := range recommendations.Books {
		books[i] = b.RecommendedBook
	}
	return web.WriteJSON(w, http.StatusOK, books)
}

// readRecommendations reads what a request asks for and sets the headers of the answer.
func (a *API) readRecommendations(w http.ResponseWriter, r *http.Request) (Recommendations, error) {
	params := web.Params(r)
	limit := params.Int("limit", defaultRecommendations, 1, MaxRecommendations)
	user := params.UserID()
	if err := params.Err(); err != nil {
		return Recommendations{}, err
	}
	recommendations, err := a.Catalog.Recommend(r.Context(), user, limit)
	if err != nil {
		return Recommendations{}, asProblem(err)
	}
	w.Header().Set(HeaderRecommendedFrom, recommendations.From)
	setLag(w.Header(), a.Interests)
	return recommendations, nil
}

// Recommend returns books for a reader, "" for one who is not known: at most limit, from 1
// to [MaxRecommendations]. They come from what the reader was served and what readers were
// who search for the same, and where that does not fill the places, from the trends. It
// fails with [ErrTooSlow], or with what the database or ctx failed with.
func (c *Catalog) Recommend(ctx context.Context, user string, limit int) (Recommendations, error) {
	list, err := c.personal(ctx, searchkey.Reader(user), limit)
	if err != nil {
		return Recommendations{}, err
	}
	if list, err = c.addTrending(ctx, list, limit); err != nil {
		return Recommendations{}, err
	}
	books, forms, err := c.readRecommended(ctx, list)
	if err != nil {
		return Recommendations{}, err
	}
	list = list.among(func(book int64) bool { _, there := books[book]; return there })
	recommendations := Recommendations{Books: []Recommendation{}, From: reasonTrends}
	for _, chosen := range list.fill(limit) {
		why := chosen.why
		if why.reason != reasonTrends {
			recommendations.From = reasonSearches
		}
		form := why.form
		if why.reason == reasonSearches {
			form = forms[why.query]
		}
		book := books[chosen.book]
		recommendations.Books = append(recommendations.Books, Recommendation{
			RecommendedBook: RecommendedBook{UserID: user, Title: book.title, Author: book.author, Score: chosen.score},
			BookID:          chosen.book, Reason: why.reason, Query: form,
		})
	}
	return recommendations, nil
}

// personal lists what a reader's own searches give.
func (c *Catalog) personal(ctx context.Context, reader uuid.UUID, limit int) (shortlist, error) {
	if reader == searchkey.Nobody {
		return shortlist{}, nil
	}
	own, alike, err := c.readInterests(ctx, reader)
	if err != nil || len(own) == 0 {
		return shortlist{}, err
	}
	return newShortlist(scoreBooks(own, alike, c.now()), own[0].books, limit), nil
}

// addTrending adds what is searched most, of the shortest window from a day on that has
// enough, where a reader's own books may leave places free.
func (c *Catalog) addTrending(ctx context.Context, list shortlist, limit int) (shortlist, error) {
	for _, window := range []Window{Day, Week, AllTime} {
		if list.full(limit) || len(list.trending) >= limit {
			break
		}
		ranking, err := c.ranking(ctx, window)
		if err != nil {
			return shortlist{}, err
		}
		list = list.withTrending(ranking.books, limit)
	}
	return list, nil
}

// bookName is what recommendations show of a book.
type bookName struct{ title, author string }

const (
	bookNamesStatement = `
		SELECT book.id, title, author
		FROM (SELECT generation FROM catalog_generation) AS active CROSS JOIN books AS book WHERE book.id = ANY ($1::bigint[])`

	formsStatement = `
		SELECT asked.query, form.form
		FROM (SELECT generation FROM trends_generation) AS active CROSS JOIN unnest($1::uuid[]) AS asked (query)
		CROSS JOIN LATERAL (
			SELECT form FROM trends_forms WHERE trends_forms.query = asked.query ORDER BY searches DESC, form LIMIT 1
		) AS form`
)

// readRecommended reads those of the listed books that there still are, and how the
// reader's own queries are shown. One whose trends are behind has none yet.
func (c *Catalog) readRecommended(ctx context.Context, list shortlist) (map[int64]bookName, map[uuid.UUID]string, error) {
	books, forms := make(map[int64]bookName), make(map[uuid.UUID]string)
	ids := list.books()
	if len(ids) == 0 {
		return books, forms, nil
	}
	err := c.readTogether(ctx,
		selected{bookNamesStatement, []any{ids}, func(row pgx.CollectableRow) error {
			var id int64
			var book bookName
			err := row.Scan(&id, &book.title, &book.author)
			books[id] = book
			return err
		}},
		selected{formsStatement, []any{list.queries()}, func(row pgx.CollectableRow) error {
			var query uuid.UUID
			var form string
			err := row.Scan(&query, &form)
			forms[query] = form
			return err
		}})
	if err != nil {
		return nil, nil, fmt.Errorf("read what is recommended: %w", err)
	}
	return books, forms, nil
}
