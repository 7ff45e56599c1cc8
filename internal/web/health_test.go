package web

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func withChecks(checks ...Check) setting { return func(c *Config) { c.Checks = checks } }

func (b *testBundle) readiness(t *testing.T) (int, readiness) {
	t.Helper()
	reply := b.do(t, "GET", "/readyz", "")
	require.Equal(t, "application/json", reply.Header.Get("Content-Type"))
	require.Equal(t, "no-store", reply.Header.Get("Cache-Control"))
	var answer readiness
	require.NoError(t, json.Unmarshal(reply.body, &answer))
	return reply.StatusCode, answer
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	well := func(context.Context) (any, error) { return map[string]int{"lag": 3}, nil }
	ill := func(context.Context) (any, error) { return "half", errors.New("away") }
	for name, tt := range map[string]struct {
		checks []Check
		code   int
		status string
	}{
		"no checks":               {nil, 200, "ready"},
		"all well":                {[]Check{{"a", well, true}, {"b", well, false}}, 200, "ready"},
		"one that is nice to see": {[]Check{{"a", well, true}, {"b", ill, false}}, 200, "ready"},
		"one that is needed":      {[]Check{{"a", ill, true}, {"b", well, true}}, 503, "not ready"},
		"one that panics":         {[]Check{{"a", func(context.Context) (any, error) { panic("x") }, true}}, 503, "not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil, withChecks(tt.checks...))
			code, answer := b.readiness(t)
			require.Equal(t, tt.code, code)
			require.Equal(t, tt.status, answer.Status)
			require.Len(t, answer.Checks, len(tt.checks))
			for i, check := range answer.Checks {
				require.Equal(t, tt.checks[i].Name, check.Name)
				require.Equal(t, tt.checks[i].Required, check.Required)
				require.Equal(t, check.Error != "", check.State == "failed")
			}
			require.Equal(t, 200, b.do(t, "GET", "/healthz", "").StatusCode, "alive either way")
		})
	}
}

func TestReadinessShowsDetails(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, withChecks(Check{"a", func(context.Context) (any, error) { return "half", errors.New("away") }, true}))
	_, answer := b.readiness(t)
	require.Equal(t, "half", answer.Checks[0].Detail)
	require.Equal(t, "away", answer.Checks[0].Error)
}

func TestReadinessRunsChecksAtOnce(t *testing.T) {
	t.Parallel()
	first, second := make(chan struct{}), make(chan struct{})
	b := setup(t, nil, withChecks( // each waits for the other
		Check{"a", func(context.Context) (any, error) { close(first); <-second; return nil, nil }, true},
		Check{"b", func(context.Context) (any, error) { close(second); <-first; return nil, nil }, true},
	))
	code, _ := b.readiness(t)
	require.Equal(t, 200, code)
}

func TestReadinessDoesNotWaitForACheckThatHangs(t *testing.T) {
	t.Parallel()
	release, ended := make(chan struct{}), make(chan struct{})
	var runs atomic.Int32
	b := setup(t, nil, withChecks(
		Check{"hangs", func(context.Context) (any, error) {
			runs.Add(1)
			defer close(ended)
			<-release
			return nil, nil
		}, true},
		Check{"heeds", func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() }, false},
	))
	code, answer := b.readiness(t)
	require.Equal(t, 503, code)
	require.Contains(t, answer.Checks[0].Error, "no answer within 1s")
	require.Equal(t, "failed", answer.Checks[1].State)

	_, answer = b.readiness(t)
	require.Contains(t, answer.Checks[0].Error, "the last run has not ended")
	require.Equal(t, int32(1), runs.Load(), "not started again on top of itself")
	close(release)
	<-ended
}
