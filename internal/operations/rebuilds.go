package operations

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/compare"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

func rebuildPath(projection string, id int64) string {
	return fmt.Sprintf("/api/projections/%s/rebuilds/%d", projection, id)
}

func (a *API) listRebuilds(w http.ResponseWriter, r *http.Request) error {
	p, err := a.projection(r)
	if err != nil {
		return err
	}
	all, err := rebuild.List(r.Context(), a.Pool, p.Name)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, all)
}

func (a *API) startRebuild(w http.ResponseWriter, r *http.Request) error {
	p, err := a.projection(r)
	if err != nil {
		return err
	}
	var asked rebuild.Request
	if r.ContentLength != 0 { // nothing at all asks for nothing special
		if err := web.DecodeJSON(w, r, &asked, a.MaxBodyBytes); err != nil {
			return err
		}
	}
	if most := asked.MaxQuerySlowdown; most != nil && *most <= 1 {
		return web.Unprocessable(web.FieldError{Field: "max_query_slowdown", Message: "must be above 1: a rebuild can't make queries faster"})
	}
	started, err := a.Rebuilds.Start(r.Context(), p.Name, asked)
	if err != nil {
		return asProblem(err)
	}
	w.Header().Set("Location", rebuildPath(p.Name, started.ID))
	return web.WriteJSON(w, http.StatusCreated, started)
}

func (a *API) estimate(w http.ResponseWriter, r *http.Request) error {
	p, err := a.projection(r)
	if err != nil {
		return err
	}
	estimate, err := a.Rebuilds.Estimate(r.Context(), p.Name)
	if err != nil {
		return asProblem(err)
	}
	return web.WriteJSON(w, http.StatusOK, estimate)
}

func (a *API) showRebuild(w http.ResponseWriter, r *http.Request) error {
	found, err := a.rebuild(r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, found)
}

// rebuild returns the rebuild that the path names.
func (a *API) rebuild(r *http.Request) (rebuild.Rebuild, error) {
	p, err := a.projection(r)
	if err != nil {
		return rebuild.Rebuild{}, err
	}
	id, err := web.PathID(r, "id")
	if err != nil {
		return rebuild.Rebuild{}, err
	}
	found, err := rebuild.Get(r.Context(), a.Pool, id)
	if err == nil && found.Projection != p.Name {
		err = rebuild.ErrNotFound
	}
	return found, asProblem(err)
}

// order answers a request by telling the owner of a rebuild what to do.
func (a *API) order(tell func(context.Context, *pgxpool.Pool, int64) (rebuild.Rebuild, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		found, err := a.rebuild(r)
		if err != nil {
			return err
		}
		told, err := tell(r.Context(), a.Pool, found.ID)
		if err != nil {
			return asProblem(err)
		}
		return web.WriteJSON(w, http.StatusAccepted, told)
	}
}

func wish(wish rebuild.Wish) func(context.Context, *pgxpool.Pool, int64) (rebuild.Rebuild, error) {
	return func(ctx context.Context, pool *pgxpool.Pool, id int64) (rebuild.Rebuild, error) {
		return rebuild.SetWish(ctx, pool, id, wish)
	}
}

// diff answers with every row that differs, one JSON object a line, as they are
// found. A failure half-way cuts the connection: what came is not all.
func (a *API) diff(w http.ResponseWriter, r *http.Request) error {
	found, err := a.rebuild(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if r.Method == http.MethodHead {
		return nil // comparing takes long, and nobody would see it
	}
	// Nothing is sent before there is something to send: until then a failure is a
	// problem like any other.
	lines := bufio.NewWriter(w)
	encoder := json.NewEncoder(lines)
	encoder.SetEscapeHTML(false)
	if err := a.Rebuilds.Diff(r.Context(), found.ID, func(row compare.Row) error { return encoder.Encode(row) }); err != nil {
		return asProblem(err)
	}
	return lines.Flush()
}
