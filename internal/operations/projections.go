package operations

import (
	"net/http"

	"bookstore/internal/web"
)

func (a *API) listProjections(w http.ResponseWriter, r *http.Request) error {
	if err := web.Params(r).Err(); err != nil {
		return err
	}
	views, err := a.look(r.Context(), a.Projections...)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, views)
}

func (a *API) showProjection(w http.ResponseWriter, r *http.Request) error {
	p, err := a.projection(r)
	if err != nil {
		return err
	}
	return a.answer(w, r, p)
}

// answer shows a projection as it is now.
func (a *API) answer(w http.ResponseWriter, r *http.Request, p Described) error {
	views, err := a.look(r.Context(), p)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, views[0])
}

// rollback lets the generation that answered before answer again.
func (a *API) rollback(w http.ResponseWriter, r *http.Request) error {
	p, err := a.projection(r)
	if err != nil {
		return err
	}
	if err := a.Rebuilds.Rollback(r.Context(), p.Name); err != nil {
		return asProblem(err)
	}
	return a.answer(w, r, p)
}

// drop gives the disk of a generation back.
func (a *API) drop(w http.ResponseWriter, r *http.Request) error {
	p, err := a.projection(r)
	if err != nil {
		return err
	}
	generation, err := web.PathID(r, "generation")
	if err != nil {
		return err
	}
	if err := a.Rebuilds.Drop(r.Context(), p.Name, generation); err != nil {
		return asProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
