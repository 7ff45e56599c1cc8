package feed

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

func TestPositionThereAndBack(t *testing.T) {
	t.Parallel()
	for range 1000 {
		position := make(events.Offsets, 1+rand.IntN(20))
		for p := range position {
			position[p] = rand.Int64N(math.MaxInt64) >> rand.IntN(63)
		}
		back, err := parsePosition(position.String(), len(position))
		require.NoError(t, err)
		require.Equal(t, position, back)
	}
}

func TestPositionsThatAreNone(t *testing.T) {
	t.Parallel()
	w := start(t, 2, ringRecords)
	for _, bad := range []string{
		"1", "1,2,3", "1,", ",1", "a,b", "0,-1", "+1,0", "0, 0", "0,1.5", "0,9223372036854775808", "0;0", "0,0\u00a0",
		strings.Repeat("0,", 5000),
	} {
		fault := w.get(t, "/api/events/stream", "Last-Event-ID", bad).fault(t)
		require.Equal(t, "Last-Event-ID", fault.Field, bad)
		require.Contains(t, fault.Message, "2 whole numbers")
	}
	require.Equal(t, "last_event_id", w.get(t, "/api/events/stream?last_event_id=x").fault(t).Field)
	require.Equal(t, "from", w.get(t, "/api/events/stream?from=end").fault(t).Field)
	require.Equal(t, "from", w.get(t, "/api/events/stream?from=beginning&last_event_id=0,0").fault(t).Field)
	require.Equal(t, "form", w.get(t, "/api/events/stream?form=beginning").fault(t).Field)
}

func TestPositionBehindTheEndOfTheLog(t *testing.T) {
	t.Parallel()
	w := start(t, 1, ringRecords)
	w.write(t, steps(t, 1, 1, 3)...)
	fault := w.get(t, "/api/events/stream", "Last-Event-ID", "4").fault(t)
	require.Equal(t, "Last-Event-ID", fault.Field)
	require.Contains(t, fault.Message, "the records from 0 to before 3")
	w.open(t, "", "Last-Event-ID", "3")
	// The header is what the browser has seen, the address where it first began.
	w.open(t, "?last_event_id=999", "Last-Event-ID", "3")
}

// heldLog lets the hub see nothing that comes until it is let go.
type heldLog struct {
	*countedLog
	released chan struct{}
}

func (l heldLog) Read(ctx context.Context, from, to events.Offsets, fn func(events.Record) error) error {
	if to == nil {
		select {
		case <-l.released:
		case <-ctx.Done():
			return nil
		}
	}
	return l.countedLog.Read(ctx, from, to, fn)
}

// Behind one address there may be several processes, and one of them ahead.
func TestPositionThatAnotherProcessHasReached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokers(t), 1)
	held := heldLog{w.log, make(chan struct{})}
	w.serve(t, ringRecords, held)
	w.awaitReady(t)
	w.write(t, steps(t, 1, 1, 5)...)
	s := w.open(t, "", "Last-Event-ID", "3")
	require.Equal(t, "Last-Event-ID", w.get(t, "/api/events/stream", "Last-Event-ID", "6").fault(t).Field)
	close(held.released)
	require.Equal(t, []string{"1.4", "1.5"}, ids(t, s.take(2)))
}
