package pace

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/postgres"
	"bookstore/internal/testenv"
)

// seconds lets so many of them pass for the meter, each with one more query than
// the one before it, the first with one. It returns when the first began.
func seconds(m *Meter, n int) time.Time {
	began := time.Now().Add(-time.Duration(n) * windowLength)
	m.mu.Lock()
	m.began = began
	m.mu.Unlock()
	for i := range n {
		for range i + 1 {
			m.Observe(time.Millisecond)
		}
		m.closeWindow(began.Add(time.Duration(i+1) * windowLength))
	}
	return began
}

func TestMeterWritesWhatItRemembersOnceARebuildWantsToKnow(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	meter := NewMeter(pool, quiet)
	teller := &teller{meter: meter}

	began := seconds(meter, remembered+5)
	require.NoError(t, teller.tell(t.Context()))
	require.Empty(t, written(t, pool, meter.process), "nobody asked")

	rebuild{projection: "history"}.insert(t, pool)
	require.NoError(t, teller.tell(t.Context()))
	require.Empty(t, written(t, pool, meter.process), "that one has no bound")

	bound := 1.5
	rebuild{projection: "catalog", bound: &bound}.insert(t, pool)
	require.NoError(t, teller.tell(t.Context()))
	rows := written(t, pool, meter.process)
	require.Len(t, rows, remembered)
	skew := time.Until(databaseNow(t, pool))
	for i, row := range rows {
		require.EqualValues(t, 5+i+1, row.counts.total())
		require.Len(t, row.counts, bucketOf(time.Millisecond)+1, "without empty buckets at the end")
		want := began.Add(time.Duration(5+i) * windowLength).Add(skew)
		require.WithinDuration(t, want, row.began, windowLength/2)
	}

	// From now on second by second, idle ones not at all.
	meter.closeWindow(time.Now())
	require.NoError(t, teller.tell(t.Context()))
	require.Len(t, written(t, pool, meter.process), remembered)
	meter.Observe(time.Second)
	meter.closeWindow(time.Now().Add(windowLength))
	require.NoError(t, teller.tell(t.Context()))
	rows = written(t, pool, meter.process)
	require.Len(t, rows, remembered+1)
	require.Equal(t, counted(time.Second), rows[remembered].counts)

	// It cleans up behind itself, and the next rebuild gets what is remembered then.
	finishRebuilds(t, pool)
	require.NoError(t, teller.tell(t.Context()))
	require.Empty(t, written(t, pool, meter.process))
	rebuild{projection: "catalog", bound: &bound}.insert(t, pool)
	require.NoError(t, teller.tell(t.Context()))
	require.Equal(t, rows[2:], written(t, pool, meter.process), "at the same times")
}

func TestMeterWritesASecondOnceHoweverOftenItTries(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound := 1.5
	rebuild{projection: "catalog", bound: &bound}.insert(t, pool)
	meter := NewMeter(pool, quiet)
	teller := &teller{meter: meter}
	seconds(meter, 3)
	require.NoError(t, teller.tell(t.Context()))
	rows := written(t, pool, meter.process)
	require.Len(t, rows, 3)

	teller.written = 0 // as when the answer to the commit is lost
	require.NoError(t, teller.tell(t.Context()))
	require.Equal(t, rows, written(t, pool, meter.process))
}

func TestMeterRemovesOldWindowsAlsoOfTheDead(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound := 1.5
	rebuild{projection: "catalog", bound: &bound}.insert(t, pool)
	meter := NewMeter(pool, quiet)
	now := databaseNow(t, pool)
	for _, ago := range []time.Duration{kept - 20*time.Second, kept + time.Second} {
		write(t, pool, meter.process, now.Add(-ago), 1, time.Millisecond)
		write(t, pool, "dead", now.Add(-ago), 1, time.Millisecond)
	}
	require.NoError(t, (&teller{meter: meter}).tell(t.Context()))
	require.Len(t, written(t, pool, meter.process), 1)
	require.Len(t, written(t, pool, "dead"), 1)
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func TestMeterGoesOnWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound := 1.5
	rebuild{projection: "catalog", bound: &bound}.insert(t, pool)
	away, err := postgres.Open(t.Context(), "postgres://u@127.0.0.1:1/d?sslmode=disable", postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(away.Close)

	meter := NewMeter(away, quiet)
	teller := &teller{meter: meter}
	seconds(meter, 3)
	require.True(t, postgres.IsTransient(teller.tell(t.Context())))
	meter.pool = pool
	require.NoError(t, teller.tell(t.Context()))
	require.Len(t, written(t, pool, meter.process), 3)
}

func TestMeterIsQuietButForWhatWillNotPass(t *testing.T) {
	t.Parallel()
	away, err := postgres.Open(t.Context(), "postgres://u@127.0.0.1:1/d?sslmode=disable", postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(away.Close)
	empty, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(empty.Close)

	var log syncBuffer
	told := make(chan struct{})
	tell := func(m *Meter) {
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { m.tell(ctx, over); told <- struct{}{} }()
		for range 3 {
			over <- struct{}{} // taken when the one before is dealt with
		}
		cancel()
		<-told
	}
	logger := slog.New(slog.NewTextHandler(&log, nil))
	tell(NewMeter(away, logger))
	require.Empty(t, log.String())
	tell(NewMeter(empty, logger)) // the tables are not there
	require.Equal(t, 1, bytes.Count([]byte(log.String()), []byte("level=WARN")), "%s", &log)
}

func TestMetersOfTwoProcessesRun(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	bound := 1.5
	rebuild{projection: "catalog", bound: &bound}.insert(t, pool)

	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	meters := []*Meter{NewMeter(pool, quiet), NewMeter(pool, quiet)}
	for _, m := range meters {
		running.Go(func() { m.Run(ctx) })
		running.Go(func() {
			for range 1000 {
				m.Observe(time.Millisecond)
			}
		})
	}
	total := func(m *Meter) (n int64) {
		for _, w := range written(t, pool, m.process) {
			n += w.counts.total()
		}
		return n
	}
	for _, m := range meters {
		require.Eventually(t, func() bool { return total(m) == 1000 }, patience, 50*time.Millisecond)
	}
}

func BenchmarkObserve(b *testing.B) {
	meter := NewMeter(nil, quiet)
	b.RunParallel(func(pb *testing.PB) {
		took := time.Duration(0)
		for pb.Next() {
			took = (took + 777*time.Microsecond) % time.Second
			meter.Observe(took)
		}
	})
}

// All in the same bucket, at the same time: the worst there is.
func BenchmarkObserveTheSame(b *testing.B) {
	meter := NewMeter(nil, quiet)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			meter.Observe(3 * time.Millisecond)
		}
	})
}
