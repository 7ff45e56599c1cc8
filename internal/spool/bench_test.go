package spool_test

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

// BenchmarkAppend appends records of 3 KB, about what a search is.
func BenchmarkAppend(b *testing.B) {
	record := events.Encoded{Key: []byte("tolstoy:42"), Value: []byte(strings.Repeat("x", 3<<10))}
	benchmark(b, int64(len(record.Value)), func(s *spool.Spool) error { return s.Append(record) })
}

// BenchmarkAppendOpened is all that an opened book costs its reader: it is encoded
// and appended.
func BenchmarkAppendOpened(b *testing.B) {
	opened := events.BookOpened{
		ID: "0190a7e4-0000-7000-8000-000000000006", At: time.Now(), Book: 1_000_000, UserID: "42",
		Traceparent:   "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		CorrelationID: "0190a7e4-0000-7000-8000-000000000003",
	}
	record, err := events.EncodeOpened(opened)
	require.NoError(b, err)
	size, err := spool.FrameSize(record)
	require.NoError(b, err)
	benchmark(b, int64(size), func(s *spool.Spool) error { return s.Opens().Append(opened) })
}

// benchmark appends from 1 and from 64 goroutines, with the background sync running
// and a drain that keeps the disk from filling up.
func benchmark(b *testing.B, size int64, appendOne func(*spool.Spool) error) {
	b.Helper()
	for _, goroutines := range []int{1, 64} {
		b.Run(strconv.Itoa(goroutines), func(b *testing.B) {
			s := open(b, spool.Config{Dir: b.TempDir()})
			drained := make(chan error, 1)
			go func() { drained <- s.Drain(context.Background(), nullLog{}) }()
			for !s.Draining() {
				runtime.Gosched()
			}

			b.SetBytes(size)
			b.ReportAllocs()
			b.ResetTimer()
			var remaining, failed atomic.Int64
			remaining.Store(int64(b.N))
			var appenders sync.WaitGroup
			for range goroutines {
				appenders.Go(func() {
					for remaining.Add(-1) >= 0 {
						if appendOne(s) != nil {
							failed.Add(1)
						}
					}
				})
			}
			appenders.Wait()
			b.StopTimer()
			require.Zero(b, failed.Load())
			require.NoError(b, s.Close(context.Background()))
			require.NoError(b, <-drained)
		})
	}
}

// nullLog takes everything.
type nullLog struct{}

func (nullLog) Append(_ context.Context, batch []events.Encoded) ([]events.Position, error) {
	return make([]events.Position, len(batch)), nil
}
