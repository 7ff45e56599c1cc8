package messaging_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
	"bookstore/internal/testenv"
)

// stamp appends records with timestamps of the test's choosing, one of size bytes
// for each.
func (s setup) stamp(t testing.TB, partition int32, size int, stamps ...time.Time) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(testenv.Brokers(t)...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for _, at := range stamps {
		record := &kgo.Record{Topic: s.topic, Partition: partition, Timestamp: at, Value: make([]byte, size)}
		require.NoError(t, client.ProduceSync(within(t, soon), record).FirstErr())
	}
}

func TestOldestTimestampIsOfTheRecordThatWaitsLongest(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 4)
	b := s.broker(t)
	minute := func(n int) time.Time { return time.Unix(1_700_000_000, 0).Add(time.Duration(n) * time.Minute) }
	// Larger than what is fetched at once, in more than one partition.
	s.stamp(t, 0, 100<<10, minute(10), minute(20), minute(50))
	s.stamp(t, 2, 100<<10, minute(5), minute(40), minute(15))
	s.stamp(t, 3, 1, minute(30))

	for name, c := range map[string]struct {
		from events.Offsets
		want int
	}{
		"from the beginning":               {nil, 5},
		"a partition that is level":        {events.Offsets{0, 0, 3, 0}, 10},
		"in the middle":                    {events.Offsets{1, 0, 1, 0}, 20},
		"the first of a partition decides": {events.Offsets{3, 0, 1, 0}, 30},
		"partitions that are missing":      {events.Offsets{2}, 5},
	} {
		at, found, err := b.OldestTimestamp(within(t, soon), s.topic, c.from)
		require.NoError(t, err, name)
		require.True(t, found, name)
		require.WithinDuration(t, minute(c.want), at, 0, name)
	}
	for _, level := range []events.Offsets{{3, 0, 3, 1}, {9, 9, 9, 9}} {
		_, found, err := b.OldestTimestamp(within(t, soon), s.topic, level)
		require.NoError(t, err)
		require.False(t, found)
	}
}

func TestOldestTimestampIsBounded(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	b := s.broker(t)
	s.stamp(t, 0, 1, time.Now())
	_, found, err := b.OldestTimestamp(within(t, soon), s.topic, nil)
	require.NoError(t, err)
	require.True(t, found)

	s.net.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err = b.OldestTimestamp(ctx, s.topic, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), soon/4)
	s.net.Heal()

	_, _, err = b.OldestTimestamp(within(t, soon), s.topic+"-missing", nil)
	require.Error(t, err)
}

func BenchmarkOldestTimestamp(b *testing.B) {
	s := newSetup(b, 12)
	broker := s.broker(b)
	write(b, s.writer(b), notes(0, 1000)...)
	for b.Loop() {
		_, found, err := broker.OldestTimestamp(within(b, soon), s.topic, nil)
		require.NoError(b, err)
		require.True(b, found)
	}
}
