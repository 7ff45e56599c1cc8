package messaging_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

func command(id int64) events.Issued {
	return events.Issued{
		Envelope: events.Envelope{
			ID: "c-" + strconv.FormatInt(id, 10), Source: events.SourceAPI, Time: events.Instant(time.Now()),
			CorrelationID: "r-1",
		},
		Command: events.DeleteBook{ID: id, IfMatch: []int64{3}},
	}
}

func (s setup) commandBus(t *testing.T) *messaging.CommandBus {
	t.Helper()
	bus, err := messaging.NewCommandBus(s.publisher(t), s.topic, s.cfg.Logger)
	require.NoError(t, err)
	return bus
}

func TestCommandArrives(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	sent := command(7)
	require.NoError(t, s.commandBus(t).Send(t.Context(), sent))

	got, err := events.DecodeCommand(s.contents(t)[0][0])
	require.NoError(t, err)
	require.Equal(t, sent.Command, got.Command)
	require.Equal(t, sent.ID, got.ID)
	require.Equal(t, sent.CorrelationID, got.CorrelationID)
}

func TestCommandsAreRefusedQuicklyWhileTheLogIsAway(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	bus := s.commandBus(t)
	require.NoError(t, bus.Send(t.Context(), command(1)))
	s.net.Cut()

	for range 2 {
		began := time.Now()
		require.Error(t, bus.Send(t.Context(), command(2)))
		require.Less(t, time.Since(began), 2500*time.Millisecond)
	}
	began := time.Now()
	for range 100 {
		require.ErrorIs(t, bus.Send(t.Context(), command(3)), events.ErrLogUnavailable)
	}
	require.Less(t, time.Since(began), 100*time.Millisecond)
	require.Equal(t, 1, s.log.count("commands are refused"), "one line, not one per command")

	s.net.Heal()
	healed := time.Now()
	require.Eventually(t, func() bool { return bus.Send(t.Context(), command(4)) == nil }, soon, 10*time.Millisecond)
	require.Less(t, time.Since(healed), 1500*time.Millisecond)
	require.Equal(t, 1, s.log.count("commands are taken"))
	for _, r := range s.contents(t)[0] {
		require.NotEqual(t, "c-3", r.Header(events.HeaderID), "what was refused was not written")
	}
}

func TestCommandsToAFrozenLog(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	bus := s.commandBus(t)
	require.NoError(t, bus.Send(t.Context(), command(1)))
	s.net.Freeze()

	require.ErrorIs(t, bus.Send(t.Context(), command(2)), events.ErrMaybeWritten)
	require.Error(t, bus.Send(t.Context(), command(3)))
	began := time.Now()
	require.ErrorIs(t, bus.Send(t.Context(), command(4)), events.ErrLogUnavailable)
	require.Less(t, time.Since(began), 100*time.Millisecond)

	s.net.Heal()
	require.Eventually(t, func() bool { return bus.Send(t.Context(), command(5)) == nil }, soon, 10*time.Millisecond)
}

func TestBadCommandsAndImpatientSendersDontStopOthers(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	bus := s.commandBus(t)
	tooLarge := command(1)
	tooLarge.Command = events.UpdateBook{ID: 1, Details: events.Details{Description: strings.Repeat("x", 2<<20)}}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		require.ErrorIs(t, bus.Send(t.Context(), tooLarge), messaging.ErrTooLarge)
		require.Error(t, bus.Send(gone, command(2)))
	}
	require.NoError(t, bus.Send(t.Context(), command(3)))
}
