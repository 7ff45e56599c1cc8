package pages

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gorilla/mux"

	"bookstore/internal/web"
)

// Pages are the routes for people. [New] makes them.
type Pages struct {
	api       api
	assets    assets
	templates templates

	log *slog.Logger

	stopping context.Context // ends when the service does
}

// New makes the pages of an API. Streams end with stopping.
func New(stopping context.Context, api http.Handler, log *slog.Logger) (*Pages, error) {
	p := &Pages{stopping: stopping, log: log}
	p.api.routes = api
	var err error
	if p.assets, err = newAssets(); err != nil {
		return nil, err
	}
	p.templates, err = newTemplates(p.assets)
	return p, err
}

// Routes adds the pages to r.
func (p *Pages) Routes(r *mux.Router) {
	p.explainMissing(r)
	r.Handle("/assets/{name}", p.page(p.assets.serve)).Methods(http.MethodGet).Name(web.PageRoute + "assets")
	for _, routes := range [][]route{p.storefront(), p.books(), p.operations()} {
		for _, route := range routes {
			r.Handle(route.path, route.handler).Methods(route.method).Name(web.PageRoute + route.path)
		}
	}
}

// route is where a page is.
type route struct {
	method, path string
	handler      http.Handler
}

// page answers by f, and shows what goes wrong.
func (p *Pages) page(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return p.pageOr(f, p.showProblem)
}

// pageOr answers by f, and shows what goes wrong in a way of its own.
func (p *Pages) pageOr(f func(http.ResponseWriter, *http.Request) error, show func(http.ResponseWriter, *http.Request, *web.Problem)) http.Handler {
	return web.HandlePage(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		return f(w, r)
	}, show)
}

// contentPolicy lets a page use what this server has, and no script that is part of a
// page. Pico's icons are images within its style sheet, hence data.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
