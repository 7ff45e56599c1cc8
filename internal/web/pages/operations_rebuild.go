package pages

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"bookstore/internal/web"
)

// rebuildPage shows one rebuild from its start to the switch.
type rebuildPage struct {
	operationsPage
	Rebuild rebuild
}

// rebuildPlace returns the page that the path of a request names.
func rebuildPlace(r *http.Request) (place, error) {
	id, err := web.PathID(r, "id")
	return place{Projection: mux.Vars(r)["name"], Rebuild: id}, err
}

func (o *operators) lookAtRebuild(r *http.Request, at place) (rebuild, error) {
	var seen rebuild
	_, err := o.api.get(r, rebuildPath(at.Projection, at.Rebuild), nil, &seen)
	return seen, err
}

// frame makes the parts of the rebuild's page.
func (r rebuild) frame(t templates) (frame, error) {
	f := &framing{templates: t}
	f.add("phase", "operations-phase", r)
	f.add("progress", "operations-progress", r)
	f.add("phases", "operations-phases", r)
	f.add("figures", "operations-rebuild-figures", r)
	f.add("rebuild-trouble", "operations-rebuild-trouble", r)
	f.add("verification", "operations-verification", r)
	f.add("order-pause", "operations-pause", r)
	f.add("order-accept", "operations-accept", r)
	f.add("order-cancel", "operations-cancel", r)
	f.addTrouble(nil)
	return f.frame, f.err
}

// rebuildView is a rebuild's page as it changes.
func (o *operators) rebuildView(r *http.Request) (view, error) {
	at, err := rebuildPlace(r)
	if err != nil {
		return view{}, err
	}
	if _, err := o.lookAtRebuild(r, at); err != nil {
		return view{}, err
	}
	return view{at.Path(), func(ctx context.Context) (frame, error) {
		seen, err := o.lookAtRebuild(asking(ctx), at)
		if err != nil {
			return o.troubled("The rebuild", err)
		}
		return seen.frame(o.templates)
	}}, nil
}

func (o *operators) getRebuild(w http.ResponseWriter, r *http.Request) error {
	at, err := rebuildPlace(r)
	if err != nil {
		return err
	}
	return o.showRebuild(w, r, at, http.StatusOK, nil)
}

func (o *operators) showRebuild(w http.ResponseWriter, r *http.Request, at place, status int, n *notice) error {
	seen, err := o.lookAtRebuild(r, at)
	if err != nil {
		return err
	}
	f, err := seen.frame(o.templates)
	if err != nil {
		return err
	}
	return o.templates.render(w, r, status, "operations-rebuild", "", rebuildPage{o.operationsPage(r, at, n, f), seen})
}
