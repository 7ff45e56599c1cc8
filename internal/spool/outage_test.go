package spool_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

// In a bubble of synctest, where five minutes pass at once.
func TestBrokerAwayForFiveMinutes(t *testing.T) {
	t.Parallel()
	registry, out, dir := prometheus.NewRegistry(), &logs{}, t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, spool.Config{Dir: dir, SegmentBytes: 2000, Registerer: registry, Logger: out.logger()})
		began := time.Now()
		var tries []time.Duration
		var log recorder
		drained := make(chan error, 1)
		go func() {
			drained <- s.Drain(t.Context(), logFunc(func(ctx context.Context, batch []events.Encoded) error {
				if away := time.Since(began); away < 5*time.Minute {
					tries = append(tries, away)
					return errors.New("no broker")
				}
				_, err := log.Append(ctx, batch)
				return err
			}))
		}()

		second := time.NewTicker(time.Second)
		for n := range 300 {
			require.NoError(t, s.Append(numbered(n+1)))
			<-second.C
		}
		require.InDelta(t, 300, s.Pending().Age.Seconds(), 1)
		require.InDelta(t, 300, metric(t, registry, "oldest_pending_seconds"), 1)
		for s.Pending().Records > 0 {
			<-second.C
		}
		require.Less(t, time.Since(began), 5*time.Minute+4*time.Second, "what waited is published soon after")
		require.NoError(t, s.Close(t.Context()))
		require.NoError(t, <-drained)

		require.Equal(t, numbers(1, 300), log.keys())
		require.Equal(t, 50*time.Millisecond, tries[1]-tries[0])
		require.Equal(t, 2*time.Second, tries[50]-tries[49])
	})
	require.Equal(t, 1, out.lines(slog.LevelWarn), "one line when it goes")
	require.Equal(t, 1, out.lines(slog.LevelInfo), "one line when it is back")
}

func TestAppendsAreSyncedWithinASecond(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, spool.Config{Dir: dir, SegmentBytes: 1000})
		for n := range 30 {
			require.NoError(t, s.Append(numbered(n)))
		}
		require.Greater(t, s.Unsynced(), 1)
		<-time.After(time.Second + time.Millisecond)
		synctest.Wait()
		require.Zero(t, s.Unsynced())
		require.NoError(t, s.Close(t.Context()))
	})
}

// thawing is a log that blocks until it is thawed.
func thawing(thawed <-chan struct{}, log spool.Log) spool.Log {
	return logFunc(func(ctx context.Context, batch []events.Encoded) error {
		select {
		case <-thawed:
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err := log.Append(ctx, batch)
		return err
	})
}

// With a frozen broker, an append takes no longer than with a sound one.
//
//nolint:paralleltest // compares times
func TestFrozenBrokerSlowsNoAppend(t *testing.T) {
	median := func(s *spool.Spool) time.Duration {
		times := make([]time.Duration, 2000)
		for i := range times {
			began := time.Now()
			require.NoError(t, s.Append(sized(i, 3<<10)))
			times[i] = time.Since(began)
		}
		slices.Sort(times)
		return times[len(times)/2]
	}
	drained := make(chan error, 2)
	var log recorder
	sound, frozen := open(t, spool.Config{Dir: t.TempDir()}), open(t, spool.Config{Dir: t.TempDir()})
	thawed := make(chan struct{})
	go func() { drained <- sound.Drain(context.Background(), &recorder{}) }()
	go func() { drained <- frozen.Drain(context.Background(), thawing(thawed, &log)) }()

	soundBest, frozenBest := time.Hour, time.Hour
	for range 5 { // by turns, so that a busy machine is busy for both
		soundBest = min(soundBest, median(sound))
		frozenBest = min(frozenBest, median(frozen))
	}
	t.Logf("median append: sound %v, frozen %v", soundBest, frozenBest)
	require.Less(t, frozenBest, 3*soundBest)

	close(thawed)
	require.NoError(t, sound.Close(context.Background()))
	require.NoError(t, frozen.Close(context.Background()))
	require.NoError(t, errors.Join(<-drained, <-drained))
	require.Len(t, log.taken, 10_000)
}

// What waits is on disk: 100 MB of it take no memory.
//
//nolint:paralleltest // looks at the heap
func TestOutageTakesNoMemory(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	s := open(t, spool.Config{Dir: t.TempDir()})
	thawed, frozen := make(chan struct{}), make(chan struct{})
	published := 0
	drained := make(chan error, 1)
	go func() {
		drained <- s.Drain(context.Background(), logFunc(func(_ context.Context, batch []events.Encoded) error {
			if published == 0 {
				close(frozen)
			}
			<-thawed
			published += len(batch)
			return nil
		}))
	}()
	const records = 33_000
	require.NoError(t, s.Append(sized(0, 3<<10)))
	<-frozen
	before := heap()
	for n := range records - 1 {
		require.NoError(t, s.Append(sized(n, 3<<10)))
	}
	require.Greater(t, s.Pending().Bytes, int64(100_000_000))
	require.Less(t, heap()-before, int64(2<<20))

	close(thawed)
	require.NoError(t, s.Close(context.Background()))
	require.NoError(t, <-drained)
	require.Equal(t, records, published)
}
