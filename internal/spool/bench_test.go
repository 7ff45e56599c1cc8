package spool_test

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

// BenchmarkAppend appends records of 3 KB from 1 and from 64 goroutines, with
// the background sync running and a drain that keeps the disk from filling up.
func BenchmarkAppend(b *testing.B) {
	record := events.Encoded{Key: []byte("tolstoy:42"), Value: []byte(strings.Repeat("x", 3<<10))}
	for _, goroutines := range []int{1, 64} {
		b.Run(strconv.Itoa(goroutines), func(b *testing.B) {
			s, err := spool.Open(spool.Config{Dir: b.TempDir()})
			require.NoError(b, err)
			drained := make(chan error, 1)
			go func() { drained <- s.Drain(context.Background(), nullLog{}) }()
			for !s.Draining() {
				runtime.Gosched()
			}

			b.SetBytes(int64(len(record.Value)))
			b.ReportAllocs()
			b.ResetTimer()
			var remaining, failed atomic.Int64
			remaining.Store(int64(b.N))
			var appenders sync.WaitGroup
			for range goroutines {
				appenders.Go(func() {
					for remaining.Add(-1) >= 0 {
						if s.Append(record) != nil {
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
