package parked_test

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection/parked"
)

func TestHeldKnowsLinesAndWhatWasDiscarded(t *testing.T) {
	t.Parallel()
	pool := database(t)
	keyless := poison(1, 10, "")
	keyless.Record.Key = nil
	park(t, pool, catalog, first, poison(0, 1, "7"), held(0, 2, "7"), poison(1, 3, "8"), keyless)
	park(t, pool, catalog, second, poison(0, 4, "9"))
	park(t, pool, history, first, poison(0, 5, "5"))
	discarded := idsOf(t, pool, catalog, first)[at(1, 3)]
	do(t, pool, func(b *pgx.Batch) { parked.QueueDiscarded(b, []int64{discarded}) })

	h, err := parked.ReadHeld(t.Context(), pool, catalog, all)
	require.NoError(t, err)
	require.True(t, h.Key(first, 0, []byte("7")))
	require.True(t, h.Key(second, 0, []byte("9")))
	require.True(t, h.Key(first, 1, nil))
	require.False(t, h.Key(first, 1, []byte{}), "no key is not an empty one")
	require.False(t, h.Key(second, 0, []byte("7")), "of another generation")
	require.False(t, h.Key(first, 1, []byte("7")), "of another partition")
	require.False(t, h.Key(first, 0, []byte("5")), "of another consumer")
	require.False(t, h.Key(first, 1, []byte("8")), "discarded: nothing waits behind it")
	require.True(t, h.Discarded(at(1, 3)))
	require.False(t, h.Discarded(at(0, 1)))
	require.False(t, h.Discarded(at(0, 3)))

	h, err = parked.ReadHeld(t.Context(), pool, catalog, []int32{1, 2})
	require.NoError(t, err)
	require.False(t, h.Key(first, 0, []byte("7")), "not asked for")
	require.True(t, h.Discarded(at(1, 3)))
}

func TestHeldFollowsItsOwner(t *testing.T) {
	t.Parallel()
	var h parked.Held
	key := []byte("7")
	require.False(t, h.Key(first, 0, key))
	require.False(t, h.Discarded(at(0, 1)))
	h.Remove(first, 0, key)
	h.Add(first, 0, key)
	require.True(t, h.Key(first, 0, key))
	require.False(t, h.Key(first, 0, nil))
	key[0] = '8'
	require.True(t, h.Key(first, 0, []byte("7")), "the key's bytes are the caller's")
	h.Remove(first, 0, []byte("7"))
	require.False(t, h.Key(first, 0, []byte("7")))
	h.AddDiscarded(at(0, 1))
	require.True(t, h.Discarded(at(0, 1)))
}

func TestReplaceIsOfSomePartitionsOnly(t *testing.T) {
	t.Parallel()
	key := []byte("7")
	var h, other parked.Held
	require.True(t, h.Empty())
	h.Replace(all, other)
	require.True(t, h.Empty())

	h.Add(first, 0, key)
	h.Add(first, 1, key)
	h.AddDiscarded(at(0, 1))
	h.AddDiscarded(at(1, 1))
	other.Add(second, 1, key)
	other.AddDiscarded(at(1, 2))
	require.False(t, h.Empty())
	h.Replace([]int32{1}, other)
	require.True(t, h.Key(first, 0, key))
	require.False(t, h.Key(first, 1, key))
	require.True(t, h.Key(second, 1, key))
	require.Equal(t, []bool{true, false, true}, []bool{h.Discarded(at(0, 1)), h.Discarded(at(1, 1)), h.Discarded(at(1, 2))})

	h.Remove(second, 1, key)
	require.True(t, other.Key(second, 1, key), "it is not the same Held")
	h.Replace([]int32{0, 1}, parked.Held{})
	require.True(t, h.Empty())
}

// TestAskingHeldCostsNothing: it is asked for every record there is.
func TestAskingHeldCostsNothing(t *testing.T) { //nolint:paralleltest // it counts allocations of the whole process
	var h parked.Held
	h.Add(first, 0, []byte("7"))
	h.AddDiscarded(at(0, 1))
	key := []byte("a key that is too long for a buffer on the stack, as it may be")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if h.Key(first, 0, key) || h.Discarded(at(0, 2)) {
			panic("never held")
		}
	}))
}

