package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

func TestCommandHashTellsRequestsApart(t *testing.T) {
	t.Parallel()
	d := events.Details{Title: "a", Author: "b", PublishedAt: "1813", Description: "c"}
	different := []events.Command{
		events.CreateBook{ID: 1, Details: d},
		events.CreateBook{ID: 1},
		events.CreateBook{Details: events.Details{Title: "ab", PublishedAt: "1813", Description: "c"}}, // not by joining
		events.CreateBook{Details: events.Details{Title: `a" "b`, PublishedAt: "1813", Description: "c"}},
		events.CreateBook{Details: events.Details{Title: "b", Author: "a", PublishedAt: "1813", Description: "c"}},
		events.UpdateBook{ID: 1, Details: d},
		events.UpdateBook{ID: 2, Details: d},
		events.UpdateBook{ID: 1, Details: d, IfMatch: []int64{1}},
		events.UpdateBook{ID: 1, Details: d, IfMatch: []int64{12}},
		events.UpdateBook{ID: 1, Details: d, IfMatch: []int64{1, 2}},
		events.DeleteBook{ID: 1},
		events.DeleteBook{ID: 2},
		events.DeleteBook{ID: 1, IfMatch: []int64{1}},
	}
	seen := map[string]events.Command{}
	for _, c := range different {
		hash := events.CommandHash(c)
		require.Len(t, hash, 32)
		require.NotContains(t, seen, hash, "%+v and %+v", c, seen[hash])
		seen[hash] = c
	}
}

func TestCommandHashOfTheSameRequestIsTheSame(t *testing.T) {
	t.Parallel()
	d := events.Details{Title: "a"}
	for _, same := range [][2]events.Command{
		{events.CreateBook{ID: 1, Details: d}, events.CreateBook{ID: 2, Details: d}}, // each try draws an id
		{events.UpdateBook{ID: 1, Details: d}, events.UpdateBook{ID: 1, Details: d, IfMatch: []int64{}}},
		{events.DeleteBook{ID: 1}, events.DeleteBook{ID: 1, IfMatch: []int64{}}},
	} {
		require.Equal(t, events.CommandHash(same[0]), events.CommandHash(same[1]), "%+v", same)
	}
}

// Hashes are kept with commands, in the log as well: they must not change.
func TestCommandHashIsPinned(t *testing.T) {
	t.Parallel()
	require.Equal(t, "7cde829eb0b710db48e28e13df296fed", events.CommandHash(events.CreateBook{ID: 42, Details: details}))
	require.Equal(t, "6c597e4aab75c4e4b07db40b973c7acc", events.CommandHash(events.UpdateBook{ID: 42, Details: details, IfMatch: []int64{1, 3}}))
	require.Equal(t, "83b60769b349ea6500179b703f2c1251", events.CommandHash(events.DeleteBook{ID: 42, IfMatch: []int64{2}}))
}
