package rebuild_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/projection/rebuild"
)

func (s *store) ask(wish parked.Wish, id int64) {
	s.t.Helper()
	_, err := parked.Request(s.t.Context(), s.pool, parked.Selection{IDs: []int64{id}}, wish)
	require.NoError(s.t, err)
}

// What a rebuild can't read it parks, with what follows of the same book, and hands it
// over with the rest: the live consumer applies it once the program can read it.
func TestWhatARebuildParksIsRetriedByTheLiveConsumer(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(5)...)
	s.log.put(garbage(6), 6)
	s.log.add(t, updated(6, 2), created(9))
	s.awaitLive("catalog")
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	require.True(t, b.Verification.Equal())
	for generation := int64(1); generation <= 2; generation++ {
		held := s.parked(generation)
		require.Len(t, held, 2)
		require.True(t, held[0].Poison)
		require.False(t, held[1].Poison, "it is only held back")
	}
	s.log.add(t, updated(6, 3))
	s.awaitLive("catalog")
	require.Len(t, s.parked(2), 3)

	s.startLive(variant{version: current, naive: true})
	s.ask(parked.Retry, s.parked(2)[0].ID)
	s.eventually(func() bool { return len(s.parked(2)) == 0 }, "the retry")
	require.Len(t, s.rows(`SELECT FROM books WHERE id = 6 AND version = 3`), 1)
	require.Len(t, s.parked(1), 3, "which was asked of one generation")
	s.ask(parked.Retry, s.parked(1)[2].ID)
	s.eventually(func() bool { return len(s.parked(1)) == 0 }, "the retry")
	s.requireSame(projection.Catalog{}, 1, 2)
}

// A record that the new version can't apply is parked for it alone, and shows as a
// difference.
func TestANewVersionThatCannotApplyARecord(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]variant{"refused": {foolish: true}, "panic": {panics: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := givenOutdated(t, next)
			b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Differs)
			require.Empty(t, s.parked(1))
			require.Len(t, s.parked(2), 1)
			require.Equal(t, "4", string(s.parked(2)[0].Key))
			require.Equal(t, int64(1), b.Verification.Tables[0].OnlyActive)
			require.Len(t, s.rows(`TABLE catalog_books_g2`), 9, "all others are right")
		})
	}
}

func TestWhatWasDiscardedStaysSo(t *testing.T) {
	t.Parallel()
	s, p := givenCatalog(t, books(5)...)
	s.log.put(garbage(6), 6)
	s.log.add(t, created(6))
	s.awaitLive("catalog")
	s.ask(parked.Discard, s.parked(1)[0].ID)
	s.eventually(func() bool { return len(s.parked(1)) == 0 }, "the discard, and what it held back")
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	require.True(t, b.Verification.Equal())
	require.Empty(t, s.parked(2))
	require.Len(t, s.rows(`TABLE books`), 6)
}

// A discard is one for all generations, also when one of them is being built: whether
// it has met the record already or not.
func TestADiscardWhileARebuildCopies(t *testing.T) {
	t.Parallel()
	t.Run("before the record is met", func(t *testing.T) {
		t.Parallel()
		s, p := givenCatalog(t, books(5)...)
		s.log.put(garbage(6), 6)
		s.log.add(t, created(6))
		s.awaitLive("catalog")
		goOn := s.log.stall()
		b := s.begin(p, "catalog", rebuild.Request{})
		s.eventually(func() bool { return len(s.position("catalog/2")) > 0 }, "the copier to own its checkpoints")
		s.ask(parked.Discard, s.parked(1)[0].ID)
		s.eventually(func() bool { return len(s.parked(1)) == 0 }, "the discard")
		goOn()
		b = s.await(b.ID, rebuild.Switched)
		require.True(t, b.Verification.Equal())
		require.Empty(t, s.parked(2))
	})
	t.Run("behind the record", func(t *testing.T) {
		t.Parallel()
		s, p := givenCatalog(t, books(5)...)
		p.stop()
		p = s.startProgram(gated)
		s.log.put(garbage(6), 6)
		s.log.add(t, created(6))
		s.awaitLive("catalog")
		b, release := s.reach(p, rebuild.CatchingUp)
		require.Len(t, s.parked(2), 2)
		s.ask(parked.Discard, s.parked(1)[0].ID)
		s.eventually(func() bool { return len(s.parked(1))+len(s.parked(2)) == 0 }, "the discard, by both owners")
		release()
		b = s.await(b.ID, rebuild.Switched)
		require.True(t, b.Verification.Equal())
	})
}
