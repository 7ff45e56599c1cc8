package pace

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/postgres"
)

// waited is how long a call of Wait takes.
func waited(t *testing.T, g *Governor, worked time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	require.NoError(t, g.Wait(t.Context(), worked))
	return time.Since(began)
}

func TestWaitMakesUpForTheSlice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(nil, Config{})
		for duty, want := range map[float64]time.Duration{
			1: 0, 0.5: 10 * time.Millisecond, 0.25: 30 * time.Millisecond, 0.01: 990 * time.Millisecond,
		} {
			g.publish(State{Duty: duty})
			require.InDelta(t, want, waited(t, g, 10*time.Millisecond), 1e3, "duty %v", duty)
			require.Zero(t, waited(t, g, 0))
		}
	})
}

func TestWaitFollowsADutyThatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(nil, Config{})
		g.publish(State{Duty: 0.5})
		go func() {
			<-time.After(4 * time.Second) // 6 of 10 seconds are owed
			g.publish(State{Duty: 0})     // and stay so
			<-time.After(time.Minute)
			g.publish(State{Duty: 0.2}) // at four seconds for each
			<-time.After(8 * time.Second)
			g.publish(State{Duty: 0.8}) // and now four are a quarter each
		}()
		require.InDelta(t, 4*time.Second+time.Minute+8*time.Second+time.Second, waited(t, g, 10*time.Second), 1e3)
	})
}

func TestNobodyWorksBeforeAnythingIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(nil, Config{})
		go func() {
			<-time.After(time.Second)
			g.publish(State{Duty: 0.01})
		}()
		require.Equal(t, time.Second, waited(t, g, 0))
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(nil, Config{})
		for _, duty := range []float64{0, 0.5} {
			g.publish(State{Duty: duty})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, g.Wait(ctx, time.Hour), context.DeadlineExceeded)
			cancel()
		}
		g.publish(State{Duty: 1})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, g.Wait(ctx, 0), context.Canceled, "also where there is nothing to wait for")
	})
}

func TestTheDutyIsOfEachLane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(nil, Config{})
		g.publish(State{Duty: 0.25})
		began := time.Now()
		var lanes sync.WaitGroup
		for range 4 {
			lanes.Go(func() {
				for range 10 {
					<-time.After(10 * time.Millisecond) // work
					if err := g.Wait(t.Context(), 10*time.Millisecond); err != nil {
						t.Error(err)
					}
				}
			})
		}
		<-time.After(20 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 4*10*time.Millisecond, g.State().GivenWay, "also of who still waits")
		lanes.Wait()
		require.InDelta(t, 400*time.Millisecond, time.Since(began), 1e4)
		require.InDelta(t, 4*300*time.Millisecond, g.State().GivenWay, 1e5)
	})
}

// before returns what a rebuild that was started then takes for before.
func before(t *testing.T, g *Governor) time.Duration {
	t.Helper()
	controller := newController(g.cfg.MaxSlowdown, quiet)
	_, err := g.look(t.Context(), controller, g.cfg.Since.Add(-widest))
	require.NoError(t, err)
	require.NotEqual(t, listening, controller.mode)
	require.Equal(t, controller.before, g.State().Before)
	return controller.before
}

func TestBeforeIsWhatAllProcessesMeasuredUndisturbed(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound := 1.5
	const started = 3 * time.Second // ago
	since := rebuild{projection: "catalog", bound: &bound, started: started}.insert(t, pool)
	g := NewGovernor(pool, Config{MaxSlowdown: bound, Since: since, Logger: quiet})
	require.Zero(t, before(t, g), "nobody queried")

	write(t, pool, "a", since.Add(-2*time.Second), 10, time.Millisecond)
	require.Zero(t, before(t, g), "hardly anybody did")
	write(t, pool, "b", since.Add(-windowLength), 500, 2*time.Millisecond)
	write(t, pool, "a", since.Add(-windowLength/2), 500, time.Second) // it was not over
	write(t, pool, "a", since.Add(time.Second), 500, time.Second)
	require.InEpsilon(t, 2*time.Millisecond, before(t, g), 0.05)

	// Another rebuild disturbed most of that, though not with this bound, and it is over.
	finished := started + windowLength/2
	rebuild{projection: "history", started: started + 1500*time.Millisecond, finished: &finished}.insert(t, pool)
	require.Zero(t, before(t, g))
	write(t, pool, "a", since.Add(-5*time.Second), 500, 3*time.Millisecond)
	require.InEpsilon(t, 3*time.Millisecond, before(t, g), 0.05)
}

