package pages

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// What the API answers to operators, as far as the pages show it. What may be unknown is
// a pointer.

// projection is one of /api/projections.
type projection struct {
	Name            string       `json:"name"`
	Version         int          `json:"version"`
	Topic           string       `json:"topic"`
	NeedsRebuild    bool         `json:"needs_rebuild"`
	Active          int64        `json:"active"` // 0: none yet
	Behind          *amount      `json:"behind"`
	BehindSeconds   *lasting     `json:"behind_seconds"`
	EventsPerSecond *rate        `json:"events_per_second"`
	Parked          amount       `json:"parked"`
	Generations     []generation `json:"generations"`
	Rebuild         *rebuild     `json:"rebuild"`
}

// Rebuilding returns the rebuild that is under way, if any.
func (p projection) Rebuilding() *rebuild {
	if p.Rebuild == nil || p.Rebuild.Over() {
		return nil
	}
	return p.Rebuild
}

// RollBackTo returns the generation that a rollback would let answer: the newest that
// is kept and level with the one that answers. 0: there is none, or a rebuild stands in
// the way.
func (p projection) RollBackTo() int64 {
	if p.Rebuilding() != nil {
		return 0
	}
	to := int64(0)
	for _, g := range p.Generations {
		if g.State == "retired" && g.Attached {
			to = max(to, g.Generation)
		}
	}
	return to
}

type generation struct {
	Generation int64     `json:"generation"`
	Version    int       `json:"version"`
	State      string    `json:"state"` // building, active, retired
	Attached   bool      `json:"attached"`
	Rows       amount    `json:"rows"`
	Bytes      size      `json:"bytes"`
	Parked     amount    `json:"parked"`
	CreatedAt  time.Time `json:"created_at"`
}

// estimate is what a rebuild would take.
type estimate struct {
	Events  amount   `json:"events"`
	Seconds *lasting `json:"seconds"`
	Bytes   size     `json:"bytes"`
	Basis   string   `json:"basis"`
}

// rebuild is one of /api/projections/{name}/rebuilds.
type rebuild struct {
	ID         int64  `json:"id"`
	Projection string `json:"projection"`
	Generation int64  `json:"generation"`
	Version    int    `json:"version"`
	Replaces   *int64 `json:"replaces"`

	Phase            string   `json:"phase"`
	Wish             string   `json:"wish"` // run, pause, cancel
	AcceptDiff       bool     `json:"accept_diff"`
	MaxQuerySlowdown *float64 `json:"max_query_slowdown"`

	Owner          string   `json:"owner"`
	Paused         bool     `json:"paused"`
	EventsDone     amount   `json:"events_done"`
	EventsTotal    amount   `json:"events_total"`
	PhaseShare     *float64 `json:"phase_share"`
	Detail         string   `json:"detail"`
	QueryP99Before *millis  `json:"query_p99_before"`
	QueryP99Now    *millis  `json:"query_p99_now"`
	GivenWay       lasting  `json:"given_way"`
	Trouble        string   `json:"trouble"`

	Verification *verification `json:"verification"`
	Phases       []phaseTime   `json:"phases"`

	StartedAt      time.Time  `json:"started_at"`
	PhaseStartedAt time.Time  `json:"phase_started_at"`
	ReportedAt     time.Time  `json:"reported_at"`
	FinishedAt     *time.Time `json:"finished_at"`

	EventsPerSecond *rate    `json:"events_per_second"`
	SecondsLeft     *lasting `json:"seconds_left"`
}

type phaseTime struct {
	Phase   string  `json:"phase"`
	Seconds lasting `json:"seconds"`
}

// verification is what comparing the new generation with the active one has found.
type verification struct {
	Tables      []comparedTable `json:"tables"`
	Differences amount          `json:"differences"`
}

