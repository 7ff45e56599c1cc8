package events_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
)

func TestCommandHashTellsRequestsApart(t *testing.T) {
	t.Parallel()
	d := events.Details{Title: "a", Author: "b", PublishedAt: "1813", Description: "c"}
	different := []events.Command{
		events.CreateBook{ID: 1, Details: d},
		events.CreateBook{ID: 1},
		events.CreateBook{ID: 1, Details: withISBN(d, "9780306406157")},
		events.CreateBook{ID: 1, Details: withISBN(d, "9783161484100")},
		events.CreateBook{Details: events.Details{Title: "a", Author: "b", PublishedAt: "1813", Description: `c"} isbn "9780306406157`}},
		events.UpdateBook{ID: 1, Details: withISBN(d, "9780306406157")},
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

// The details were hashed as fmt writes a struct when they were these four; what
// they hash to must not depend on what has become of the struct since.
func TestCommandHashOfDetailsWithoutISBNIsWhatItWasBeforeThereWasOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := anyDetails().Draw(t, "details")
		d.ISBN = ""
		before := struct{ Title, Author, PublishedAt, Description string }{d.Title, d.Author, d.PublishedAt, d.Description}
		for _, command := range []struct {
			is     events.Command
			hashed string
		}{
			{events.CreateBook{ID: 7, Details: d}, fmt.Sprintf("%s\n%q", events.TypeCreateBook, before)},
			{events.UpdateBook{ID: 7, Details: d, IfMatch: []int64{2}}, fmt.Sprintf("%s\n7\n%q\n[2]", events.TypeUpdateBook, before)},
		} {
			sum := sha256.Sum256([]byte(command.hashed))
			require.Equal(t, hex.EncodeToString(sum[:16]), events.CommandHash(command.is))
		}
	})
}

// Hashes are kept with commands, in the log as well: they must not change.
func TestCommandHashIsPinned(t *testing.T) {
	t.Parallel()
	require.Equal(t, "7cde829eb0b710db48e28e13df296fed", events.CommandHash(events.CreateBook{ID: 42, Details: details}))
	require.Equal(t, "6c597e4aab75c4e4b07db40b973c7acc", events.CommandHash(events.UpdateBook{ID: 42, Details: details, IfMatch: []int64{1, 3}}))
	require.Equal(t, "c1f2151f37cadb2b31eac51195afc797", events.CommandHash(events.CreateBook{ID: 42, Details: withISBN(details, "9780140447934")}))
	require.Equal(t, "35b9e2059378072def8b0eb41b4ede76", events.CommandHash(events.UpdateBook{ID: 42, Details: withISBN(details, "9780140447934"), IfMatch: []int64{1, 3}}))
	require.Equal(t, "83b60769b349ea6500179b703f2c1251", events.CommandHash(events.DeleteBook{ID: 42, IfMatch: []int64{2}}))
}
