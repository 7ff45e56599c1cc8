package rebuild_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

// givenOutdated returns a store whose catalog, of ten books, was made by the version there
// is, while the program makes next, and knows that version as well.
func givenOutdated(t *testing.T, next variant) (*store, *program) {
	t.Helper()
	s, old := givenCatalog(t, books(10)...)
	old.stop()
	next.version = current + 1
	p := s.startProgram(projection.Catalog{}, next)
	s.startLive(projection.Catalog{}, next)
	return s, p
}

func TestANewVersionThatMeansToDifferWaitsForConsent(t *testing.T) {
	t.Parallel()
	s, p := givenOutdated(t, variant{loud: true})
	outdated, err := p.Outdated(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"catalog"}, outdated)

	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Differs)
	require.Equal(t, current+1, b.Version)
	require.Equal(t, int64(4), b.Verification.Differences, "books 1, 4, 7 and 10")
	table := b.Verification.Tables[0]
	require.Equal(t, "catalog_books", table.Table)
	require.Equal(t, []compare.Field{{Field: "description", Rows: 4}}, table.Fields)
	require.Equal(t, [2]int64{10, 10}, [2]int64{table.ActiveRows, table.NewRows})
	require.NotEmpty(t, table.Samples)
	require.Equal(t, map[string]string{"id": "1"}, table.Samples[0].Key)
	require.Equal(t, int64(1), s.answering(), "queries are answered as before")

	s.log.add(t, created(11), updated(1, 2), created(13))
	s.awaitLive("catalog")
	require.Len(t, s.rows(`TABLE catalog_books_g1`), 12, "and both generations are fed")
	require.Len(t, s.rows(`TABLE catalog_books_g2`), 12)

	_, err = rebuild.Accept(t.Context(), s.pool, b.ID)
	require.NoError(t, err)
	s.await(b.ID, rebuild.Switched)
	require.Equal(t, int64(2), s.answering())
	require.Len(t, s.rows(`SELECT FROM books WHERE description = 'QUOTES " '' AND NULL'`), 5)
	outdated, err = p.Outdated(t.Context())
	require.NoError(t, err)
	require.Empty(t, outdated)
}

func TestWhatDiffersIsStreamedInFull(t *testing.T) {
	t.Parallel()
	s, p := givenOutdated(t, variant{loud: true})
	s.log.add(t, books(400)[10:]...)
	s.awaitLive("catalog")
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Differs)
	require.Less(t, len(b.Verification.Tables[0].Samples), 134)
	var differing []compare.Row
	require.NoError(t, p.Diff(t.Context(), b.ID, func(r compare.Row) error {
		differing = append(differing, r)
		return nil
	}))
	require.Len(t, differing, 134, "all of 1, 4, 7 ... 400")
	require.Equal(t, map[string]string{"id": "400"}, differing[133].Key)
	require.Equal(t, "description", differing[133].Fields[0].Field)

	err := p.Diff(t.Context(), b.ID, func(compare.Row) error { return errTest })
	require.ErrorIs(t, err, errTest)
}

func TestWhatDiffersIsCancelled(t *testing.T) {
	t.Parallel()
	s, p := givenOutdated(t, variant{loud: true})
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Differs)
	s.wish(b.ID, rebuild.Cancel)
	s.await(b.ID, rebuild.Cancelled)
	s.requireGone(2)
	s.log.add(t, created(11))
	s.awaitLive("catalog")
	require.Len(t, s.rows(`TABLE books`), 11, "the live consumer goes on with what is left")
	require.ErrorIs(t, p.Diff(t.Context(), b.ID, func(compare.Row) error { return nil }), rebuild.ErrNothingToCompare)
}

func TestDifferencesAreAcceptedInAdvance(t *testing.T) {
	t.Parallel()
	s, p := givenOutdated(t, variant{loud: true})
	b := s.await(s.begin(p, "catalog", rebuild.Request{AcceptDiff: true}).ID, rebuild.Switched)
	require.Equal(t, int64(4), b.Verification.Differences)
	for _, phase := range b.Phases {
		require.NotEqual(t, rebuild.Differs, phase.Phase)
	}
	require.Equal(t, int64(2), s.answering())
}

// A column that is new is no difference: nobody asks for it yet. Once there, it
// stays, so that programs which ask for it find it also after a rollback.
func TestAVersionWithANewColumn(t *testing.T) {
	t.Parallel()
	s, p := givenOutdated(t, variant{column: "pages"})
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switched)
	require.True(t, b.Verification.Equal())
	require.Equal(t, []string{"pages"}, b.Verification.Tables[0].Added)
	require.Len(t, s.rows(`SELECT FROM books WHERE pages = 7`), 10)

	require.NoError(t, p.Rollback(t.Context(), "catalog"))
	require.Equal(t, int64(1), s.answering())
	require.Len(t, s.rows(`SELECT FROM books WHERE pages IS NULL`), 10)
	require.NoError(t, p.Rollback(t.Context(), "catalog"))
	require.Len(t, s.rows(`SELECT FROM books WHERE pages = 7`), 10)
}

func TestAVersionWhoseCodeIsGone(t *testing.T) {
	t.Parallel()
	s, old := givenCatalog(t, books(10)...)
	old.stop()
	next := variant{version: current + 1}
	s.live.stop()
	s.log.add(t, created(11), updated(3, 2))
	consumer := s.startLive(next)
	p := s.startProgram(next)
	var unknown *projection.UnknownVersionError
	s.eventually(func() bool {
		faults := consumer.Faults()
		return len(faults) > 0 && errors.As(faults[0], &unknown)
	}, "the live consumer to halt")
	require.Equal(t, projection.UnknownVersionError{Projection: "catalog", Generation: 1, Version: current}, *unknown)
	require.Len(t, s.rows(`TABLE books`), 10, "queries are answered from what is there")
	before := s.position("catalog")

	release := s.hold(rebuild.Switching)
	b := s.await(s.begin(p, "catalog", rebuild.Request{}).ID, rebuild.Switching)
	require.True(t, b.Verification.Equal())
	require.Equal(t, before, s.position("catalog"), "the new generation is where the old one stands")
	require.Len(t, s.rows(`TABLE catalog_books_g2`), 10)
	release()
	s.await(b.ID, rebuild.Switched)
	s.awaitLive("catalog")
	require.Empty(t, consumer.Faults())
	require.Len(t, s.rows(`TABLE books`), 11, "and the live consumer goes on to the end of the log")
	require.Equal(t, []string{fmt.Sprintf("(1,%d,retired,f)", current), fmt.Sprintf("(2,%d,active,t)", current+1)}, s.generations("catalog"))
	require.ErrorIs(t, p.Rollback(t.Context(), "catalog"), rebuild.ErrNothingToRollBackTo)
}
