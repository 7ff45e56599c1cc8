package pages

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"bookstore/internal/web"
)

// notice is what a page says of an order.
type notice struct {
	Text    string
	Refused bool
}

// notices are what was ordered, by the code that a page's address has. Nothing else gets
// from an address into a page: a link must not make it say what its author likes.
var notices = map[string]*notice{
	"started":     {Text: "The rebuild has begun. This page follows it."},
	"paused":      {Text: "The rebuild was told to pause. It does within a second or so."},
	"resumed":     {Text: "The rebuild was told to go on."},
	"cancelled":   {Text: "The rebuild was told to end. Its tables go; what answers queries stays."},
	"accepted":    {Text: "The differences are accepted. The new generation becomes the one that answers."},
	"rolled-back": {Text: "Rolled back: the generation that answered before answers again."},
	"dropped":     {Text: "The generation is gone, and its disk is free."},
	"applied":     {Text: "Tried again, and applied."},
	"discarded":   {Text: "Discarded. The records behind it are tried again."},
	"in-vain":     {Text: "Tried again in vain: what could not be applied is still parked.", Refused: true},
	"waiting":     {Text: "Asked for. The process that owns the partition does it as soon as it can."},
	"none-parked": {Text: "Nothing was parked any more."},
}

// order makes a handler of an order that is done, or noted, when the API has answered.
func (o *operators) order(done string, request func(*http.Request) (call, error)) http.Handler {
	return o.give(request, func(web.Answer) (string, error) { return done, nil })
}

// orderOfParked makes a handler of an order for parked records, whose answer says what has
// become of them.
func (o *operators) orderOfParked(request func(*http.Request) (call, error)) http.Handler {
	return o.give(request, func(answer web.Answer) (string, error) {
		var became asked
		if err := json.Unmarshal(answer.Body, &became); err != nil {
			return "", fmt.Errorf("read what became of parked records: %w", err)
		}
		return became.code(), nil
	})
}

// code is the notice that fits.
func (a asked) code() string {
	switch {
	case a.Asked == 0:
		return "none-parked"
	case a.Waiting > 0:
		return "waiting"
	case a.Parked > 0:
		return "in-vain"
	case a.Applied > 0:
		return "applied"
	default:
		return "discarded"
	}
}

// give sends an order to the API, and its giver back to the page that he was on, which
// says what became of it.
func (o *operators) give(request func(*http.Request) (call, error), code func(web.Answer) (string, error)) http.Handler {
	return o.page(func(w http.ResponseWriter, r *http.Request) error {
		if err := parseForm(r); err != nil {
			return err
		}
		back := readPlace(r.PostForm.Get("back"))
		c, err := request(r)
		if err != nil {
			return err
		}
		answer, err := o.api.do(r, c, nil)
		if err != nil {
			return o.refused(w, r, back, err)
		}
		done, err := code(answer)
		if err != nil {
			return err
		}
		goBack(w, r, back, done)
		return nil
	})
}

func parseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return web.BadRequest("The form can't be read.")
	}
	return nil
}

// goBack has the browser load a page anew, with a notice: what it sent is not sent again
// when the page is.
func goBack(w http.ResponseWriter, r *http.Request, to place, done string) {
	http.Redirect(w, r, to.Path()+"?"+url.Values{"done": {done}}.Encode(), http.StatusSeeOther)
}

// refused shows why an order was not followed on the page where it was given, as that is
// now: it was given on what a moment ago allowed it.
func (o *operators) refused(w http.ResponseWriter, r *http.Request, at place, err error) error {
	var problem *web.Problem
	if !errors.As(err, &problem) || problem.Status >= http.StatusInternalServerError {
		return err
	}
	n := &notice{Text: cmp.Or(problem.Detail, problem.Title), Refused: true}
	var failed error
	switch {
	case at.Projection == "":
		failed = o.showOverview(w, r, problem.Status, n)
	case at.Rebuild == 0:
		failed = o.showProjection(w, r, at, problem.Status, n, startForm{})
	default:
		failed = o.showRebuild(w, r, at, problem.Status, n)
	}
	if failed != nil {
		return err // what was wanted is there no more, or the page can't be made now
	}
	return nil
}

// tellRebuild asks for an order to the owner of a rebuild: pause, resume, cancel, accept.
func tellRebuild(order string) func(*http.Request) (call, error) {
	return func(r *http.Request) (call, error) {
		at, err := rebuildPlace(r)
		return call{method: http.MethodPost, path: rebuildPath(at.Projection, at.Rebuild) + "/" + order}, err
	}
}

func rollBack(r *http.Request) (call, error) {
	return call{method: http.MethodPost, path: projectionPath(mux.Vars(r)["name"]) + "/rollback"}, nil
}

func dropGeneration(r *http.Request) (call, error) {
	generation, err := web.PathID(r, "generation")
	path := projectionPath(mux.Vars(r)["name"]) + "/generations/" + strconv.FormatInt(generation, 10)
	return call{method: http.MethodDelete, path: path}, err
}

// retryAll asks for all parked records to be tried again, or, where the form names one,
// for those of a consumer.
func retryAll(r *http.Request) (call, error) {
	c := call{method: http.MethodPost, path: "/api/parked/retry"}
	if consumer := r.PostForm.Get("consumer"); consumer != "" {
		c.query = url.Values{"consumer": {consumer}}
	}
	return c, nil
}

// tellRecord asks for an order to the owner of a parked record: retry, discard.
func tellRecord(order string) func(*http.Request) (call, error) {
	return func(r *http.Request) (call, error) {
		id, err := web.PathID(r, "id")
		return call{method: http.MethodPost, path: parkedPath(id) + "/" + order}, err
	}
}

// startForm is what somebody has put into the form that starts a rebuild.
type startForm struct {
	MaxQuerySlowdown string
	AcceptDiff       bool
	Fault            string // of MaxQuerySlowdown
}

// startOrder is the body that starts a rebuild.
type startOrder struct {
	MaxQuerySlowdown *float64 `json:"max_query_slowdown"`
	AcceptDiff       bool     `json:"accept_diff"`
}

// startRebuild begins a rebuild and shows it.
func (o *operators) startRebuild(w http.ResponseWriter, r *http.Request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	at := place{Projection: mux.Vars(r)["name"]}
	form := startForm{MaxQuerySlowdown: strings.TrimSpace(r.PostForm.Get("max_query_slowdown")), AcceptDiff: r.PostForm.Get("accept_diff") == "true"}
	order := startOrder{AcceptDiff: form.AcceptDiff}
	if form.MaxQuerySlowdown != "" {
		most, err := strconv.ParseFloat(form.MaxQuerySlowdown, 64)
		if err != nil || math.IsNaN(most) || math.IsInf(most, 0) {
			form.Fault = "must be a number, such as 1.5"
			return o.showProjection(w, r, at, http.StatusUnprocessableEntity, nil, form)
		}
		order.MaxQuerySlowdown = &most
	}
	var started rebuild
	_, err := o.api.do(r, call{method: http.MethodPost, path: projectionPath(at.Projection) + "/rebuilds", body: order}, &started)
	var problem *web.Problem
	switch {
	case err == nil:
		at.Rebuild = started.ID
		goBack(w, r, at, "started")
		return nil
	case errors.As(err, &problem) && problem.Status == http.StatusUnprocessableEntity && len(problem.Errors) > 0:
		form.Fault = problem.Errors[0].Message
		return o.showProjection(w, r, at, problem.Status, nil, form)
	default:
		return o.refused(w, r, at, err)
	}
}