func TestBeforeIsWhatAnOwnerHasReported(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound, reported := 1.5, 4.0
	since := rebuild{projection: "catalog", bound: &bound, started: time.Minute, p99Before: &reported}.insert(t, pool)
	write(t, pool, "a", since.Add(-5*time.Second), 500, time.Second)
	g := NewGovernor(pool, Config{MaxSlowdown: bound, Since: since, Logger: quiet})
	require.InEpsilon(t, 4*time.Millisecond, before(t, g), 1e-6)

	// Not what it said before a pause, or long ago.
	for _, stale := range []string{
		`UPDATE rebuilds SET paused = true`,
		`UPDATE rebuilds SET paused = false, reported_at = now() - interval '1 hour'`,
	} {
		_, err := pool.Exec(t.Context(), stale)
		require.NoError(t, err)
		require.InEpsilon(t, time.Second, before(t, g), 0.05)
	}
}

func TestGovernorListensUntilAllMetersMustHaveToldIt(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound := 1.5
	since := rebuild{projection: "catalog", bound: &bound}.insert(t, pool)
	g := NewGovernor(pool, Config{MaxSlowdown: bound, Since: since, Logger: quiet})
	controller := newController(bound, quiet)
	_, err := g.look(t.Context(), controller, since)
	require.NoError(t, err)
	require.Equal(t, listening, controller.mode)
	require.Equal(t, State{}, g.State())
}

func TestGovernorFollowsQueries(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound := 1.5
	since := rebuild{projection: "catalog", bound: &bound, started: 20 * time.Second}.insert(t, pool)
	write(t, pool, "a", since.Add(-5*time.Second), 500, 10*time.Millisecond)
	for ago := 1; ago <= 5; ago++ {
		write(t, pool, "a", databaseNow(t, pool).Add(-time.Duration(ago)*time.Second), 500, 12*time.Millisecond)
	}

	g := NewGovernor(pool, Config{MaxSlowdown: bound, Since: since, Logger: quiet})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { g.Run(ctx) })

	require.NoError(t, g.Wait(ctx, 0))
	state := g.State()
	require.InEpsilon(t, 10*time.Millisecond, state.Before, 0.05)
	require.InEpsilon(t, 12*time.Millisecond, state.Now, 0.05)
	require.Equal(t, firstDuty, state.Duty)

	// It is far too much.
	now := databaseNow(t, pool)
	for ahead := range 5 {
		write(t, pool, "b", now.Add(time.Duration(ahead)*time.Second), 500, time.Second)
	}
	require.Eventually(t, func() bool { return g.State().Duty < firstDuty }, patience, 50*time.Millisecond)
	require.InEpsilon(t, time.Second, g.State().Now, 0.05)
}

func TestGovernorStandsStillWhileTheDatabaseDoesNotAnswer(t *testing.T) {
	t.Parallel()
	away, err := postgres.Open(t.Context(), "postgres://u@127.0.0.1:1/d?sslmode=disable", postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(away.Close)

	var log syncBuffer
	g := NewGovernor(away, Config{MaxSlowdown: 1.5, Since: time.Now(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	g.publish(State{Duty: 1})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { g.Run(ctx) })
	require.Eventually(t, func() bool { return g.State().Duty == 0 }, patience, 50*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Count(log.String(), "level=WARN") == 1 }, patience, 50*time.Millisecond)
}
