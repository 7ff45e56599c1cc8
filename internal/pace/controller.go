package pace

import (
	"log/slog"
	"time"
)

const (
	// targetShare is where the target lies between no slowdown (0) and the bound (1).
	// The p99 of some hundred queries is off by a fifth easily.
	targetShare = 0.6
	// clearShare is where, between no slowdown and the target, there is room for more.
	clearShare = 0.8

	firstDuty = 0.02  // how the rebuild begins where there are queries
	leastDuty = 0.002 // less is none; a slice of 20 ms is followed by a pause of 10 s
	doubling  = 2.0
	growing   = 1.25
	halving   = 0.5
	tenth     = 0.1 // what one cut leaves at least

	// Queries that were under way when the duty changed are of the old one. They are
	// about as long as the p99, within these bounds.
	minSettle = 250 * time.Millisecond
	maxSettle = 5 * time.Second

	// stillFor is how long queries must be slow, with nothing done, for the rebuild to
	// be acquitted.
	stillFor = 20 * time.Second
	// raisedFor is how long a raised before is trusted.
	raisedFor = 2 * time.Minute
)

// mode says what the controller is about.
type mode int

const (
	listening mode = iota // not begun: what was before is being told
	free                  // nobody queries
	measuring             // standing still, to learn what queries take undisturbed
	governing
)

// controller finds the duty. It has no clock and does nothing by itself: the same
// steps give the same duties. The package comment says how and why.
type controller struct {
	bound float64 // at most so many times before; above 1
	log   *slog.Logger

	mode     mode
	duty     float64
	since    time.Time // queries from here on ran under this duty
	used     bool      // work was done under this duty
	standing time.Time // nothing was done since; of meaning while duty is 0
	tooMuch  float64   // a duty that was; 0 when none is known

	timeline timeline
	now      time.Duration // p99; 0: not known
	before   time.Duration // p99; 0: not known
	first    time.Duration // the first before
	raised   time.Time     // when before became more than first; zero: it isn't
	resumeAt float64       // the duty after measuring
}

func newController(bound float64, log *slog.Logger) *controller {
	return &controller{bound: bound, log: log}
}

// begin ends listening, with the p99 of queries before the rebuild, 0 where it is
// not known.
func (c *controller) begin(before time.Duration, at time.Time) {
	c.before, c.first = before, before
	c.mode = free
	c.change(1, at)
}

// step takes in what was counted since the last step, some of it for the second
// time perhaps, and whether any work was done. Then it decides on the duty.
func (c *controller) step(at time.Time, windows []window, worked bool) {
	c.timeline.add(at, windows)
	c.now, _ = c.timeline.p99(at, time.Time{})
	if worked {
		c.used, c.standing = true, at
	}
	switch c.mode {
	case listening:
	case free:
		if c.timeline.total() >= fewQueries {
			c.queriesCame(at)
		}
	case measuring, governing:
		if c.timeline.total() < fewQueries/2 {
			c.mode = free
			c.change(1, at)
			return
		}
		c.govern(at)
	}
}

func (c *controller) govern(at time.Time) {
	if c.mode == measuring {
		if p99, known := c.timeline.reference(at, c.since); known {
			c.measured(p99, at)
		}
		return
	}
	if p99, known := c.timeline.p99(at, c.since); known {
		c.judge(p99, at)
	}
}

func (c *controller) queriesCame(at time.Time) {
	if c.before == 0 {
		c.measure(firstDuty, at)
		return
	}
	c.mode = governing
	c.change(firstDuty, at)
}

// measure stands still until it is known what queries take undisturbed.
func (c *controller) measure(resumeAt float64, at time.Time) {
	c.mode, c.resumeAt = measuring, resumeAt
	c.change(0, at)
}

func (c *controller) measured(p99 time.Duration, at time.Time) {
	if c.first == 0 {
		c.first = p99
	}
	c.setBefore(max(c.first, p99), at)
	c.mode = governing
	c.change(c.resumeAt, at)
}

func (c *controller) setBefore(p99 time.Duration, at time.Time) {
	c.before, c.raised = p99, time.Time{}
	if p99 > c.first {
		c.raised = at
	}
}

// judge decides by the p99 of queries that ran under the present duty alone.
func (c *controller) judge(p99 time.Duration, at time.Time) {
	target := targetShare * (c.bound - 1) // all as excess over before
	excess := float64(p99)/float64(c.before) - 1
	room := excess < clearShare*target
	switch {
	case c.duty == 0 && room:
		c.change(leastDuty, at)
	case c.duty == 0:
		if at.Sub(c.standing) >= stillFor {
			c.acquit(at)
		}
	case excess > target:
		c.cut(target/excess, excess > c.bound-1, at)
	case !c.raised.IsZero() && at.Sub(c.raised) >= raisedFor:
		c.measure(max(firstDuty, c.duty*halving), at)
	case room && c.used: // what was not used proves nothing
		c.grow(at)
	}
}

// cut leaves that share of the duty, if slowness is proportional to it; less where
// it was so much that the bound is broken.
func (c *controller) cut(share float64, broken bool, at time.Time) {
	if broken {
		share = min(share, halving)
	}
	c.tooMuch = c.duty
	duty := c.duty * max(share, tenth)
	if duty < leastDuty {
		duty = 0
	}
	c.change(duty, at)
}

func (c *controller) grow(at time.Time) {
	factor := growing
	if c.tooMuch == 0 || c.duty*doubling <= c.tooMuch*halving {
		factor = doubling
	}
	duty := min(1, c.duty*factor)
	if c.tooMuch > 0 {
		c.tooMuch = max(c.tooMuch, duty) // or else it wasn't
	}
	c.change(duty, at)
}

// acquit takes note that queries are slow without the rebuild. What they take now is
// the new before.
func (c *controller) acquit(at time.Time) {
	p99, known := c.timeline.reference(at, c.standing.Add(c.settle()))
	if !known {
		return
	}
	c.log.Info("queries have become slower by themselves: the rebuild goes by what they take now",
		"p99_before", c.before, "p99_now", p99, "stood_still", at.Sub(c.standing))
	c.setBefore(p99, at)
	c.tooMuch = 0
	c.change(firstDuty, at)
}

// change sets the duty. From here on only queries count that ran under it.
func (c *controller) change(duty float64, at time.Time) {
	if duty == c.duty {
		return
	}
	c.duty, c.used = duty, false
	c.standing = at
	c.since = at.Add(c.settle())
}

func (c *controller) settle() time.Duration { return min(max(c.now, minSettle), maxSettle) }
