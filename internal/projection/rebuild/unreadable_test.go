package rebuild_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

// A read model that the program's queries can't read is as good as none: a start waits
// for another, whoever made the first is left with what it shows, and the live consumer
// goes on behind what was built.
func TestInstallReplacesWhatQueriesCannotRead(t *testing.T) {
	t.Parallel()
	s := newStore(t, books(10)...)
	older := s.startProgram(variant{version: current})
	require.NoError(t, older.Install(t.Context()))
	require.Len(t, s.rows(`TABLE books`), 10)

	goOn := s.log.stall()
	config := s.config(variant{version: current + 1})
	config.Readable = func(_ string, version int) bool { return version > current }
	newer, err := rebuild.New(config)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); newer.Run(ctx, "catalog") }()
	t.Cleanup(func() { stop(); <-ran })
	installed := make(chan error, 1)
	go func() { installed <- newer.Install(context.Background()) }()
	s.eventually(func() bool { return len(s.rows(`TABLE rebuilds`)) == 2 }, "a rebuild")
	s.awaitThat(2, "begun", func(b rebuild.Rebuild) bool { return b.Owner != "" })
	require.Equal(t, []string{
		fmt.Sprintf("(1,%d,retired,f)", current), fmt.Sprintf("(2,%d,building,f)", current+1),
	}, s.generations("catalog"))
	require.Len(t, s.rows(`TABLE books`), 10, "for processes of the older program")
	require.Empty(t, installed)
	goOn()
	require.NoError(t, <-installed)
	s.await(2, rebuild.Switched)
	s.eventually(func() bool { return len(s.generations("catalog")) == 1 }, "what nobody can go back to is dropped")
	require.Equal(t, []string{fmt.Sprintf("(2,%d,active,t)", current+1)}, s.generations("catalog"))
	require.NoError(t, newer.Install(t.Context()), "and that was all")

	s.startLive(variant{version: current + 1})
	s.log.add(t, created(11))
	s.awaitLive(projection.Catalog{}.Name())
	require.Len(t, s.rows(`TABLE books`), 11)
}