type comparedTable struct {
	Table      string          `json:"table"`
	ActiveRows amount          `json:"active_rows"`
	NewRows    amount          `json:"new_rows"`
	OnlyActive amount          `json:"only_active"`
	OnlyNew    amount          `json:"only_new"`
	Changed    amount          `json:"changed"`
	Fields     []comparedField `json:"fields"`
	Added      []string        `json:"added"`
	Removed    []string        `json:"removed"`
	Retyped    []string        `json:"retyped"`
	OnlyIn     string          `json:"only_in"` // active or new; "": both have the table
	KeyChanged bool            `json:"key_changed"`
	Samples    []comparedRow   `json:"samples"`
}

type comparedField struct {
	Field string `json:"field"`
	Rows  amount `json:"rows"`
}

type comparedRow struct {
	Key    map[string]string `json:"key"`
	Kind   string            `json:"kind"` // only_active, only_new, changed
	Fields []struct {
		Field  string  `json:"field"`
		Active *string `json:"active"` // nil: NULL, or not there
		New    *string `json:"new"`
	} `json:"fields"`
}

// KindName says how the row differs.
func (c comparedRow) KindName() string {
	switch c.Kind {
	case "only_active":
		return "missing"
	case "only_new":
		return "additional"
	default:
		return c.Kind
	}
}

// parkedRecord is one of /api/parked; the last two only where it was asked for by id.
type parkedRecord struct {
	ID          int64      `json:"id"`
	Consumer    string     `json:"consumer"`
	Generation  int64      `json:"generation"`
	Topic       string     `json:"topic"`
	Partition   int32      `json:"partition"`
	Offset      int64      `json:"offset"`
	RecordedAt  time.Time  `json:"recorded_at"`
	Key         []byte     `json:"key"`
	KeyText     *string    `json:"key_text"`
	Book        *int64     `json:"book"`
	Poison      bool       `json:"poison"` // else only held back by one that is
	Error       string     `json:"error"`
	Tries       amount     `json:"tries"`
	ParkedAt    time.Time  `json:"parked_at"`
	TriedAt     time.Time  `json:"tried_at"`
	Request     *string    `json:"request"` // retry or discard, asked for and not done yet
	DiscardedAt *time.Time `json:"discarded_at"`

	Value     []byte         `json:"value"`
	ValueText *string        `json:"value_text"`
	Headers   []parkedHeader `json:"headers"`
}

type parkedHeader struct {
	Key       []byte  `json:"key"`
	KeyText   *string `json:"key_text"`
	Value     []byte  `json:"value"`
	ValueText *string `json:"value_text"`
}

// asked is what became of parked records that somebody asked to retry or discard.
type asked struct {
	Asked     int `json:"asked"`
	Applied   int `json:"applied"`
	Discarded int `json:"discarded"`
	Parked    int `json:"parked"`
	Waiting   int `json:"waiting"`
}

// logEvent is one of /api/events.
type logEvent struct {
	Position string    `json:"position"` // partition.offset
	At       time.Time `json:"at"`
	Type     string    `json:"type"`
	BookID   int64     `json:"book_id"`
	Version  int64     `json:"version"`
	Title    string    `json:"title"`
	Actor    string    `json:"actor"`
	Reason   string    `json:"reason"` // of a rejection
	Error    string    `json:"error"`  // why the record can't be read
}

// Kind is the event's type in short: "created" of bookstore.book.created.v1. What has
// another form stays as it is.
func (e logEvent) Kind() string {
	if words := strings.Split(e.Type, "."); len(words) == 4 && words[0] == "bookstore" {
		return words[2]
	}
	return e.Type
}

// activity is what /api/activity answers: one a second, oldest first.
type activity struct {
	Seconds []struct {
		At       time.Time `json:"at"`
		Searches *float64  `json:"searches"`
		Writes   *float64  `json:"writes"`
	} `json:"seconds"`
}

// indented shows JSON so that people can read it, and what is none as it is.
func indented(text string) string {
	var pretty bytes.Buffer // json.MarshalIndent would write other characters than were sent
	if json.Indent(&pretty, []byte(text), "", "  ") != nil {
		return text
	}
	return pretty.String()
}
