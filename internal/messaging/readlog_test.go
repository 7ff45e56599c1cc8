package messaging_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

func TestReadLogReadsAStretch(t *testing.T) {
	t.Parallel()
	const partitions = 3
	s := newSetup(t, partitions)
	ends := make(events.Offsets, partitions)
	for _, p := range write(t, s.writer(t), notes(0, 600)...) {
		ends[p.Partition]++
	}
	require.NotContains(t, ends, int64(0))

	read := func(from, to events.Offsets) map[int32][]int64 {
		t.Helper()
		offsets := make(map[int32][]int64)
		require.NoError(t, messaging.ReadLog(within(t, soon), s.cfg, s.topic, from, to, func(r events.Record) error {
			offsets[r.Partition] = append(offsets[r.Partition], r.Offset)
			return nil
		}))
		return offsets
	}
	expect := func(from, to events.Offsets) map[int32][]int64 {
		offsets := make(map[int32][]int64)
		for p, end := range to {
			for o := from[p]; o < end; o++ {
				offsets[int32(p)] = append(offsets[int32(p)], o)
			}
		}
		return offsets
	}
	zero := events.Offsets{0, 0, 0}
	require.Equal(t, expect(zero, ends), read(nil, ends))
	require.Equal(t, expect(events.Offsets{5, 0, 0}, ends), read(events.Offsets{5}, ends), "missing ones from the oldest")
	part := events.Offsets{7, 1, ends[2] - 3}
	require.Equal(t, expect(events.Offsets{5, 1, 3}, part), read(events.Offsets{5, 1, 3}, part))
	require.Equal(t, expect(zero, events.Offsets{2}), read(nil, events.Offsets{2}), "missing ones are not read")
	require.Empty(t, read(ends, ends))
	require.Empty(t, read(nil, zero))
}

func TestReadLogWaitsForWhatIsToCome(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	w := s.writer(t)
	write(t, w, notes(0, 3)...)
	seen := make(chan events.Record, 10)
	ended := make(chan error, 1)
	ctx := within(t, soon)
	go func() {
		ended <- messaging.ReadLog(ctx, s.cfg, s.topic, nil, events.Offsets{5}, func(r events.Record) error {
			seen <- r
			return nil
		})
	}()
	for range 3 {
		await(t, seen, "a record that is there")
	}
	write(t, w, notes(3, 5)...)
	require.NoError(t, await(t, ended, "the end"))
	require.Len(t, seen, 2)
}

func TestReadLogFollows(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 2)
	w := s.direct().writer(t)
	write(t, w, notes(0, 3)...)
	seen := make(chan events.Record, 100)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		ended <- messaging.ReadLog(ctx, s.cfg, s.topic, nil, nil, func(r events.Record) error {
			seen <- r
			return nil
		})
	}()
	for range 3 {
		await(t, seen, "a record that is there")
	}
	s.net.Cut()
	write(t, w, notes(3, 3)...)
	s.net.Heal()
	for range 3 {
		await(t, seen, "a record that came later")
	}
	cancel()
	require.NoError(t, await(t, ended, "the end"))
}

func TestReadLogEnds(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	write(t, s.writer(t), notes(0, 10)...)
	errEnough := errors.New("enough")
	calls := 0
	err := messaging.ReadLog(within(t, soon), s.cfg, s.topic, nil, nil, func(events.Record) error {
		calls++
		return errEnough
	})
	require.ErrorIs(t, err, errEnough)
	require.Equal(t, 1, calls)

	var lost *messaging.LostLogError
	err = messaging.ReadLog(within(t, soon), s.cfg, s.topic, events.Offsets{11}, nil, nil)
	require.ErrorAs(t, err, &lost)

	err = messaging.ReadLog(within(t, 300*time.Millisecond), s.cfg, s.topic, nil, events.Offsets{20},
		func(events.Record) error { return nil })
	require.ErrorIs(t, err, context.DeadlineExceeded, "a stretch that was not read to its end is no success")
}

func BenchmarkReadLog(b *testing.B) {
	s := newSetup(b, 12).direct()
	w := s.writer(b)
	messages := notes(0, 1000)
	for i := range messages {
		messages[i].Value = make([]byte, 500)
	}
	ends := make(events.Offsets, 12)
	count := 0
	for count < b.N {
		for _, p := range write(b, w, messages...) {
			ends[p.Partition] = max(ends[p.Partition], p.Offset+1)
		}
		count += len(messages)
	}
	b.ResetTimer()
	require.NoError(b, messaging.ReadLog(b.Context(), s.cfg, s.topic, nil, ends, func(events.Record) error { return nil }))
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "records/s")
}
