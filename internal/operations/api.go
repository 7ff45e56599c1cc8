package operations

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/compare"
	"bookstore/internal/events"
	"bookstore/internal/projection/parked"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

// Rebuilds does what takes the code of the projections. Its methods fail with
// what package rebuild names.
type Rebuilds interface {
	// Start fails with [*rebuild.UnderWayError] or [rebuild.ErrUnknownProjection].
	Start(ctx context.Context, projection string, r rebuild.Request) (rebuild.Rebuild, error)
	// Estimate fails with [rebuild.ErrUnknownProjection].
	Estimate(ctx context.Context, projection string) (rebuild.Estimate, error)
	// Diff calls each for every row that differs between the generation that a
	// rebuild makes and the one it replaces. It fails with [rebuild.ErrNotFound],
	// [rebuild.ErrNothingToCompare] or each's error.
	Diff(ctx context.Context, id int64, each func(compare.Row) error) error
	// Rollback fails with [rebuild.ErrNothingToRollBackTo], [*rebuild.UnderWayError]
	// or [rebuild.ErrUnknownProjection].
	Rollback(ctx context.Context, projection string) error
	// Drop fails with [rebuild.ErrNoGeneration], [rebuild.ErrActive] or
	// [rebuild.ErrBeingBuilt].
	Drop(ctx context.Context, projection string, generation int64) error
}

// Described is a projection as the code knows it.
type Described struct {
	Name    string
	Version int
	Topic   string // that it is made of
}

// API is the operators' HTTP routes. All fields are required; it must not be
// copied once it serves.
type API struct {
	Pool     *pgxpool.Pool
	Rebuilds Rebuilds

	Projections []Described
	// Topics are those whose growth is the service's activity.
	Topics events.Topics

	// Heads returns the offsets that the next records of a topic will get; nil while
	// that is not known.
	Heads func(topic string) events.Offsets
	// OldestUnapplied returns the timestamp of the oldest record of a topic at or after
	// a position, and false where there is none.
	OldestUnapplied func(ctx context.Context, topic string, position events.Offsets) (at time.Time, found bool, err error)

	// Wait is how long a request to retry or discard waits for the records' owner.
	Wait         time.Duration
	MaxBodyBytes int64

	pace     pace
	activity activity
}

// Routes adds the routes to r.
func (a *API) Routes(r *mux.Router) {
	type handler = func(http.ResponseWriter, *http.Request) error
	look := func(path string, handle handler) {
		// Everything here is of the moment, and is looked at again and again.
		r.Handle(path, web.Handle(notStored(handle))).Methods(http.MethodGet, http.MethodHead)
	}
	tell := func(path string, handle handler) {
		r.Handle(path, web.Handle(handle)).Methods(http.MethodPost)
	}
	look("/api/projections", a.listProjections)
	look("/api/projections/{name}", a.showProjection)
	tell("/api/projections/{name}/rollback", a.rollback)
	r.Handle("/api/projections/{name}/generations/{generation}", web.Handle(a.drop)).Methods(http.MethodDelete)

	look("/api/projections/{name}/rebuilds", a.listRebuilds)
	tell("/api/projections/{name}/rebuilds", a.startRebuild)
	look("/api/projections/{name}/rebuilds/estimate", a.estimate) // first: it is no id
	look("/api/projections/{name}/rebuilds/{id}", a.showRebuild)
	look("/api/projections/{name}/rebuilds/{id}/diff", a.diff)
	tell("/api/projections/{name}/rebuilds/{id}/pause", a.order(wish(rebuild.Pause)))
	tell("/api/projections/{name}/rebuilds/{id}/resume", a.order(wish(rebuild.Run)))
	tell("/api/projections/{name}/rebuilds/{id}/cancel", a.order(wish(rebuild.Cancel)))
	tell("/api/projections/{name}/rebuilds/{id}/accept", a.order(rebuild.Accept))

	look("/api/activity", a.showActivity)

	look("/api/parked", a.listParked)
	look("/api/parked/{id}", a.showParked)
	tell("/api/parked/retry", a.retryAll)
	tell("/api/parked/{id}/retry", a.askOfOne(parked.Retry))
	tell("/api/parked/{id}/discard", a.askOfOne(parked.Discard))
}

func notStored(handle func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		return handle(w, r)
	}
}

// projection returns the projection that the path names, once it is known that
// the request has no parameters.
func (a *API) projection(r *http.Request) (Described, error) {
	if err := web.Params(r).Err(); err != nil {
		return Described{}, err
	}
	name := mux.Vars(r)["name"]
	i := slices.IndexFunc(a.Projections, func(p Described) bool { return p.Name == name })
	if i < 0 {
		return Described{}, asProblem(rebuild.ErrUnknownProjection)
	}
	return a.Projections[i], nil
}

// asProblem names what only this package can tell; package web knows the rest.
func asProblem(err error) error {
	var underWay *rebuild.UnderWayError
	switch {
	case errors.As(err, &underWay):
		return web.Conflict(fmt.Sprintf("Rebuild %d of %s is under way: %s.",
			underWay.ID, underWay.Projection, rebuildPath(underWay.Projection, underWay.ID)))
	case errors.Is(err, rebuild.ErrUnknownProjection):
		return web.NotFound("There is no such projection. /api/projections lists them.")
	case errors.Is(err, rebuild.ErrNotFound):
		return web.NotFound("The projection has had no such rebuild.")
	case errors.Is(err, rebuild.ErrNoGeneration):
		return web.NotFound("The projection has no such generation, or no longer.")
	case errors.Is(err, rebuild.ErrOver):
		return web.Conflict("The rebuild is over.")
	case errors.Is(err, rebuild.ErrBeingCancelled):
		return web.Conflict("The rebuild is being cancelled, which can't be taken back.")
	case errors.Is(err, rebuild.ErrNothingToAccept):
		return web.Conflict("The rebuild has found no differences that wait to be accepted.")
	case errors.Is(err, rebuild.ErrNothingToCompare):
		return web.Conflict("The two generations can't be compared now: one of them is gone, or not complete yet.")
	case errors.Is(err, rebuild.ErrNothingToRollBackTo):
		return web.Conflict("No earlier generation is kept that could answer queries again.")
	case errors.Is(err, rebuild.ErrActive):
		return web.Conflict("The generation answers queries. Switch to another one first.")
	case errors.Is(err, rebuild.ErrBeingBuilt):
		return web.Conflict("The generation is being built. Cancel the rebuild instead.")
	case errors.Is(err, parked.ErrNotFound):
		return web.NotFound("No such record is parked, or no longer: it may have been applied.")
	case errors.Is(err, parked.ErrDiscarded):
		return web.Conflict("The record was discarded, which can't be taken back.")
	default:
		return err
	}
}
