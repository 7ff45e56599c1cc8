package messaging_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

func TestAppendTellsPositions(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 3)
	w := s.writer(t)

	sent := notes(0, 100)
	positions := write(t, w, sent...)
	none, err := w.Append(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)

	found := s.contents(t)
	for i, p := range positions {
		r := found[p.Partition][p.Offset]
		got := events.Encoded{Key: r.Key, Value: r.Value, Headers: r.Headers}
		require.Equal(t, sent[i], got)
		require.Equal(t, p, r.Position())
		require.Equal(t, positions[i%10].Partition, p.Partition, "a key stays in its partition")
	}
}

func TestHeadersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	headers := events.Envelope{ID: "1", Type: "t", Source: "s", Time: time.Now(), Subject: "5"}.Headers()
	write(t, s.writer(t), events.Encoded{Key: []byte("k"), Value: []byte("{}"), Headers: headers})
	require.Equal(t, headers, s.contents(t)[0][0].Headers)
}

func TestPublishTellsPositions(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 3)
	bus, err := messaging.NewCommandBus(positionsKept{t, s.publisher(t)}, s.topic, s.cfg.Logger)
	require.NoError(t, err)
	for id := range int64(5) {
		require.NoError(t, bus.Send(t.Context(), command(id)))
	}
	for _, records := range s.contents(t) {
		for _, r := range records {
			require.True(t, slices.IsSortedFunc(r.Headers, func(a, b events.Header) int { return strings.Compare(a.Key, b.Key) }))
			require.Equal(t, "c-"+string(r.Key), r.Header(events.HeaderID))
			for _, h := range r.Headers {
				require.NotContains(t, h.Key, "_record_key")
				require.NotContains(t, h.Key, "watermill")
			}
		}
	}
}

// positionsKept checks that each message that was published knows where it lies.
type positionsKept struct {
	t *testing.T
	message.Publisher
}

func (p positionsKept) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		_, known := messaging.PositionOf(msg)
		require.False(p.t, known)
		require.Equal(p.t, msg.Metadata.Get(events.HeaderID), msg.UUID)
	}
	if err := p.Publisher.Publish(topic, messages...); err != nil {
		return err
	}
	for _, msg := range messages {
		_, known := messaging.PositionOf(msg)
		require.True(p.t, known)
	}
	return nil
}

func TestMessageWithoutKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	require.Error(t, s.publisher(t).Publish(s.topic, message.NewMessage("1", nil)))
	require.Empty(t, s.contents(t)[0])
}

func TestTooLargeIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	large := note("k", 2)
	large.Value = make([]byte, 2<<20)
	_, err := s.writer(t).Append(within(t, soon), []events.Encoded{note("k", 1), large, note("k", 3)})
	require.ErrorIs(t, err, messaging.ErrTooLarge)
	require.NotErrorIs(t, err, events.ErrLogUnavailable)
	require.NotErrorIs(t, err, events.ErrMaybeWritten)
	require.Empty(t, s.contents(t)[0])

	large.Value = make([]byte, 990_000)
	write(t, s.writer(t), large, note("k", 3))
}

func TestAwayFromTheStart(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	s.net.Cut()
	w := s.writer(t)

	began := time.Now()
	_, err := w.Append(within(t, time.Second), notes(0, 3))
	require.ErrorIs(t, err, events.ErrLogUnavailable)
	require.NotErrorIs(t, err, events.ErrMaybeWritten)
	require.Less(t, time.Since(began), 1200*time.Millisecond)

	s.net.Heal()
	write(t, w, notes(3, 3)...)
	require.Equal(t, []string{"3", "4", "5"}, values(s.contents(t)[0]))
}

func TestGoneMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	w := s.writer(t)
	write(t, w, note("k", 1))
	s.net.Cut()

	// That the connection is gone shows when something was given to it.
	_, err := w.Append(within(t, time.Second), []events.Encoded{note("k", 2)})
	require.ErrorIs(t, err, events.ErrMaybeWritten)
	for n := range 5 {
		_, err := w.Append(within(t, 700*time.Millisecond), []events.Encoded{note("k", 10+n)})
		require.ErrorIs(t, err, events.ErrLogUnavailable)
		require.NotErrorIs(t, err, events.ErrMaybeWritten)
	}

	s.net.Heal()
	healed := time.Now()
	write(t, w, note("k", 3))
	require.Less(t, time.Since(healed), time.Second)
	require.Equal(t, []string{"1", "2", "3"}, values(s.contents(t)[0]), "what was surely not written does not come later")
}

