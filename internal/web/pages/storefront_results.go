package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bookstore/internal/web"
)

// pageSize is how many books a page of the storefront shows.
const pageSize = 10

// results are a page of the books that a query finds, or of all books.
type results struct {
	Books      []web.Book
	Query      string // as typed; "" for all books
	Offset     int    // how many books are on the pages before
	Partial    bool   // there may be more than could be looked for
	DidYouMean string // a query that would find something; "" where none is known
	Previous   string // the addresses of the pages around this; "" where there is none
	Next       string
}

// Page counts from 1.
func (f *results) Page() int { return f.Offset/pageSize + 1 }

// First and Last are the places of the books that are shown, which count from 1.
func (f *results) First() int { return f.Offset + 1 }

// Last is the place of the last book that is shown.
func (f *results) Last() int { return f.Offset + len(f.Books) }

// find asks the API for what the storefront was asked for. Other parameters than its own
// are none of its business: links from elsewhere bring some.
func (p *Pages) find(r *http.Request) (*results, error) {
	asked := r.URL.Query()
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	for _, name := range []string{"q", "o"} {
		if value := asked.Get(name); value != "" {
			query.Set(name, value)
		}
	}
	if query.Has("q") {
		query.Set("highlight", "true")
	}
	found := &results{Query: asked.Get("q")}
	answer, err := p.api.get(r, "/api/books", query, &found.Books)
	if err != nil {
		return nil, err
	}
	found.Offset, _ = strconv.Atoi(asked.Get("o")) // the API has refused what is no number
	found.Partial = answer.Header.Get("Partial-Results") == "true"
	// The API writes it, so that it can be read.
	found.DidYouMean, _ = url.PathUnescape(answer.Header.Get("Did-You-Mean"))
	if found.Offset > 0 {
		found.Previous = storefrontAt(found.Query, max(found.Offset-pageSize, 0))
	}
	if strings.Contains(answer.Header.Get("Link"), `rel="next"`) {
		found.Next = storefrontAt(found.Query, found.Offset+pageSize)
	}
	return found, nil
}

// storefrontAt is the address of a page of results.
func storefrontAt(query string, offset int) string {
	values := make(url.Values)
	if query != "" {
		values.Set("q", query)
	}
	if offset > 0 {
		values.Set("o", strconv.Itoa(offset))
	}
	return (&url.URL{Path: "/", RawQuery: values.Encode()}).String()
}

// searchForAuthor is the address of a search for the books of one author. Quotes can't be
// searched for, and would end the phrase.
func searchForAuthor(name string) string {
	return storefrontAt(`author:"`+strings.NewReplacer(`"`, " ", "„", " ", "“", " ", "”", " ", "«", " ", "»", " ").Replace(name)+`"`, 0)
}
