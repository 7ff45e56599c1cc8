package lookout_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/lookout"
)

// In a synctest bubble time stands still while anything runs, so the times are exact.
func TestLooksOftenOnlyWhileSomebodyWaitsUntold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		var waiting atomic.Bool
		l := lookout.New(time.Second, waiting.Load, func(context.Context) { looks.Add(1) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Run(ctx)
		}()
		during := func(d time.Duration) int64 {
			before := looks.Load()
			<-time.After(d)
			synctest.Wait()
			return looks.Load() - before
		}

		synctest.Wait()
		require.EqualValues(t, 1, looks.Load(), "at once")
		require.EqualValues(t, 3, during(3500*time.Millisecond), "idle")

		waiting.Store(true)
		l.Arrived()
		require.EqualValues(t, 20, during(102*time.Millisecond), "waiting")

		told := looks.Load()
		for range 50 { // as a busy engine does
			l.Told()
			during(2 * time.Millisecond)
		}
		require.LessOrEqual(t, looks.Load()-told, int64(4), "told meanwhile")
		require.GreaterOrEqual(t, looks.Load()-told, int64(2), "but others may wait for what nobody tells here")

		waiting.Store(false)
		during(100 * time.Millisecond)
		require.EqualValues(t, 2, during(2*time.Second), "idle again")

		cancel()
		<-done
	})
}

func TestAnArrivalThatWasToldMeanwhileCostsNoLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		var waiting atomic.Bool
		l := lookout.New(time.Hour, waiting.Load, func(context.Context) { looks.Add(1) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Run(ctx)
		}()
		synctest.Wait()
		for range 100 {
			waiting.Store(true)
			l.Arrived()
			<-time.After(time.Millisecond)
			waiting.Store(false)
			<-time.After(10 * time.Millisecond)
		}
		require.EqualValues(t, 1, looks.Load())
		cancel()
		<-done
	})
}
