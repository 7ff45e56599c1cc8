package rebuild_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

// holders are the sessions that hold the lock which makes an owner of a rebuild.
const holders = `FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
	AND (classid::bigint << 32) | objid::bigint = hashtextextended('bookstore rebuild ' || current_schema() || ' ' || $1::bigint, 0)`

// An owner whose connection is lost, in whichever phase, is followed by another one
// that goes on from there.
func TestAnotherOwnerGoesOnInEachPhase(t *testing.T) {
	t.Parallel()
	for _, phase := range []rebuild.Phase{rebuild.Copying, rebuild.Indexing, rebuild.CatchingUp, rebuild.Verifying, rebuild.Switching} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			s, first := givenGated(t, books(10)...)
			s.startProgram(gated)
			b, release := s.reach(first, phase)
			b = s.awaitThat(b.ID, "owned", func(b rebuild.Rebuild) bool { return b.Owner != "" })
			require.Len(t, s.rows(`SELECT pid `+holders, b.ID), 1)

			require.Len(t, s.rows(`SELECT pg_terminate_backend(pid) `+holders, b.ID), 1)
			next := s.awaitThat(b.ID, "owned by another", func(now rebuild.Rebuild) bool { return now.Owner != b.Owner })
			require.Equal(t, phase, next.Phase)
			s.log.add(t, created(11), updated(1, 2))
			release()
			b = s.await(b.ID, rebuild.Switched)
			require.True(t, b.Verification.Equal())
			s.awaitLive("catalog")
			require.Len(t, s.rows(`TABLE books`), 11)
			s.requireSame(projection.Catalog{}, 1, 2)
		})
	}
}

// A program that stops leaves its rebuild, in whichever phase, to the next one.
func TestARestartGoesOnInEachPhase(t *testing.T) {
	t.Parallel()
	for _, phase := range []rebuild.Phase{rebuild.Copying, rebuild.Indexing, rebuild.CatchingUp, rebuild.Verifying, rebuild.Switching} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			s, first := givenGated(t, books(10)...)
			b, release := s.reach(first, phase)
			first.stop()
			require.Equal(t, phase, get(t, s.pool, b.ID).Phase)
			require.Equal(t, int64(1), s.answering())
			s.log.add(t, created(11))
			s.startProgram(gated)
			release()
			b = s.await(b.ID, rebuild.Switched)
			require.True(t, b.Verification.Equal())
			s.requireSame(projection.Catalog{}, 1, 2)
		})
	}
}

// Programs that don't have the version's code leave its rebuild alone, but any can
// cancel it.
func TestARebuildWhoseVersionIsGoneIsCancelled(t *testing.T) {
	t.Parallel()
	s, p := givenOutdated(t, variant{loud: true})
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Differs)
	p.stop()
	other := s.startProgram(projection.Catalog{})
	s.wish(b.ID, rebuild.Cancel)
	s.await(b.ID, rebuild.Cancelled)
	s.requireGone(2)
	require.ErrorIs(t, other.Rollback(t.Context(), "catalog"), rebuild.ErrNothingToRollBackTo)
}
