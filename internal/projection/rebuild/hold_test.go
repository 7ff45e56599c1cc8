package rebuild_test

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/projection/rebuild"
)

// gated is a version whose indexing takes as long as a test wants; see [store.hold].
var gated = variant{version: current, index: `DO $$ BEGIN PERFORM pg_advisory_xact_lock(hashtext(current_schema()), 0 /* %s %d */); END $$`}

// hold lets the next rebuild of the catalog, its second generation, get into a
// phase and no further, until released. The phases from catching up to verifying
// need a rebuild of [gated], and that the test waits with [store.reach].
func (s *store) hold(phase rebuild.Phase) (release func()) {
	s.t.Helper()
	switch phase {
	case rebuild.Copying:
		return s.log.stall()
	case rebuild.Switching:
		return s.holding(`SELECT count(*) FROM books`)
	default:
		return s.holding(`SELECT pg_advisory_xact_lock(hashtext(current_schema()), 0)`)
	}
}

// holding runs a statement in a transaction that stays open until released.
func (s *store) holding(sql string) (release func()) {
	s.t.Helper()
	tx, err := s.pool.Begin(s.t.Context())
	require.NoError(s.t, err)
	_, err = tx.Exec(s.t.Context(), sql)
	require.NoError(s.t, err)
	release = func() { _ = tx.Rollback(context.Background()) } // a second time is no harm
	s.t.Cleanup(release)
	return release
}

// reach starts a rebuild of the catalog, whose newest version is gated, and brings
// it into a phase that it stays in until released.
func (s *store) reach(p *program, phase rebuild.Phase) (b rebuild.Rebuild, release func()) {
	s.t.Helper()
	first := phase
	if phase == rebuild.CatchingUp || phase == rebuild.Verifying {
		first = rebuild.Indexing
	}
	release = s.hold(first)
	b = s.await(s.begin(p, "catalog", rebuild.Request{}).ID, first)
	if first == phase {
		return b, release
	}
	stalled := s.log.stall()
	release()
	b = s.await(b.ID, rebuild.CatchingUp)
	if phase == rebuild.CatchingUp {
		return b, stalled
	}
	// Nothing is left to copy, so that the table is not needed before it is compared.
	release = s.holding(`LOCK TABLE ` + pgx.Identifier{"catalog_deleted_g2"}.Sanitize() + ` IN ACCESS EXCLUSIVE MODE`)
	stalled()
	return s.await(b.ID, rebuild.Verifying), release
}
