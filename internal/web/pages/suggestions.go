package pages

import (
	"net/http"
	"net/url"
	"strings"
)

// suggestionsPage is what somebody who is typing may want to search for.
type suggestionsPage struct {
	chrome
	Suggestions []suggestion
}

type suggestion struct {
	Text string `json:"text"`
	Kind string `json:"kind"` // title or author
	ID   int64  `json:"id"`   // of the book with the title
}

// Address is where it leads: a title to its book, an author to what he has written.
func (s suggestion) Address() string {
	if s.Kind == "author" {
		return searchForAuthor(s.Text)
	}
	return bookAddress(s.ID)
}

func (p *Pages) showSuggestions(w http.ResponseWriter, r *http.Request) error {
	page := suggestionsPage{chrome: p.chrome(r)}
	if typed := strings.TrimSpace(page.Query); typed != "" {
		_, err := p.api.get(r, "/api/suggest", url.Values{"q": {typed}}, &page.Suggestions)
		// What can't be searched for (yet: a quote, say) has no suggestions. That it can't,
		// the search tells.
		if err != nil && !isProblem(err, http.StatusBadRequest) {
			return err
		}
	}
	return p.templates.render(w, r, http.StatusOK, "suggestions", "suggestions", page)
}
