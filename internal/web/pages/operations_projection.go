package pages

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"
)

// projectionSeen is what there is to see of one projection.
type projectionSeen struct {
	Projection projection
	Rebuilds   []rebuild // newest first
}

func projectionPath(name string) string { return "/api/projections/" + name }

// lookAtProjection asks the API for a projection and its rebuilds.
func (o *operators) lookAtProjection(r *http.Request, name string) (projectionSeen, error) {
	var seen projectionSeen
	if _, err := o.api.get(r, projectionPath(name), nil, &seen.Projection); err != nil {
		return seen, err
	}
	_, err := o.api.get(r, projectionPath(name)+"/rebuilds", nil, &seen.Rebuilds)
	return seen, err
}

// frame makes the parts of the projection's page.
func (seen projectionSeen) frame(t templates) (frame, error) {
	f := &framing{templates: t}
	p := seen.Projection
	f.addProjection(p, "operations-generations-orders")
	f.add("rebuilds", "operations-rebuilds", seen.Rebuilds)
	// Each order by itself: one that appears leaves the others alone. They are sent when
	// they become possible or impossible, not when a number in them has changed.
	f.add("start-note", "operations-start-note", p)
	f.add("order-rollback", "operations-rollback", p)
	f.add("order-retry", "operations-retry-projection", struct {
		Name string
		Some bool
	}{p.Name, p.Parked > 0})
	f.addTrouble(nil)
	return f.frame, f.err
}

// projectionView is a projection's page as it changes.
func (o *operators) projectionView(r *http.Request) (view, error) {
	at := place{Projection: mux.Vars(r)["name"]}
	if _, err := o.api.get(r, projectionPath(at.Projection), nil, nil); err != nil {
		return view{}, err // one that is not there is not looked at each second
	}
	return view{at.Path(), func(ctx context.Context) (frame, error) {
		seen, err := o.lookAtProjection(asking(ctx), at.Projection)
		if err != nil {
			return o.troubled("The projection", err)
		}
		return seen.frame(o.templates)
	}}, nil
}

// troubled is a frame that only says what can't be looked at.
func (o *operators) troubled(what string, err error) (frame, error) {
	var t troubles
	if !t.unless(what, err) && t == nil {
		t = troubles{what + " is not there any more."}
	}
	f := &framing{templates: o.templates}
	f.addTrouble(t)
	return f.frame, f.err
}

// projectionPage shows one projection and takes orders for it.
type projectionPage struct {
	operationsPage
	Projection projection
	Estimate   *estimate // nil: not known
	Form       startForm
}

func (o *operators) getProjection(w http.ResponseWriter, r *http.Request) error {
	return o.showProjection(w, r, place{Projection: mux.Vars(r)["name"]}, http.StatusOK, nil, startForm{})
}

func (o *operators) showProjection(w http.ResponseWriter, r *http.Request, at place, status int, n *notice, form startForm) error {
	seen, err := o.lookAtProjection(r, at.Projection)
	if err != nil {
		return err
	}
	f, err := seen.frame(o.templates)
	if err != nil {
		return err
	}
	page := projectionPage{operationsPage: o.operationsPage(r, at, n, f), Projection: seen.Projection, Form: form}
	// How long a rebuild would take is good to know, and nothing to fail for.
	var would estimate
	if _, err := o.api.get(r, projectionPath(at.Projection)+"/rebuilds/estimate", nil, &would); err == nil {
		page.Estimate = &would
	}
	return o.templates.render(w, r, status, "operations-projection", "", page)
}

func rebuildPath(projection string, id int64) string {
	return projectionPath(projection) + "/rebuilds/" + strconv.FormatInt(id, 10)
}