func TestFrozenIsMaybeWritten(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	w := s.writer(t)
	write(t, w, note("k", 1))
	s.net.Freeze()

	began := time.Now()
	_, err := w.Append(within(t, time.Second), []events.Encoded{note("k", 2)})
	require.ErrorIs(t, err, events.ErrMaybeWritten)
	require.NotErrorIs(t, err, events.ErrLogUnavailable)
	require.Less(t, time.Since(began), 1500*time.Millisecond)

	s.net.Heal()
	write(t, w, note("k", 3))
	require.Contains(t, [][]string{{"1", "2", "3"}, {"1", "3"}}, values(s.contents(t)[0]),
		"if it comes at all, then once and before what was written later")
}

func TestAnotherCallersEndIsNotMine(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	w := s.writer(t)
	write(t, w, note("k", 1))
	s.net.Freeze()

	// One is sent and hangs, others queue behind it, of which one is impatient.
	var calls sync.WaitGroup
	calls.Go(func() {
		_, err := w.Append(within(t, soon), []events.Encoded{note("k", 2)})
		require.NoError(t, err)
	})
	calls.Go(func() {
		defer s.net.Heal()
		_, err := w.Append(within(t, 700*time.Millisecond), []events.Encoded{note("k", 3)})
		require.Error(t, err)
	})
	calls.Go(func() {
		_, err := w.Append(within(t, soon), notes(4, 3))
		require.NoError(t, err)
	})
	calls.Wait()

	found := values(s.contents(t)[0])
	require.Subset(t, found, []string{"1", "2", "4", "5", "6"})
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(found))), len(found), "none is doubled")
}

// What the publisher of searches relies on: whatever happens to the network,
// everything arrives, once and in order.
func TestOrderSurvivesFaults(t *testing.T) {
	t.Parallel()
	const partitions, batches, batch = 3, 60, 50
	s := newSetup(t, partitions)
	w := s.writer(t)

	progress := make(chan int)
	go func() {
		defer close(progress)
		for b := range batches {
			// Forever, but for the end of the test: no try of ours is ever given up.
			if _, err := w.Append(t.Context(), notes(b*batch, batch)); err != nil {
				return
			}
			progress <- b
		}
	}()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) // a run that failed can be repeated by its seed
	var last int
	for last = range progress {
		if last%6 != 0 {
			continue
		}
		// In the middle of what comes next.
		after := time.Duration(random.IntN(3000)) * time.Microsecond
		disturb := []func(){s.net.Cut, s.net.Freeze}[random.IntN(2)]
		away := time.Duration(random.IntN(200)) * time.Millisecond
		if last == 30 {
			disturb, away = s.net.Freeze, 4*time.Second // past all timeouts: connections are replaced
		}
		time.AfterFunc(after, func() {
			disturb()
			time.AfterFunc(away, s.net.Heal)
		})
	}
	require.Equal(t, batches-1, last)

	var all []int
	for _, records := range s.contents(t) {
		numbers := make([]int, len(records))
		for i, r := range records {
			numbers[i], _ = strconv.Atoi(string(r.Value))
		}
		require.True(t, slices.IsSorted(numbers), "in order within each partition")
		all = append(all, numbers...)
	}
	slices.Sort(all)
	require.Len(t, all, batches*batch, "none lost, none doubled")
	require.Len(t, slices.Compact(all), batches*batch)
}

func TestCallersWaitInTheirContexts(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	s.net.Cut()
	w := s.writer(t)
	large := make([]events.Encoded, 80) // 80 MB are more than the publisher keeps
	for i := range large {
		large[i] = note("k", i)
		large[i].Value = make([]byte, 900_000)
	}
	began := time.Now()
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			_, err := w.Append(within(t, time.Second), large)
			require.ErrorIs(t, err, events.ErrLogUnavailable)
		})
	}
	calls.Wait()
	require.Less(t, time.Since(began), 3*time.Second)

	s.net.Heal()
	write(t, w, note("k", 1))
	require.Len(t, s.contents(t)[0], 1)
}

func TestConfigNeedsBrokers(t *testing.T) {
	t.Parallel()
	_, err := messaging.NewPublisher(messaging.Config{})
	require.Error(t, err)
	_, err = messaging.NewBroker(messaging.Config{})
	require.Error(t, err)
}

func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("batch%d", batch), func(b *testing.B) {
			s := newSetup(b, 12).direct()
			w := s.writer(b)
			messages := notes(0, batch)
			for i := range messages {
				messages[i].Value = make([]byte, 500)
			}
			for b.Loop() {
				_, err := w.Append(b.Context(), messages)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
