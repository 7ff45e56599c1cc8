package pages

import (
	"net/http"
)

// storefront are the routes of those who look for books.
func (p *Pages) storefront() []route {
	return []route{
		{http.MethodGet, "/", p.page(p.showStorefront)},
	}
}

// storefrontPage is what the storefront shows.
type storefrontPage struct {
	chrome
}

func (p *Pages) showStorefront(w http.ResponseWriter, r *http.Request) error {
	remember(w, r)
	return p.templates.render(w, r, http.StatusOK, "storefront", "", storefrontPage{p.chrome(r)})
}
