package rebuild

import (
	"errors"
	"fmt"
	"time"

	"bookstore/internal/compare"
)

// Phase is how far a rebuild has come.
type Phase string

// The phases, in their order. Any of the first six may be followed by Cancelled
// or Failed.
const (
	Copying    Phase = "copying"     // the events that there were go into the new tables
	Indexing   Phase = "indexing"    // the tables get what they are found by
	CatchingUp Phase = "catching_up" // the events that came meanwhile follow
	Verifying  Phase = "verifying"   // all rows are compared with the active generation's
	Differs    Phase = "differs"     // they are not the same, and nobody has accepted that yet
	Switching  Phase = "switching"   // the new generation becomes the active one
	Switched   Phase = "switched"
	Cancelled  Phase = "cancelled" // an operator wished so; its tables are gone
	Failed     Phase = "failed"    // it can't succeed; see Trouble
)

// Over says whether nothing follows any more.
func (p Phase) Over() bool { return p == Switched || p == Cancelled || p == Failed }

// Wish is what operators want of a rebuild. Its owner sees it within a second.
type Wish string

// The wishes. Cancel is the last one that a rebuild takes.
const (
	Run    Wish = "run"
	Pause  Wish = "pause"
	Cancel Wish = "cancel"
)

// Request is what an operator says when a rebuild begins.
type Request struct {
	// MaxQuerySlowdown, above 1, is what the p99 of live queries may be multiplied
	// by; nil: the rebuild gives way to nobody.
	MaxQuerySlowdown *float64 `json:"max_query_slowdown"`
	// AcceptDiff: switch also where the verification finds differences.
	AcceptDiff bool `json:"accept_diff"`
}

// Rebuild is a rebuild as the database has it. Times are UTC.
type Rebuild struct {
	ID         int64  `json:"id"`
	Projection string `json:"projection"`
	Generation int64  `json:"generation"` // that it makes
	Version    int    `json:"version"`    // of the projection's code
	Replaces   *int64 `json:"replaces"`   // the generation that was active when it began, if any

	Phase            Phase    `json:"phase"`
	Wish             Wish     `json:"wish"`
	AcceptDiff       bool     `json:"accept_diff"`
	MaxQuerySlowdown *float64 `json:"max_query_slowdown"`

	// What the owner tells of itself, about once a second.

	Owner          string   `json:"owner"`
	Paused         bool     `json:"paused"`
	EventsDone     int64    `json:"events_done"`
	EventsTotal    int64    `json:"events_total"`
	PhaseShare     *float64 `json:"phase_share"`      // of the present phase, 0 to 1; nil: not known
	Detail         string   `json:"detail"`           // such as the index that is being made
	QueryP99Before *float64 `json:"query_p99_before"` // milliseconds; nil: not measured
	QueryP99Now    *float64 `json:"query_p99_now"`    // milliseconds; nil: not measured
	GivenWay       float64  `json:"given_way"`        // seconds it has waited for the sake of queries
	Trouble        string   `json:"trouble"`          // why it can't get on, or has failed

	Verification *compare.Report `json:"verification"` // nil until it has been made
	Phases       []PhaseTime     `json:"phases"`       // those that are over, never nil

	StartedAt      time.Time  `json:"started_at"`
	PhaseStartedAt time.Time  `json:"phase_started_at"`
	ReportedAt     time.Time  `json:"reported_at"`
	FinishedAt     *time.Time `json:"finished_at"`

	// EventsPerSecond is how fast it has copied, its waiting included; nil where it
	// is not copying, or nobody is known to be at it.
	EventsPerSecond *float64 `json:"events_per_second"`
	// SecondsLeft is how long the present phase takes yet, if it goes on as it has
	// begun; nil where that can't be told.
	SecondsLeft *float64 `json:"seconds_left"`
}

// PhaseTime is how long a phase took.
type PhaseTime struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// silence is how long an owner, which reports about once a second, may be silent
// before it counts as gone.
const silence = 10 * time.Second

// forecast says how fast a rebuild goes on and how long that will take, as far as
// what was reported by now allows to tell.
func (r *Rebuild) forecast(now time.Time) {
	r.EventsPerSecond, r.SecondsLeft = nil, nil
	elapsed := r.ReportedAt.Sub(r.PhaseStartedAt).Seconds()
	standing := r.Phase.Over() || r.Paused || r.Wish != Run || r.Owner == "" || now.Sub(r.ReportedAt) > silence
	if standing || elapsed <= 0 {
		return
	}
	var left float64
	switch {
	case r.Phase == Copying && r.EventsDone > 0:
		rate := float64(r.EventsDone) / elapsed
		r.EventsPerSecond = &rate
		left = float64(max(0, r.EventsTotal-r.EventsDone)) / rate
	case r.Phase != Copying && r.PhaseShare != nil && *r.PhaseShare > 0:
		left = elapsed * (1 - *r.PhaseShare) / *r.PhaseShare
	default:
		return
	}
	r.SecondsLeft = &left
}

// Estimate says what a rebuild would take.
type Estimate struct {
	Events          int64    `json:"events"`
	EventsPerSecond *float64 `json:"events_per_second"` // nil: never measured
	Seconds         *float64 `json:"seconds"`           // nil: never measured
	Bytes           int64    `json:"bytes"`             // on disk, beside what is there
	Basis           string   `json:"basis"`             // how it was measured, in one sentence
}

// What a rebuild, or what comes after it, can't be done for. None of these pass
// by trying again.
var (
	ErrUnknownProjection   = errors.New("there is no such projection")
	ErrNotFound            = errors.New("there is no such rebuild")
	ErrNoGeneration        = errors.New("there is no such generation")
	ErrOver                = errors.New("the rebuild is over")
	ErrBeingCancelled      = errors.New("the rebuild is being cancelled")
	ErrNothingToAccept     = errors.New("the rebuild waits for nobody's consent")
	ErrNothingToCompare    = errors.New("the generations that the rebuild compares are not both there, at one position")
	ErrNothingToRollBackTo = errors.New("no generation is kept that could answer again")
	ErrActive              = errors.New("the generation answers queries")
	ErrBeingBuilt          = errors.New("the generation is being built")
	ErrNotBuilt            = errors.New("the first generation has not been built")
)

// UnderWayError says that a projection has a rebuild that is not over.
type UnderWayError struct {
	Projection string
	ID         int64 // of that rebuild
}

func (e *UnderWayError) Error() string {
	return fmt.Sprintf("rebuild %d of %s is under way", e.ID, e.Projection)
}
