package pages

import (
	"net/http"

	"bookstore/internal/web"
)

// storefront are the routes of those who look for books.
func (p *Pages) storefront() []route {
	return []route{
		{http.MethodGet, "/", p.pageOr(p.showStorefront, p.showStorefrontProblem)},
		{http.MethodGet, "/suggestions", p.page(p.showSuggestions)},
	}
}

// storefrontPage is what the storefront shows.
type storefrontPage struct {
	chrome
	Results *results     // nil where there is a problem
	Problem *web.Problem // why there are no results

	// For readers who have not asked for anything yet; nil for all others.
	Trends      *trends
	Recommended *recommendations
}

func (p *Pages) showStorefront(w http.ResponseWriter, r *http.Request) error {
	remember(w, r)
	page := storefrontPage{chrome: p.chrome(r)}
	arriving := page.Query == "" && r.URL.Query().Get("o") == ""
	var asides func() (*trends, *recommendations)
	if arriving {
		asides = p.startAsides(r)
	}
	var err error
	if page.Results, err = p.find(r); err != nil {
		return err
	}
	if arriving {
		page.Trends, page.Recommended = asides()
	}
	return p.templates.render(w, r, http.StatusOK, "storefront", "", page)
}

// showStorefrontProblem keeps the search box, with what was typed: to change that, or to
// try again, is what helps.
func (p *Pages) showStorefrontProblem(w http.ResponseWriter, r *http.Request, problem *web.Problem) {
	p.showProblemOn(w, r, problem, "storefront", storefrontPage{chrome: p.chrome(r), Problem: problem})
}
