package pages

import (
	"net/http"
	"strings"
)

// chrome is what is around each page's own content. The data of all pages embed it.
type chrome struct {
	Section string // books, add or operations: what the navigation marks
	Query   string // what the search box shows
}

func (p *Pages) chrome(r *http.Request) chrome {
	c := chrome{Section: "books", Query: r.URL.Query().Get("q")}
	switch {
	case strings.HasPrefix(r.URL.Path, "/operations"):
		c.Section, c.Query = "operations", ""
	case r.URL.Path == "/books/new" || r.URL.Path == "/books":
		c.Section = "add"
	}
	return c
}
