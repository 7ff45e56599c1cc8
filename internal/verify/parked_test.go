package verify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/verify"
)

// withParked is a world like populated, in which book 2's creation and book 1's
// second version of three are poison.
func withParked(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.do(
		events.CreateBook{ID: 1, Details: details("Emma")},
		events.CreateBook{ID: 2, Details: details("Dracula")},
		events.CreateBook{ID: 3, Details: details("Walden")},
		events.UpdateBook{ID: 1, Details: details("Emma, revised")},
		events.UpdateBook{ID: 1, Details: details("Emma, revised again")},
	)
	w.projectBut([]events.Position{w.positionOf("2", 0), w.positionOf("1", 1)})
	return w
}

// positionOf returns where the i-th record of a key is.
func (w *world) positionOf(key string, i int) events.Position {
	w.t.Helper()
	for _, r := range w.records() {
		if string(r.Key) == key {
			if i == 0 {
				return r.Position()
			}
			i--
		}
	}
	require.Fail(w.t, "no such record")
	return events.Position{}
}

func fieldsOf(differences []verify.Difference) []where {
	found := []where{}
	for _, d := range differences {
		found = append(found, where{d.Where, d.Book, d.Version, d.Field})
	}
	return found
}

var bothParked = []where{
	{verify.InCatalog, 1, 0, verify.FieldParked}, {verify.InCatalog, 2, 0, verify.FieldParked},
	{verify.InHistory, 1, 0, verify.FieldParked}, {verify.InHistory, 2, 0, verify.FieldParked},
}

func TestParkedIsNeitherEqualNorDifferent(t *testing.T) {
	t.Parallel()
	w := withParked(t)
	report, differences := w.verify()
	require.ElementsMatch(t, bothParked, fieldsOf(differences))
	require.Zero(t, report.Differences)
	require.Equal(t, verify.Parked{Books: 2, Events: 3}, report.Parked)
	require.False(t, report.Equal())
	require.Equal(t, []int64{2, 2}, []int64{report.Catalog.Expected, report.Catalog.Found})
	for _, d := range differences {
		first, events := w.positionOf("2", 0), "1 event, at %s"
		if d.Book == 1 {
			first, events = w.positionOf("1", 1), "2 events, the first at %s"
		}
		require.Equal(t, fmt.Sprintf(events, first), d.Log)
		require.Regexp(t, `^parked since \d{4}-\d\d-\d\dT[\d:]+Z: planted$`, d.Model)
	}

	// The fix, and the retry of all.
	w.exec(`DELETE FROM parked_records`)
	w.project()
	report, differences = w.verify()
	require.Empty(t, differences)
	require.True(t, report.Equal())
}

func TestAParkedBookIsComparedAsItWasBefore(t *testing.T) {
	t.Parallel()
	w := withParked(t)
	w.exec(`UPDATE catalog_books_g1 SET title = 'Emma, revised again' WHERE id = 1`)
	w.exec(`DELETE FROM history_entries_g1 WHERE book_id = 1`)
	w.exec(`INSERT INTO catalog_books_g1 SELECT 2, version, title, author, published_at, description,
		isbn, created_at, updated_at, lexemes FROM catalog_books_g1 WHERE id = 1`)
	report, differences := w.verify()
	require.ElementsMatch(t, append([]where{
		{verify.InCatalog, 1, 0, "title"}, {verify.InHistory, 1, 1, "entry"}, {verify.InCatalog, 2, 0, "book"},
	}, bothParked...), fieldsOf(differences))
	require.EqualValues(t, 3, report.Differences)
}

func TestOnlyWhatWaitsInTheActiveGenerationIsParked(t *testing.T) {
	t.Parallel()
	w := withParked(t)
	w.exec(`UPDATE parked_records SET generation = 2 WHERE consumer = 'history'`)
	w.exec(`UPDATE parked_records SET discarded_at = now() WHERE consumer = 'catalog' AND book_id = 2`)
	report, differences := w.verify()
	require.ElementsMatch(t, []where{
		{verify.InCatalog, 1, 0, verify.FieldParked}, {verify.InCatalog, 2, 0, "book"},
		{verify.InHistory, 1, 2, "entry"}, {verify.InHistory, 1, 3, "entry"}, {verify.InHistory, 2, 1, "entry"},
	}, fieldsOf(differences))
	require.Equal(t, verify.Parked{Books: 1, Events: 2}, report.Parked)
	require.EqualValues(t, 4, report.Differences)
}

// TestWhatCantBeReadIsNamedOnce: the record, the version that it leaves out and the
// decision whose event it is are one matter, which is parked.
func TestWhatCantBeReadIsNamedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(
		events.CreateBook{ID: 1, Details: details("Emma")},
		events.UpdateBook{ID: 1, Details: details("Emma, revised")},
	)
	w.append(events.Encoded{Key: events.BookKey(1), Value: []byte("{")})
	poison := w.positionOf("1", 2)
	w.exec(fmt.Sprintf(`
		INSERT INTO decisions (command_id, command_type, command_hash, partition, command_offset, book_id, version, deleted, created_at,
			decided_at, event_partition, event_offset)
		VALUES ('unreadable', 't', 'h', 0, 1000, 1, 3, false, now(), now(), %d, %d)`, poison.Partition, poison.Offset))
	w.do(events.UpdateBook{ID: 1, Details: details("Emma, revised again")})
	w.projectBut([]events.Position{poison})

	report, differences := w.verify()
	require.ElementsMatch(t, []where{
		{verify.InCatalog, 1, 0, verify.FieldParked}, {verify.InHistory, 1, 0, verify.FieldParked},
	}, fieldsOf(differences))
	require.Equal(t, verify.Parked{Books: 1, Events: 2}, report.Parked)

	// Given up, what it leaves out shows.
	w.exec(`UPDATE parked_records SET discarded_at = now()`)
	report, differences = w.verify()
	require.ElementsMatch(t, []where{
		{verify.InLog, 1, 4, "version"}, {verify.InDecisions, 1, 3, "event"},
	}, fieldsOf(differences))
	require.False(t, report.Equal())
	require.EqualValues(t, 1, report.Discarded)
}

// What was never an event of ours, and was given up, is no difference.
func TestDiscardedGarbageIsNoDifference(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.append(events.Encoded{Key: []byte("emma"), Value: []byte("{")})
	w.projectBut([]events.Position{w.positionOf("emma", 0)})
	w.exec(`UPDATE parked_records SET discarded_at = now()`)
	report, differences := w.verify()
	require.Empty(t, differences)
	require.EqualValues(t, 1, report.Discarded)
	require.True(t, report.Equal())
}

func TestAKeyThatIsNoBooksIsNamed(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.append(events.Encoded{Key: []byte("emma"), Value: []byte("{")})
	w.projectBut([]events.Position{w.positionOf("emma", 0)})
	_, differences := w.verify()
	require.ElementsMatch(t, []where{
		{verify.InCatalog, 0, 0, verify.FieldParked}, {verify.InHistory, 0, 0, verify.FieldParked},
	}, fieldsOf(differences))
	require.Contains(t, differences[0].Log, `of key "emma"`)
}
