package query

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"bookstore/internal/searchtext"
	"bookstore/internal/web"
)

// MaxSuggestions is how many suggestions can be asked for.
const MaxSuggestions = 20

const defaultSuggestions = 8

// Suggestion is what somebody who is typing may want to search for.
type Suggestion struct {
	Text string `json:"text"`
	Kind string `json:"kind"`         // title or author
	ID   int64  `json:"id,omitempty"` // of the book with the title; absent for an author
}

// suggest answers with titles and authors that have all of the words which were typed so
// far, the last of them as a beginning. It is not a search: nothing is published.
func (a *API) suggest(w http.ResponseWriter, r *http.Request) error {
	params := web.Params(r)
	query := params.String("q", MaxQuery)
	limit := params.Int("limit", defaultSuggestions, 1, MaxSuggestions)
	params.UserID() // every route takes uid
	requireWords(params, query)
	if err := params.Err(); err != nil {
		return err
	}
	suggestions, err := a.Catalog.Suggest(r.Context(), query, limit)
	if err != nil {
		return asProblem(err)
	}
	return web.WriteJSON(w, http.StatusOK, suggestions)
}

// Suggest returns titles and authors for what has been typed, titles first, at most limit
// of both; never nil. Each is there once, whatever its case and punctuation.
func (c *Catalog) Suggest(ctx context.Context, typed string, limit int) ([]Suggestion, error) {
	asked := searchtext.ParseQuery(typed)
	if len(asked) == 0 {
		return []Suggestion{}, nil
	}
	stats, err := c.statistics.get(ctx, c)
	if err != nil {
		return nil, err
	}
	var titles, authors []Suggestion
	err = c.atOneMoment(ctx, func(read reader) (err error) {
		s := searcher{read: read, statistics: stats}
		if err = s.complete(ctx, asked); err != nil {
			return err
		}
		if titles, err = s.titles(ctx, asked, limit); err != nil {
			return err
		}
		authors, err = s.authors(ctx, asked, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	// Authors get a third of the places, and what titles leave free.
	places := max(limit/3, limit-len(titles))
	authors = authors[:min(len(authors), places)]
	return append(titles[:min(len(titles), limit-len(authors))], authors...), nil
}

// titles are those of the best books whose titles have all words.
func (s *searcher) titles(ctx context.Context, asked searchtext.Query, limit int) ([]Suggestion, error) {
	found, err := s.narrowed(ctx, asked, searchtext.Title, 2*limit)
	suggestions := []Suggestion{}
	seen := make(map[string]bool)
	for _, b := range found {
		if folded := searchtext.Fold(b.Title); !seen[folded] && len(suggestions) < limit {
			seen[folded] = true
			suggestions = append(suggestions, Suggestion{Text: b.Title, Kind: "title", ID: b.ID})
		}
	}
	return suggestions, err
}

// authors are those of the best books that have all words in one author's name. A book
// names several with commas between them.
func (s *searcher) authors(ctx context.Context, asked searchtext.Query, limit int) ([]Suggestion, error) {
	const booksOfAnAuthor = 4 // that have to be looked at, as most have written several
	found, err := s.narrowed(ctx, asked, searchtext.Author, booksOfAnAuthor*limit)
	var suggestions []Suggestion
	seen := make(map[string]bool)
	for _, b := range found {
		for name := range strings.SplitSeq(b.Author, ",") {
			name = strings.TrimSpace(name)
			if folded := searchtext.Fold(name); !seen[folded] && hasAll(folded, asked) && len(suggestions) < limit {
				seen[folded] = true
				suggestions = append(suggestions, Suggestion{Text: name, Kind: "author"})
			}
		}
	}
	return suggestions, err
}

// narrowed finds books that have all words in one field, but for those that were typed for
// the other: author:austen em asks for titles of hers. Where all were, it finds none.
func (s *searcher) narrowed(ctx context.Context, asked searchtext.Query, to searchtext.Field, limit int) ([]web.Book, error) {
	narrow := slices.Clone(asked)
	any := false
	for i := range narrow {
		if narrow[i].Field == searchtext.Anywhere {
			narrow[i].Field = to
		}
		any = any || narrow[i].Field == to
	}
	if !any {
		return nil, nil
	}
	some := SearchRequest{Limit: limit}
	result, err := s.found(ctx, some, planSearch([]searchtext.Query{narrow}, s.statistics, some.wanted()), narrow)
	return result.Books, err
}

// hasAll says whether a folded name has all words, the last of them as a beginning, but
// for those of the title.
func hasAll(name string, asked searchtext.Query) bool {
	words := strings.Fields(name)
	for _, clause := range asked {
		if clause.Field == searchtext.Title {
			continue
		}
		for i, word := range clause.Words {
			open := clause.Prefix && i == len(clause.Words)-1
			if !slices.ContainsFunc(words, func(w string) bool { return w == word || open && strings.HasPrefix(w, word) }) {
				return false
			}
		}
	}
	return true
}
