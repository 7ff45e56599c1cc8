package parked_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection/parked"
)

func TestARecordComesBackAsItLiesInTheLog(t *testing.T) {
	t.Parallel()
	pool := database(t)
	const bytes = "\x00\xff\\x41{},\"NULL'é"
	want := []events.Record{
		{Topic: "events", Partition: 1, Offset: 0, Timestamp: stamped},
		{Topic: "events", Partition: 1, Offset: 1, Timestamp: stamped, Key: []byte{}, Value: []byte{}},
		{
			Topic: "events", Partition: 1, Offset: 2, Timestamp: stamped, Key: []byte(bytes), Value: []byte(bytes),
			Headers: []events.Header{{Key: bytes, Value: ""}, {Key: "", Value: bytes}, {Key: bytes, Value: bytes}},
		},
		{
			Topic: "events", Partition: 2, Offset: 2, Timestamp: time.Unix(0, 0).UTC(), Key: []byte("7"), Value: nil,
			Headers: []events.Header{{}},
		},
	}
	records := make([]parked.New, len(want))
	for i, r := range want {
		records[i] = parked.New{Record: r, Poison: i%2 == 0, Error: "why"}
	}
	park(t, pool, catalog, first, records...)

	listed, err := parked.List(t.Context(), pool, parked.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, listed, len(want))
	for i, l := range listed {
		r := get(t, pool, l.ID)
		require.Equal(t, want[i], r.Raw(), "nil and empty are not the same")
		require.Equal(t, catalog, r.Consumer)
		require.Equal(t, first, r.Generation)
		require.Equal(t, i%2 == 0, r.Poison)
		require.Equal(t, "why", r.Error)
		require.Equal(t, 1, r.Tries)
		require.WithinDuration(t, time.Now(), r.ParkedAt, time.Minute)
		require.Equal(t, r.ParkedAt, r.TriedAt)
		require.Empty(t, r.Request)
		require.Zero(t, r.DiscardedAt)

		require.Nil(t, l.Value, "a list is without what is large")
		require.Nil(t, l.Headers)
		r.Value, r.Headers = nil, nil
		require.Equal(t, r, l)
	}
}

func TestTheBookIsTheOneTheKeyNames(t *testing.T) {
	t.Parallel()
	pool := database(t)
	books := map[string]int64{
		"7": 7, "9223372036854775807": 1<<63 - 1,
		"": 0, "0": 0, "-7": 0, "07": 0, "+7": 0, " 7": 0, "7x": 0, "9223372036854775808": 0, "emma": 0,
	}
	var records []parked.New
	for key := range books {
		records = append(records, poison(0, int64(len(records)), key))
	}
	park(t, pool, catalog, first, records...)
	found, err := parked.List(t.Context(), pool, parked.Filter{Limit: 100})
	require.NoError(t, err)
	require.Len(t, found, len(books))
	for _, r := range found {
		require.Equal(t, books[string(r.Key)], r.Book, "key %q", r.Key)
	}
}

func TestAnyErrorCanBeStored(t *testing.T) {
	t.Parallel()
	pool := database(t)
	for i, text := range []string{"a\x00b", "a\xffb", "", strings.Repeat("é", 100_000)} {
		n := poison(0, int64(i), "7")
		n.Error = text
		park(t, pool, catalog, first, n)
		id := idsOf(t, pool, catalog, first)[at(0, int64(i))]
		do(t, pool, func(b *pgx.Batch) { parked.QueueFailed(b, id, text) })
		kept := get(t, pool, id).Error
		require.True(t, utf8.ValidString(kept))
		require.Less(t, len(kept), 5000)
		require.Equal(t, text == "", kept == "")
	}
}

func TestParkingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first, poison(0, 5, "7"), held(0, 6, "7"))
	ids := idsOf(t, pool, catalog, first)
	do(t, pool, func(b *pgx.Batch) { parked.QueueFailed(b, ids[at(0, 5)], "again") })
	do(t, pool, func(b *pgx.Batch) { parked.QueueDiscarded(b, []int64{ids[at(0, 6)]}) })
	before := []parked.Record{get(t, pool, ids[at(0, 5)]), get(t, pool, ids[at(0, 6)])}

	park(t, pool, catalog, first, held(0, 5, "7"), poison(0, 6, "7"), held(0, 7, "7"), held(0, 7, "7"))
	now := []parked.Record{get(t, pool, ids[at(0, 5)]), get(t, pool, ids[at(0, 6)])}
	require.Equal(t, before, now)
	require.Len(t, idsOf(t, pool, catalog, first), 2, "and the new one is there once")

	park(t, pool, catalog, second, poison(0, 5, "7"))
	park(t, pool, history, first, poison(0, 5, "7"))
	require.Len(t, idsOf(t, pool, catalog, second), 1, "each generation has its own")
	require.Len(t, idsOf(t, pool, history, first), 1, "and each consumer")
}

func TestNothingToParkIsNoStatement(t *testing.T) {
	t.Parallel()
	b := &pgx.Batch{}
	parked.Queue(b, catalog, first, nil)
	require.Zero(t, b.Len())
}

func TestAFailedRetryEndsTheRequestsBehindIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first,
		poison(0, 1, "7"), held(0, 2, "7"), held(0, 3, "7"), poison(0, 4, "8"), poison(1, 5, "7"))
	park(t, pool, catalog, second, poison(0, 3, "7"))
	ids, other := idsOf(t, pool, catalog, first), idsOf(t, pool, catalog, second)
	_, err := parked.Request(t.Context(), pool, parked.Selection{}, parked.Retry)
	require.NoError(t, err)

	failed := ids[at(0, 2)]
	do(t, pool, func(b *pgx.Batch) { parked.QueueFailed(b, failed, "no better") })
	after := get(t, pool, failed)
	require.Equal(t, "no better", after.Error)
	require.True(t, after.Poison, "it can't be applied itself")
	require.Equal(t, 2, after.Tries)
	require.True(t, after.TriedAt.After(after.ParkedAt))
	require.Empty(t, after.Request)

	behind := get(t, pool, ids[at(0, 3)])
	require.Empty(t, behind.Request)
	require.Equal(t, 1, behind.Tries, "it was not tried")
	require.False(t, behind.Poison)
	for _, untouched := range []int64{ids[at(0, 1)], ids[at(0, 4)], ids[at(1, 5)], other[at(0, 3)]} {
		require.Equal(t, parked.Retry, get(t, pool, untouched).Request)
	}
}

func TestTheRestOfALineIsAskedFor(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first, poison(0, 1, "7"), held(0, 2, "7"), held(0, 3, "7"), held(0, 4, "7"))
	ids := idsOf(t, pool, catalog, first)
	ask(t, pool, parked.Discard, ids[at(0, 3)])
	do(t, pool, func(b *pgx.Batch) { parked.QueueRetry(b, []int64{ids[at(0, 2)], ids[at(0, 3)]}) })
	for offset, want := range map[int64]parked.Wish{1: "", 2: parked.Retry, 3: parked.Discard, 4: ""} {
		require.Equal(t, want, get(t, pool, ids[at(0, offset)]).Request)
	}
}

func TestAppliedRecordsAreGoneAndDiscardedOnesStay(t *testing.T) {
	t.Parallel()
	pool := database(t)
	park(t, pool, catalog, first, poison(0, 1, "7"), poison(0, 2, "8"), poison(0, 3, "9"))
	ids := idsOf(t, pool, catalog, first)
	ask(t, pool, parked.Discard, ids[at(0, 2)])
	do(t, pool, func(b *pgx.Batch) {
		parked.QueueApplied(b, []int64{ids[at(0, 1)]})
		parked.QueueDiscarded(b, []int64{ids[at(0, 2)]})
	})
	_, err := parked.Get(t.Context(), pool, ids[at(0, 1)])
	require.ErrorIs(t, err, parked.ErrNotFound)
	discarded := get(t, pool, ids[at(0, 2)])
	require.WithinDuration(t, time.Now(), discarded.DiscardedAt, time.Minute)
	require.Empty(t, discarded.Request)
	require.Equal(t, map[events.Position]int64{at(0, 3): ids[at(0, 3)]}, idsOf(t, pool, catalog, first))
}
