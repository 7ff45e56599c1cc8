package pages

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bookstore/internal/web"
)

// operators is what the pages of operators have in common.
type operators struct {
	*Pages
	live *live
}

// operations are the routes of operators.
func (p *Pages) operations() []route {
	o := &operators{p, newLive(p.stopping)}
	const (
		projection = "/operations/projections/{name}"
		rebuild    = projection + "/rebuilds/{id}"
	)
	return []route{
		{http.MethodGet, "/operations", p.page(o.getOverview)},
		{http.MethodGet, "/operations/live", o.stream(o.overviewView)},
		{http.MethodGet, projection, p.page(o.getProjection)},
		{http.MethodGet, projection + "/live", o.stream(o.projectionView)},
		{http.MethodGet, rebuild, p.page(o.getRebuild)},
		{http.MethodGet, rebuild + "/live", o.stream(o.rebuildView)},
		{http.MethodGet, "/operations/parked", p.page(o.getParked)},
		{http.MethodGet, "/operations/parked/{id}", p.page(o.getRecord)},

		{http.MethodPost, projection + "/rebuilds", p.page(o.startRebuild)},
		{http.MethodPost, rebuild + "/pause", o.order("paused", tellRebuild("pause"))},
		{http.MethodPost, rebuild + "/resume", o.order("resumed", tellRebuild("resume"))},
		{http.MethodPost, rebuild + "/cancel", o.order("cancelled", tellRebuild("cancel"))},
		{http.MethodPost, rebuild + "/accept", o.order("accepted", tellRebuild("accept"))},
		{http.MethodPost, projection + "/rollback", o.order("rolled-back", rollBack)},
		{http.MethodPost, projection + "/generations/{generation}/drop", o.order("dropped", dropGeneration)},
		{http.MethodPost, "/operations/parked/retry", o.orderOfParked(retryAll)},
		{http.MethodPost, "/operations/parked/{id}/retry", o.orderOfParked(tellRecord("retry"))},
		{http.MethodPost, "/operations/parked/{id}/discard", o.orderOfParked(tellRecord("discard"))},
	}
}

// operationsPage is what all pages of operators show.
type operationsPage struct {
	chrome
	frame
	Place  place
	Notice *notice
	Live   bool   // the visitor wants it to be
	Stream string // where the changes come from; "" where there are none
}

// operationsPage makes what a page of a place has in common with the others.
func (o *operators) operationsPage(r *http.Request, at place, n *notice, f frame) operationsPage {
	page := operationsPage{chrome: o.chrome(r), frame: f, Place: at, Notice: n}
	if n == nil {
		page.Notice = notices[r.URL.Query().Get("done")]
	}
	if page.Live = r.URL.Query().Get("live") != "off"; page.Live {
		page.Stream = at.Path() + "/live?shown=" + url.QueryEscape(f.Shown())
	}
	return page
}

// place is a page that orders are given on, and that who gives one returns to.
type place struct {
	Projection string // "": the overview
	Rebuild    int64  // 0: the projection's own page
}

// Path is the page's address.
func (p place) Path() string {
	path := "/operations"
	if p.Projection != "" {
		path += "/projections/" + url.PathEscape(p.Projection)
	}
	if p.Rebuild != 0 {
		path += "/rebuilds/" + strconv.FormatInt(p.Rebuild, 10)
	}
	return path
}

// readPlace returns the place that a form names by its path. Who names anything else
// returns to the overview: nobody is sent to where a form of a stranger's would have it.
func readPlace(path string) place {
	steps := strings.Split(path, "/")
	if len(steps) < 4 || steps[1] != "operations" || steps[2] != "projections" {
		return place{}
	}
	name, err := url.PathUnescape(steps[3])
	if err != nil {
		return place{}
	}
	p := place{Projection: name}
	if len(steps) == 6 && steps[4] == "rebuilds" {
		if id, err := strconv.ParseInt(steps[5], 10, 64); err == nil && id > 0 {
			p.Rebuild = id
		}
	}
	return p
}

// asking is a request for what a page shows to no one in particular.
func asking(ctx context.Context) *http.Request { return new(http.Request).WithContext(ctx) }

// framing makes the parts of a frame, each from a block of the templates.
type framing struct {
	templates templates
	frame     frame
	err       error // of the first that could not be made
}

func (f *framing) make(block string, data any) template.HTML {
	if f.err != nil {
		return ""
	}
	var body []byte
	body, f.err = f.templates.block("operations", block, data)
	return template.HTML(body)
}

func (f *framing) add(name, block string, data any) {
	f.frame = append(f.frame, newPart(name, f.make(block, data)))
}

// addProjection adds what the overview and the projection's own page show alike.
func (f *framing) addProjection(p projection, generations string) {
	f.add(p.Name+"-figures", "operations-projection-figures", p)
	f.add(p.Name+"-generations", generations, p)
	f.add(p.Name+"-rebuild-link", "operations-rebuild-link", p)
	f.add(p.Name+"-rebuild", "operations-rebuild-summary", p)
}

// addTrouble adds what can't be looked at: an empty part when all is well.
func (f *framing) addTrouble(t troubles) { f.add("trouble", "operations-trouble", []string(t)) }

// troubles are what can't be looked at, and why.
type troubles []string

// unless notes what kept the API from answering, if anything did, and returns whether it
// has answered. A route that is not there has nothing to show, which is no trouble.
func (t *troubles) unless(what string, err error) bool {
	if err == nil {
		return true
	}
	var problem *web.Problem
	switch {
	case !errors.As(err, &problem):
		*t = append(*t, what+" can't be looked at.")
	case problem.Status != http.StatusNotFound:
		*t = append(*t, fmt.Sprintf("%s can't be looked at: %s. %s", what, strings.ToLower(problem.Title), problem.Detail))
	}
	return false
}
