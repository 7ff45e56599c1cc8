package pages

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"bookstore/internal/web"
)

// problemPage is what the page of a problem shows. All pages that can show one have it in
// a field of this name, as the block "problem" wants it.
type problemPage struct {
	chrome
	Problem *web.Problem
}

// showProblem shows a problem as a page, or, to htmx, as a part of one.
func (p *Pages) showProblem(w http.ResponseWriter, r *http.Request, problem *web.Problem) {
	p.showProblemOn(w, r, problem, "problem", problemPage{p.chrome(r), problem})
}

// showProblemOn shows a problem on a page that also has what helps.
func (p *Pages) showProblemOn(w http.ResponseWriter, r *http.Request, problem *web.Problem, page string, data any) {
	h := w.Header()
	for _, stale := range []string{"ETag", "Last-Modified", "Content-Length"} {
		h.Del(stale) // of the answer that was not given
	}
	h.Set("Content-Security-Policy", contentPolicy)
	if problem.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(problem.RetryAfter.Seconds()))))
	}
	if err := p.templates.render(w, r, problem.Status, page, "problem", data); err != nil {
		http.Error(w, problem.Title, problem.Status)
	}
}

// explainMissing shows a page to people who ask for an address that is none. Programs get
// what they got before.
func (p *Pages) explainMissing(r *mux.Router) {
	missing := r.NotFoundHandler
	page := p.page(func(http.ResponseWriter, *http.Request) error {
		return web.NotFound("Nothing has this address, or no longer.")
	})
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/api/") {
			page.ServeHTTP(w, r)
			return
		}
		missing.ServeHTTP(w, r)
	})
}
