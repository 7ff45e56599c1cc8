package pages

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	tailLength     = 20 // of the log
	parkedOverview = 20 // records that the overview lists
)

// overview is what there is to see of the service. What is not known is nil.
type overview struct {
	Projections []projection
	Chart       *chart
	Tail        []logEvent
	Parked      *parkedList
	troubles    troubles
}

// lookAround asks the API for all of it. What one route can't tell keeps nobody from
// seeing what the others do: it is when something is away that operators look.
func (o *operators) lookAround(r *http.Request) overview {
	var seen overview
	if _, err := o.api.get(r, "/api/projections", nil, &seen.Projections); !seen.troubles.unless("The projections", err) {
		seen.Projections = nil
	}
	var seconds activity
	if _, err := o.api.get(r, "/api/activity", nil, &seconds); seen.troubles.unless("What the service does", err) {
		seen.Chart = new(newChart(seconds))
	}
	query := url.Values{"limit": {strconv.Itoa(tailLength)}}
	if _, err := o.api.get(r, "/api/events", query, &seen.Tail); !seen.troubles.unless("The log", err) {
		seen.Tail = nil
	}
	parked, err := o.listParked(r, url.Values{"limit": {strconv.Itoa(parkedOverview)}})
	if seen.troubles.unless("Parked records", err) {
		seen.Parked = &parked
	}
	return seen
}

// frame makes the parts of the overview.
func (seen overview) frame(t templates) (frame, error) {
	f := &framing{templates: t}
	var names strings.Builder
	for _, p := range seen.Projections {
		f.addProjection(p, "operations-generations")
		names.WriteString(p.Name + " ")
	}
	if seen.Projections != nil {
		// What is around the parts above. It is sent again only when there are others:
		// at first nothing was known, say.
		cards := f.make("operations-cards", struct {
			Projections []projection
			Frame       frame
		}{seen.Projections, f.frame})
		f.frame = append(frame{{"projections", cards, sumOf(names.String())}}, f.frame...)
	}
	if seen.Chart != nil {
		f.add("chart", "operations-chart", seen.Chart)
	}
	if seen.Tail != nil {
		f.add("tail", "operations-tail", seen.Tail)
	}
	if seen.Parked != nil {
		f.add("parked", "operations-parked-rows", seen.Parked)
		f.add("parked-count", "operations-parked-count", seen.Parked)
		f.add("retry-all", "operations-retry-all", seen.Parked)
	}
	f.addTrouble(seen.troubles)
	return f.frame, f.err
}

// overviewView is the overview as it changes.
func (o *operators) overviewView(*http.Request) (view, error) {
	return view{place{}.Path(), func(ctx context.Context) (frame, error) {
		return o.lookAround(asking(ctx)).frame(o.templates)
	}}, nil
}

func (o *operators) getOverview(w http.ResponseWriter, r *http.Request) error {
	return o.showOverview(w, r, http.StatusOK, nil)
}

func (o *operators) showOverview(w http.ResponseWriter, r *http.Request, status int, n *notice) error {
	seen := o.lookAround(r)
	f, err := seen.frame(o.templates)
	if err != nil {
		return err
	}
	if seen.Projections == nil && status == http.StatusOK {
		status = http.StatusServiceUnavailable
	}
	return o.templates.render(w, r, status, "operations", "", o.operationsPage(r, place{}, n, f))
}
