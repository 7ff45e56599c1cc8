package rebuild_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

func TestInstallOnAnEmptyLog(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	p, err := rebuild.New(s.config(projection.Catalog{}, projection.History{}))
	require.NoError(t, err)
	for range 2 { // needs nobody who carries rebuilds out, and can be done again
		require.NoError(t, p.Install(t.Context()))
	}
	require.Equal(t, []string{fmt.Sprintf("(1,%d,active,t)", current)}, s.generations("catalog"))
	require.Equal(t, []string{"(1,1,active,t)"}, s.generations("history"))
	require.Empty(t, s.rows(`TABLE rebuilds`))
	outdated, err := p.Outdated(t.Context())
	require.NoError(t, err)
	require.Empty(t, outdated)
}

// On a full log the first generation is built like any other, and nobody can read it
// before it is whole.
func TestInstallOnALogWithEvents(t *testing.T) {
	t.Parallel()
	s := newStore(t, books(10)...)
	s.log.put(garbage(11), 11)
	goOn := s.log.stall()
	programs := []*program{s.startProgram(projection.Catalog{}), s.startProgram(projection.Catalog{})}
	installed := make(chan error, len(programs))
	for _, p := range programs {
		go func() { installed <- p.Install(context.Background()) }()
	}
	s.eventually(func() bool { return len(s.rows(`TABLE rebuilds`)) == 1 }, "one rebuild")
	b := s.awaitThat(1, "begun", func(b rebuild.Rebuild) bool { return b.Owner != "" })
	require.Nil(t, b.Replaces)
	require.Equal(t, []string{fmt.Sprintf("(1,%d,building,f)", current)}, s.generations("catalog"))
	require.Equal(t, []string{"(,)"}, s.rows(`SELECT to_regclass('books'), to_regclass('catalog_generation')`), "there is nothing to query")
	require.Empty(t, installed)
	goOn()
	for range programs {
		require.NoError(t, <-installed)
	}
	b = s.await(b.ID, rebuild.Switched)
	require.Nil(t, b.Verification, "there was nothing to compare with")
	require.Len(t, s.rows(`TABLE books`), 10)
	require.Len(t, s.parked(1), 1)
	require.Equal(t, s.log.end(), s.position("catalog"), "the live consumer begins behind it")
	require.Empty(t, s.rows(`TABLE checkpoints EXCEPT SELECT * FROM checkpoints WHERE consumer = 'catalog'`))

	s.startLive(projection.Catalog{})
	s.log.add(t, created(12))
	s.awaitLive("catalog")
	require.Len(t, s.rows(`TABLE books`), 11)
}

// A first generation that can't be built is no reason to wait for ever.
func TestInstallSaysWhyTheFirstGenerationCannotBeBuilt(t *testing.T) {
	t.Parallel()
	s := newStore(t, books(3)...)
	p := s.startProgram(variant{version: current, index: `CREATE UNIQUE INDEX %s ON catalog_books_g%d (author)`})
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	err := p.Install(ctx)
	require.ErrorIs(t, err, rebuild.ErrNotBuilt)
	require.NoError(t, ctx.Err())
	s.requireGone(1)

	// The program that can starts anew.
	p.stop()
	require.NoError(t, s.startProgram(projection.Catalog{}).Install(ctx))
	require.Len(t, s.rows(`TABLE books`), 3)
}
