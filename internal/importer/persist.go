package importer

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// persist makes attempts until one is answered, for no longer than the client's
// patience. maybeSent says that an attempt before the last may have taken effect.
// It fails with a [*GaveUpError] or with that of the context.
func (c *client) persist(ctx context.Context, attempt func(context.Context) (answer, error)) (a answer, maybeSent bool, err error) {
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		a, err = attempt(ctx)
		if err == nil || ctx.Err() != nil {
			return a, maybeSent, err
		}
		maybeSent = maybeSent || !certainlyNotSent(a, err)

		// Spread, so that the workers don't all come back at the same moment.
		wait, left := pause/2+rand.N(pause/2+1), c.patience-time.Since(began) //nolint:gosec // no secret, only spread
		asked := retryAfter(a.header, time.Now())
		if left <= 0 || asked > left {
			return a, maybeSent, &GaveUpError{URL: c.base.String(), After: c.patience - left, Err: err}
		}
		wait = max(asked, min(wait, left))
		c.waiting(err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return a, maybeSent, ctx.Err()
		}
	}
}

// retryAfter reads the header, seconds or a date (RFC 9110, section 10.2.3); 0
// where there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