func TestRequestedLinesComeWholeAndInOrder(t *testing.T) {
	t.Parallel()
	pool := database(t)
	requested, err := parked.ReadRequested(t.Context(), pool, catalog, both, all)
	require.NoError(t, err)
	require.Empty(t, requested)

	keyless := poison(0, 9, "")
	keyless.Record.Key = nil
	park(t, pool, catalog, first,
		held(0, 12, "7"), poison(0, 2, "7"), held(0, 3, "7"), // parked in any order
		poison(0, 4, "unasked"), poison(0, 5, ""), keyless, poison(2, 6, "not ours"))
	park(t, pool, catalog, second, poison(0, 2, "7"))
	park(t, pool, history, first, poison(0, 2, "7"))
	ids := idsOf(t, pool, catalog, first)
	do(t, pool, func(b *pgx.Batch) { parked.QueueDiscarded(b, []int64{ids[at(0, 3)]}) })
	ask(t, pool, parked.Retry, ids[at(0, 12)], ids[at(0, 9)], ids[at(2, 6)])
	ask(t, pool, parked.Discard, idsOf(t, pool, history, first)[at(0, 2)])

	requested, err = parked.ReadRequested(t.Context(), pool, catalog, both, []int32{0, 1})
	require.NoError(t, err)
	require.Equal(t, []parked.Requested{
		{first, 0, []byte("7"), []parked.Record{get(t, pool, ids[at(0, 2)]), get(t, pool, ids[at(0, 12)])}},
		{first, 0, nil, []parked.Record{get(t, pool, ids[at(0, 9)])}},
	}, requested)
	require.Empty(t, requested[0].Records[0].Request)
	require.Equal(t, parked.Retry, requested[0].Records[1].Request)
}

func TestAGreatManyRequestsComeInParts(t *testing.T) {
	t.Parallel()
	pool := database(t)
	const lines = 250
	var records []parked.New
	for i := range int64(lines) {
		key := strconv.FormatInt(i+1, 10)
		records = append(records, poison(0, 2*i, key), held(0, 2*i+1, key))
	}
	park(t, pool, catalog, first, records...)
	_, err := parked.Request(t.Context(), pool, parked.Selection{Consumer: catalog}, parked.Retry)
	require.NoError(t, err)

	done := make(map[events.Position]bool)
	for {
		requested, err := parked.ReadRequested(t.Context(), pool, catalog, both, all)
		require.NoError(t, err)
		if len(requested) == 0 {
			break
		}
		require.LessOrEqual(t, len(requested), 100)
		var ids []int64
		for _, q := range requested {
			require.Len(t, q.Records, 2, "a line is never cut")
			for _, r := range q.Records {
				ids, done[r.Raw().Position()] = append(ids, r.ID), true
			}
		}
		do(t, pool, func(b *pgx.Batch) { parked.QueueApplied(b, ids) })
	}
	require.Len(t, done, 2*lines)
}

// TestRequestsOfOtherGenerationsAreNotInTheWay: what is asked of a generation that
// has another owner stands until that one does it, however much it is.
func TestRequestsOfOtherGenerationsAreNotInTheWay(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var records []parked.New
	for i := range int64(101) {
		records = append(records, poison(0, i, strconv.FormatInt(i+1, 10)))
	}
	park(t, pool, catalog, second, records...) // parked first
	park(t, pool, catalog, first, poison(0, 100, "101"))
	_, err := parked.Request(t.Context(), pool, parked.Selection{}, parked.Retry)
	require.NoError(t, err)

	requested, err := parked.ReadRequested(t.Context(), pool, catalog, []int64{first}, all)
	require.NoError(t, err)
	require.Len(t, requested, 1)
	require.Equal(t, []byte("101"), requested[0].Key)
}

// TestATimeThatNobodyCanStoreIsNoReasonNotToPark: a producer says what it likes.
func TestATimeThatNobodyCanStoreIsNoReasonNotToPark(t *testing.T) {
	t.Parallel()
	pool := database(t)
	late, early := poison(0, 1, "7"), poison(0, 2, "8")
	late.Record.Timestamp, early.Record.Timestamp = time.UnixMilli(math.MaxInt64), time.UnixMilli(math.MinInt64)
	park(t, pool, catalog, first, late, early)
	for _, id := range idsOf(t, pool, catalog, first) {
		year := get(t, pool, id).Timestamp.Year()
		require.True(t, year >= 0 && year <= 9999, "JSON has no year %d", year)
	}
}
