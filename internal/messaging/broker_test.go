package messaging_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

func (s setup) broker(t testing.TB) *messaging.Broker {
	t.Helper()
	b, err := messaging.NewBroker(s.cfg)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func TestPing(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	b := s.broker(t)
	require.NoError(t, b.Ping(within(t, soon)))

	for _, disturb := range []func(){s.net.Cut, s.net.Freeze} {
		disturb()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		require.ErrorIs(t, b.Ping(ctx), events.ErrLogUnavailable)
		require.Less(t, time.Since(began), time.Second)
		cancel()
		s.net.Heal()
	}
	require.NoError(t, b.Ping(within(t, soon)))
}

func TestWatermarks(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 3)
	b := s.broker(t)
	positions := write(t, s.writer(t), notes(0, 30)...)
	want := make(events.Offsets, 3)
	for _, p := range positions {
		want[p.Partition]++
	}
	oldest, newest, err := b.Watermarks(within(t, soon), s.topic)
	require.NoError(t, err)
	require.Equal(t, events.Offsets{0, 0, 0}, oldest)
	require.Equal(t, want, newest)

	_, _, err = b.Watermarks(within(t, soon), s.topic+"-missing")
	require.Error(t, err)
}

func TestHeadsFollowTheLog(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	heads := messaging.NewHeads(s.broker(t), s.topic)
	require.Nil(t, heads.Newest(s.topic), "not known yet")

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { heads.Run(ctx) })
	defer running.Wait()
	defer cancel()

	w := s.direct().writer(t)
	at := func(want int64) func() bool {
		return func() bool { o := heads.Newest(s.topic); return len(o) == 1 && o[0] == want }
	}
	require.Eventually(t, at(0), soon, time.Millisecond)
	write(t, w, notes(0, 5)...)
	require.Eventually(t, at(5), soon, time.Millisecond)
	s.net.Cut()
	write(t, w, notes(5, 5)...)
	require.True(t, at(5)(), "what was known last")
	s.net.Heal()
	require.Eventually(t, at(10), soon, time.Millisecond)
}
