package operations

import (
	"net/http"
	"sync"
	"time"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// activitySeconds is how many seconds of activity are kept.
const activitySeconds = 120

// Activity is how much happened within each of the last 120 seconds, oldest first; none
// until there was a first look.
type Activity struct {
	Seconds []Second `json:"seconds"`
}

// Second is how much came onto two topics between two looks. What is not known is nil.
type Second struct {
	At       time.Time `json:"at"`       // its end
	Searches *float64  `json:"searches"` // a second
	Writes   *float64  `json:"writes"`   // a second: events, of rejections as well
}

// activity knows the growth of topics.
type activity struct {
	mu               sync.Mutex
	searches, writes topicGrowth
	seconds          []Second
}

// topicGrowth tells how fast a topic grows, from two looks at where it ends.
type topicGrowth struct {
	at    time.Time
	total int64 // of its next offsets
	known bool
}

// see takes a new look; nil for a head that is not known.
func (a *activity) see(at time.Time, searches, writes events.Offsets) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seconds == nil {
		// A chart of them is as wide from the start as it will be.
		for ago := activitySeconds - 1; ago > 0; ago-- {
			a.seconds = append(a.seconds, Second{At: stamp(at.Add(-time.Duration(ago) * paceInterval))})
		}
	} else if len(a.seconds) == activitySeconds {
		a.seconds = a.seconds[1:]
	}
	a.seconds = append(a.seconds, Second{
		At: stamp(at), Searches: a.searches.see(at, searches), Writes: a.writes.see(at, writes),
	})
}

// last returns what is known, as a copy.
func (a *activity) last() Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Activity{Seconds: append([]Second{}, a.seconds...)}
}

// see returns how much a second came since the look before; nil where one of the two
// knows nothing.
func (g *topicGrowth) see(at time.Time, head events.Offsets) *float64 {
	before := *g
	*g = topicGrowth{at: at, known: head != nil}
	for _, next := range head {
		g.total += next
	}
	took := at.Sub(before.at).Seconds()
	// A topic that has shrunk is another one.
	if !before.known || !g.known || took <= 0 || g.total < before.total {
		return nil
	}
	rate := float64(g.total-before.total) / took
	return &rate
}

// stamp is a time as it is shown.
func stamp(at time.Time) time.Time { return at.UTC().Truncate(time.Millisecond) }

func (a *API) showActivity(w http.ResponseWriter, r *http.Request) error {
	if err := web.Params(r).Err(); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, a.activity.last())
}
