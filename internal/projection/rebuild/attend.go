package rebuild

import (
	"context"
	"math"
	"sync"
	"time"
)

// status is what an owner tells of itself in the row, about twice a second.
type status struct {
	mu     sync.Mutex
	done   int64
	total  int64 // 0: not known yet
	share  *float64
	detail string
	why    string
}

// enter forgets what was about the phase before.
func (s *status) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.share, s.detail, s.why = nil, "", ""
}

// trouble takes note of why it can't get on, and says whether that is news.
func (s *status) trouble(why string) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = s.why != why
	s.why = why
	return news
}

// events takes note of how much of the log is copied.
func (s *status) events(done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.total, s.why = done, total, ""
	if total > 0 {
		s.share = new(float64(done) / float64(total))
	}
}

// progress takes note of how far the present phase is, and what it is at.
func (s *status) progress(share float64, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.share, s.detail, s.why = &share, detail, ""
}

// attend reports and watches what operators wish, until it is left: the context
// that it returns ends with errInterrupted when that is no longer what b says.
func (o *owner) attend(ctx context.Context, b Rebuild) (attended context.Context, leave func()) {
	attended, interrupt := context.WithCancelCause(ctx)
	var attendant sync.WaitGroup
	attendant.Go(func() {
		tick := time.NewTicker(lookInterval)
		defer tick.Stop()
		for {
			if changed := o.report(attended, b); changed {
				interrupt(errInterrupted)
				return
			}
			select {
			case <-tick.C:
			case <-attended.Done():
				return
			}
		}
	})
	return attended, func() {
		interrupt(nil)
		attendant.Wait()
	}
}

// report writes down how far the rebuild is, and says whether operators wish
// something else than b says.
func (o *owner) report(ctx context.Context, b Rebuild) (changed bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*lookInterval)
	defer cancel()
	before, now, givenWay := o.paceState()
	s := &o.status
	s.mu.Lock()
	args := []any{o.id, o.name, b.Wish == Pause, s.done, s.total, s.share, s.detail, s.why, before, now, givenWay}
	s.mu.Unlock()
	var wish Wish
	var accept bool
	err := o.cfg.Pool.QueryRow(ctx, `
		UPDATE rebuilds SET reported_at = clock_timestamp(), paused = $3,
			events_done = CASE WHEN $5::bigint > 0 THEN $4 ELSE events_done END,
			events_total = CASE WHEN $5::bigint > 0 THEN $5 ELSE events_total END,
			phase_share = $6, detail = $7, trouble = $8,
			query_p99_before = coalesce($9, query_p99_before), query_p99_now = coalesce($10, query_p99_now),
			given_way = greatest(given_way, $11)
		WHERE id = $1 AND owner = $2 AND finished_at IS NULL
		RETURNING wish, accept_diff`, args...).Scan(&wish, &accept)
	if err != nil {
		return false // the step finds out by itself
	}
	return wish != b.Wish || accept != b.AcceptDiff
}

// paceState is what the governor has measured, in milliseconds and seconds; nil
// where it has not.
func (o *owner) paceState() (before, now *float64, givenWay float64) {
	if o.governor == nil {
		return nil, nil, 0
	}
	state := o.governor.State()
	milliseconds := func(d time.Duration) *float64 {
		if d <= 0 {
			return nil
		}
		return new(math.Round(float64(d)/float64(time.Millisecond)*1000) / 1000)
	}
	return milliseconds(state.Before), milliseconds(state.Now), state.GivenWay.Seconds() / float64(o.lanes)
}
