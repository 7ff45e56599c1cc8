package web

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// checkBound is how long /readyz waits for its checks. Load balancers give up
// after a few seconds and would learn nothing.
const checkBound = time.Second

// Check is one thing that /readyz looks at.
type Check struct {
	Name string
	// Func returns what is worth showing (anything that encoding/json can write, or
	// nil) and why it is not well. It should heed ctx, which ends after a second;
	// one that does not is reported as failed and not started again until it ends.
	Func func(ctx context.Context) (detail any, err error)
	// Required: the service cannot do its work without. A check that is not
	// required is shown, and leaves the service ready.
	Required bool
}

// health answers /healthz and /readyz.
type health struct {
	checks   []*runningCheck
	draining atomic.Bool
}

type runningCheck struct {
	Check
	busy atomic.Bool
}

func newHealth(checks []Check) *health {
	h := &health{}
	for _, c := range checks {
		h.checks = append(h.checks, &runningCheck{Check: c})
	}
	return h
}

// live answers as long as the process can answer anything. It checks nothing
// else: a supervisor restarts what is not alive, and a restart brings no
// database back.
func (h *health) live(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	return WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

type readiness struct {
	Status string        `json:"status"` // ready, not ready, draining
	Checks []checkResult `json:"checks"`
}

type checkResult struct {
	Name     string  `json:"name"`
	State    string  `json:"state"` // ok, failed
	Required bool    `json:"required"`
	TookMS   float64 `json:"took_ms"`
	Error    string  `json:"error,omitempty"`
	Detail   any     `json:"detail,omitempty"`
}

// ready runs all checks at once and answers 503 when a required one fails, or
// when the server is shutting down.
func (h *health) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), checkBound)
	defer cancel()
	pending := make([]<-chan checkResult, len(h.checks))
	for i, c := range h.checks {
		pending[i] = c.start(ctx)
	}
	answer, status := readiness{Status: "ready", Checks: make([]checkResult, len(h.checks))}, http.StatusOK
	for i, c := range h.checks {
		result := c.wait(ctx, pending[i])
		if result.State != "ok" && c.Required {
			answer.Status, status = "not ready", http.StatusServiceUnavailable
		}
		answer.Checks[i] = result
	}
	if h.draining.Load() {
		answer.Status, status = "draining", http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	return WriteJSON(w, status, answer)
}

// start runs the check on its own, so that one that hangs holds up nobody. It
// returns nil when an earlier run has not ended: probes come for ever, and each
// would leave a goroutine behind.
func (c *runningCheck) start(ctx context.Context) <-chan checkResult {
	if !c.busy.CompareAndSwap(false, true) {
		return nil
	}
	done := make(chan checkResult, 1)
	go func() {
		defer c.busy.Store(false)
		began := time.Now()
		detail, err := c.run(ctx)
		result := c.result("ok", time.Since(began))
		result.Detail = detail
		if err != nil {
			result.State, result.Error = "failed", err.Error()
		}
		done <- result
	}()
	return done
}

// run keeps a panic from ending the process: it is in a goroutine of its own,
// where no middleware would catch it.
func (c *runningCheck) run(ctx context.Context) (detail any, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("check %s: panic: %v", c.Name, value)
		}
	}()
	return c.Func(ctx)
}

func (c *runningCheck) wait(ctx context.Context, pending <-chan checkResult) checkResult {
	if pending == nil {
		result := c.result("failed", 0)
		result.Error = "the last run has not ended"
		return result
	}
	select {
	case result := <-pending:
		return result
	case <-ctx.Done():
	}
	select {
	case result := <-pending: // it heeded the bound and says more than we could
		return result
	default:
		result := c.result("failed", checkBound)
		result.Error = fmt.Sprintf("no answer within %s", checkBound)
		return result
	}
}

func (c *runningCheck) result(state string, took time.Duration) checkResult {
	return checkResult{Name: c.Name, State: state, Required: c.Required, TookMS: float64(took.Microseconds()) / 1000}
}
