package spool_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

// TestMain lets the tests run this binary as a process that they kill.
func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	os.Exit(m.Run())
}

// recorder is a log that keeps what it takes.
type recorder struct {
	mu    sync.Mutex
	taken []events.Encoded
}

func (r *recorder) Append(_ context.Context, batch []events.Encoded) ([]events.Position, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, batch...)
	return make([]events.Position, len(batch)), nil
}

func (r *recorder) keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return keysOf(r.taken)
}

// logFunc is a log in one function.
type logFunc func(ctx context.Context, batch []events.Encoded) error

func (f logFunc) Append(ctx context.Context, batch []events.Encoded) ([]events.Position, error) {
	if err := f(ctx, batch); err != nil {
		return nil, err
	}
	return make([]events.Position, len(batch)), nil
}

func keysOf(records []events.Encoded) []string {
	keys := make([]string, len(records))
	for i, e := range records {
		keys[i] = string(e.Key)
	}
	return keys
}

// numbered is a record whose key is the number.
func numbered(n int) events.Encoded { return sized(n, 40) }

func sized(n, size int) events.Encoded {
	return events.Encoded{
		Key:     fmt.Append(nil, n),
		Value:   bytes.Repeat([]byte{'v'}, size),
		Headers: []events.Header{{Key: "ce_id", Value: fmt.Sprint("id-", n)}},
	}
}

// numbers are the keys of the records from first to last.
func numbers(first, last int) []string {
	keys := []string{}
	for n := first; n <= last; n++ {
		keys = append(keys, fmt.Sprint(n))
	}
	return keys
}

func open(t require.TestingT, config spool.Config) *spool.Spool {
	config.Name = "searches"
	s, err := spool.Open(config)
	require.NoError(t, err)
	return s
}

func appendNumbers(t require.TestingT, s *spool.Spool, first, last int) {
	for n := first; n <= last; n++ {
		require.NoError(t, s.Append(numbered(n)))
	}
}

// drainAll publishes all that is in the spool, closes it, and returns the keys.
func drainAll(t require.TestingT, s *spool.Spool) []string {
	var log recorder
	drainInto(t, s, &log)
	return log.keys()
}

func drainInto(t require.TestingT, s *spool.Spool, log spool.Log) {
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background(), log) }()
	for !s.Draining() {
		runtime.Gosched()
	}
	require.NoError(t, s.Close(context.Background()))
	require.NoError(t, <-drained)
	require.Zero(t, s.Pending())
}

// logs collects log lines, so that a test can say which facts were reported.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// lines counts lines of a level.
func (l *logs) lines(level slog.Level) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), fmt.Appendf(nil, `"level":%q`, level))
}

// metric reads a metric by its name without the prefix, summed over its labels.
func metric(t require.TestingT, from prometheus.Gatherer, name string) float64 {
	families, err := from.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != "bookstore_spool_"+name {
			continue
		}
		sum := 0.0
		for _, m := range family.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		return sum
	}
	require.Fail(t, "no such metric", name)
	return 0
}

// segmentFiles are the paths of the segments, oldest first.
func segmentFiles(t require.TestingT, dir string) []string {
	paths, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	require.NoError(t, err)
	slices.Sort(paths)
	return paths
}

// setAside is the content of the files that were set aside, by their extension.
func setAside(t require.TestingT, dir string) map[string][][]byte {
	paths, err := filepath.Glob(filepath.Join(dir, "set-aside", "*"))
	require.NoError(t, err)
	slices.Sort(paths)
	found := map[string][][]byte{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		found[filepath.Ext(path)] = append(found[filepath.Ext(path)], content)
	}
	return found
}
