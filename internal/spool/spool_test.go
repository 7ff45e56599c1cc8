package spool_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

func TestConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := spool.Open(spool.Config{MaxBytes: 1000, SegmentBytes: 999})
	var faults interface{ Unwrap() []error }
	require.ErrorAs(t, err, &faults)
	require.Len(t, faults.Unwrap(), 4, "no name, no directory, too small a bound, segments that take most of it: %v", err)
}

func TestSearchComesOutByteForByte(t *testing.T) {
	t.Parallel()
	search := events.SearchServed{
		ID: "0198", At: time.Date(2026, 4, 10, 7, 1, 51, 123456000, time.UTC), Query: "war: & peace", UserID: "7",
		PageSize: 5, Generation: 1, Position: "3,0,9", CorrelationID: "c",
		Books: []events.ServedBook{{ID: 1, Title: "War & Peace", Author: "Лев Толстой", PublishedAt: "1869"}},
	}
	want, err := events.EncodeSearch(search)
	require.NoError(t, err)
	s := open(t, spool.Config{Dir: t.TempDir()})
	require.NoError(t, s.Searches().Append(search))
	var log recorder
	drainInto(t, s, &log)
	require.Equal(t, []events.Encoded{want}, log.taken)
}

func TestOpenComesOutByteForByte(t *testing.T) {
	t.Parallel()
	opened := events.BookOpened{
		ID: "0198", At: time.Date(2026, 4, 10, 7, 1, 51, 123456000, time.UTC), Book: 7, UserID: "ada", CorrelationID: "c",
	}
	want, err := events.EncodeOpened(opened)
	require.NoError(t, err)
	s := open(t, spool.Config{Dir: t.TempDir()})
	require.NoError(t, s.Opens().Append(opened))
	var log recorder
	drainInto(t, s, &log)
	require.Equal(t, []events.Encoded{want}, log.taken)
}

func TestSpoolsOfAProcessAreToldApart(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	for appended, name := range []string{"searches", "opens"} {
		s, err := spool.Open(spool.Config{Name: name, Dir: t.TempDir(), Registerer: registry})
		require.NoError(t, err)
		appendNumbers(t, s, 1, appended+1)
		t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	require.NotEmpty(t, families)
	for _, family := range families {
		spools := map[string]float64{}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "spool" {
					spools[label.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
		require.Len(t, spools, 2, family.GetName())
		if family.GetName() == "bookstore_spool_appended_total" {
			require.Equal(t, map[string]float64{"searches": 1, "opens": 2}, spools)
		}
	}
}

func TestEmptyAndLargeRecordsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	s := open(t, spool.Config{Dir: t.TempDir()})
	records := []events.Encoded{
		{Key: []byte{}, Value: []byte{}, Headers: []events.Header{}},
		sized(1, 3<<20), // larger than a batch
		{Key: []byte{}, Value: []byte("[]"), Headers: []events.Header{{}, {Key: "k"}}},
	}
	for _, e := range records {
		require.NoError(t, s.Append(e))
	}
	var log recorder
	drainInto(t, s, &log)
	require.Equal(t, records, log.taken)
}

func TestRestKeptAcrossRestartsInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := spool.Config{Dir: dir, SegmentBytes: 1000}
	for round := range 5 {
		s := open(t, config)
		require.EqualValues(t, round*20, s.Pending().Records)
		appendNumbers(t, s, round*20+1, round*20+20)
		require.NoError(t, s.Close(t.Context()))
	}
	require.Greater(t, len(segmentFiles(t, dir)), 5)
	require.Equal(t, numbers(1, 100), drainAll(t, open(t, config)))

	s := open(t, config)
	require.Zero(t, s.Pending())
	appendNumbers(t, s, 101, 102)
	require.Equal(t, numbers(101, 102), drainAll(t, s))
}

func TestPublishedSegmentsAreDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, spool.Config{Dir: dir, SegmentBytes: 1000})
	appendNumbers(t, s, 1, 100)
	before := len(segmentFiles(t, dir))
	require.Greater(t, before, 5)
	require.Len(t, drainAll(t, s), 100)
	require.LessOrEqual(t, len(segmentFiles(t, dir)), 1)
}

func TestDrainWakesForEachAppend(t *testing.T) {
	t.Parallel()
	s := open(t, spool.Config{Dir: t.TempDir()})
	taken := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Drain(ctx, logFunc(func(_ context.Context, batch []events.Encoded) error {
			for _, key := range keysOf(batch) {
				taken <- key
			}
			return nil
		}))
	}()
	for n := range 100 {
		require.NoError(t, s.Append(numbered(n)))
		require.Equal(t, fmt.Sprint(n), <-taken)
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, s.Close(t.Context()))
}

func TestOneOwnerOneDrain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, spool.Config{Dir: dir})
	_, err := spool.Open(spool.Config{Name: "searches", Dir: dir})
	require.ErrorIs(t, err, spool.ErrInUse)

	appendNumbers(t, s, 1, 1)
	running, finish := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.Drain(context.Background(), logFunc(func(context.Context, []events.Encoded) error {
			close(running)
			<-finish
			return nil
		}))
	}()
	<-running
	require.ErrorIs(t, s.Drain(t.Context(), &recorder{}), spool.ErrDraining)
	close(finish)
	require.NoError(t, s.Close(t.Context()))
	require.NoError(t, <-ended)

	require.ErrorIs(t, s.Append(numbered(2)), spool.ErrClosed)
	require.ErrorIs(t, s.Drain(t.Context(), &recorder{}), spool.ErrClosed)
	require.NoError(t, s.Close(t.Context()), "closing again does nothing")
	require.Empty(t, drainAll(t, open(t, spool.Config{Dir: dir})), "the directory is free again")
}

func TestCloseGivesUpAtItsDeadlineAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, spool.Config{Dir: dir})
	appendNumbers(t, s, 1, 10)
	frozen := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.Drain(context.Background(), logFunc(func(ctx context.Context, _ []events.Encoded) error {
			close(frozen)
			<-ctx.Done()
			return ctx.Err()
		}))
	}()
	<-frozen
	deadline, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Close(deadline))
	require.NoError(t, <-ended)
	require.Equal(t, numbers(1, 10), drainAll(t, open(t, spool.Config{Dir: dir})))
}

func TestRecordThatIsTooLarge(t *testing.T) {
	t.Parallel()
	s := open(t, spool.Config{Dir: t.TempDir(), MaxBytes: 1 << 20})
	require.ErrorIs(t, s.Append(sized(1, 1<<18)), spool.ErrTooLarge)
	require.NoError(t, s.Append(sized(2, 1<<18-200)))
	require.Equal(t, []string{"2"}, drainAll(t, s))
}

func TestUnpublishableRecordIsSetAside(t *testing.T) {
	t.Parallel()
	dir, registry, out := t.TempDir(), prometheus.NewRegistry(), &logs{}
	s := open(t, spool.Config{Dir: dir, Registerer: registry, Logger: out.logger()})
	appendNumbers(t, s, 1, 10)
	var taken recorder
	log := logFunc(func(ctx context.Context, batch []events.Encoded) error {
		for _, e := range batch {
			if key := string(e.Key); key == "1" || key == "4" || key == "5" || key == "10" {
				return fmt.Errorf("%w: too large", spool.ErrUnpublishable)
			}
		}
		_, err := taken.Append(ctx, batch)
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Drain(ctx, log) }()
	require.Eventually(t, func() bool { return s.Pending().Records == 0 }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	require.Equal(t, []string{"2", "3", "6", "7", "8", "9"}, taken.keys())
	require.EqualValues(t, 4, metric(t, registry, "unpublishable_total"))
	require.EqualValues(t, 6, metric(t, registry, "published_total"))
	require.Equal(t, 4, out.lines(slog.LevelError))
	require.NoError(t, s.Close(t.Context()))
	aside := setAside(t, dir)[".unpublishable"]
	require.Len(t, aside, 4)
	require.Contains(t, string(aside[1]), "id-4")

	reminded := &logs{}
	require.NoError(t, open(t, spool.Config{Dir: dir, Logger: reminded.logger()}).Close(t.Context()))
	require.Equal(t, 1, reminded.lines(slog.LevelWarn), "each start tells of them")
}

func TestMetricsTellWhatWaits(t *testing.T) {
	t.Parallel()
	dir, registry := t.TempDir(), prometheus.NewRegistry()
	s := open(t, spool.Config{Dir: dir, Registerer: registry})
	require.Zero(t, metric(t, registry, "oldest_pending_seconds"))
	appendNumbers(t, s, 1, 3)
	size, err := spool.FrameSize(numbered(1))
	require.NoError(t, err)
	require.EqualValues(t, 3, metric(t, registry, "appended_total"))
	require.EqualValues(t, 3, metric(t, registry, "pending_records"))
	require.EqualValues(t, 3*size, metric(t, registry, "pending_bytes"))
	require.EqualValues(t, 3*size, metric(t, registry, "disk_bytes"))
	require.Positive(t, metric(t, registry, "oldest_pending_seconds"))
	require.Zero(t, metric(t, registry, "refused_total"))
	require.NoError(t, s.Close(t.Context()))

	s = open(t, spool.Config{Dir: dir, Registerer: registry})
	require.EqualValues(t, 3, metric(t, registry, "pending_records"), "the same registry takes the next spool")
	require.Positive(t, s.Pending().Age)
	_, err = spool.Open(spool.Config{Name: "searches", Dir: t.TempDir(), Registerer: registry})
	require.ErrorAs(t, err, &prometheus.AlreadyRegisteredError{})
	require.Len(t, drainAll(t, s), 3)
}
