package verify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
	"bookstore/internal/verify"
)

func TestNothingDiffersWhereNothingDoes(t *testing.T) {
	t.Parallel()
	report, differences := populated(t).verify()

	require.Empty(t, differences)
	require.EqualValues(t, 6, report.Events)
	require.EqualValues(t, 1, report.Rejections)
	require.Zero(t, report.Duplicates)
	require.EqualValues(t, 6, report.Decisions)
	require.Equal(t, []int64{2, 2, 0}, []int64{report.Catalog.Expected, report.Catalog.Found, report.Catalog.Behind})
	require.Equal(t, []int64{5, 5, 0}, []int64{report.History.Expected, report.History.Found, report.History.Behind})
}

func TestAReadModelThatIsBehindIsComparedWhereItStands(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.do(
		events.UpdateBook{ID: 2, Details: details("Dracula, again")},
		events.DeleteBook{ID: 1},
		events.CreateBook{ID: 4, Details: details("Ulysses")},
	)
	report, differences := w.verify()

	require.Empty(t, differences)
	require.EqualValues(t, 3, report.Catalog.Behind)
	require.EqualValues(t, 2, report.Catalog.Expected)
	require.EqualValues(t, 5, report.History.Expected)
}

func TestTheSameEventAgainIsADuplicateAndNoDifference(t *testing.T) {
	t.Parallel()
	w := populated(t)
	var again []events.Encoded
	for _, r := range w.records() {
		again = append(again, events.Encoded{Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	w.append(again...)
	w.project()
	report, differences := w.verify()

	require.Empty(t, differences)
	require.EqualValues(t, 12, report.Events)
	require.EqualValues(t, 6, report.Duplicates)
}

func TestADecisionThatWaitsInTheOutboxIsNoDifference(t *testing.T) {
	t.Parallel()
	w := populated(t)
	// Not published yet, and published but not noted.
	w.exec(`INSERT INTO decisions (command_id, command_type, command_hash, partition, command_offset, book_id, version, deleted, decided_at)
		VALUES ('waiting', 't', 'h', 0, 1000, 500, 1, false, now())`)
	w.exec(`UPDATE decisions SET event_partition = NULL, event_offset = NULL WHERE book_id = 2`)
	report, differences := w.verify()

	require.Empty(t, differences)
	require.EqualValues(t, 2, report.Unpublished)
}

func TestADatabaseWithoutAReadModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := verify.Run(t.Context(), verify.Config{Pool: w.pool, Log: w.log, Searches: w.searches, Opens: w.opens, Differs: func(verify.Difference) {}})
	require.ErrorIs(t, err, verify.ErrNoReadModel)
}

// where is what a difference is about.
type where struct {
	in            string
	book, version int64
	field         string
}

func TestEachKindOfDifferenceIsReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plant func(*world)
		want  func(*world) []where
	}{
		"a field of a book": {
			plant: func(w *world) {
				w.exec(`UPDATE catalog_books_g1 SET title = 'Emma?', updated_at = updated_at + interval '1 microsecond' WHERE id = 1`)
			},
			want: is(where{verify.InCatalog, 1, 0, "title"}, where{verify.InCatalog, 1, 0, "updated_at"}),
		},
		"an ISBN that is wrong, lost or made up": {
			plant: func(w *world) {
				w.do(
					events.CreateBook{ID: 4, Details: withISBN("9783161484100")},
					events.CreateBook{ID: 5, Details: withISBN("9780306406157")},
				)
				w.project()
				w.exec(`UPDATE catalog_books_g1 SET isbn = CASE id WHEN 4 THEN '9780306406157' WHEN 5 THEN '' ELSE '9783161484100' END WHERE id IN (1, 4, 5)`)
				w.exec(`UPDATE history_entries_g1 SET details = details - 'isbn' WHERE book_id = 5`)
			},
			want: is(
				where{verify.InCatalog, 1, 0, "isbn"}, where{verify.InCatalog, 4, 0, "isbn"}, where{verify.InCatalog, 5, 0, "isbn"},
				where{verify.InHistory, 5, 1, "isbn"},
			),
		},
		"a book that is missing": {
			plant: func(w *world) { w.exec(`DELETE FROM catalog_books_g1 WHERE id = 2`) },
			want:  is(where{verify.InCatalog, 2, 0, "book"}),
		},
		"books that nobody created, or that were deleted": {
			plant: func(w *world) {
				w.exec(`INSERT INTO catalog_books_g1 SELECT unnest(ARRAY[3, 77]), version, title, author, published_at, description,
					isbn, created_at, updated_at, lexemes FROM catalog_books_g1 WHERE id = 1`)
			},
			want: is(where{verify.InCatalog, 3, 0, "book"}, where{verify.InCatalog, 77, 0, "book"}),
		},
		"a field of the history": {
			plant: func(w *world) {
				w.exec(`UPDATE history_entries_g1 SET actor = 'somebody', details = details || '{"title": "?"}' WHERE book_id = 1 AND version = 2`)
			},
			want: is(where{verify.InHistory, 1, 2, "actor"}, where{verify.InHistory, 1, 2, "title"}),
		},
		"an entry of the history that is missing": {
			plant: func(w *world) {
				w.exec(`DELETE FROM history_entries_g1 WHERE (book_id, version) IN ((1, 1), (2, 1))`)
			},
			want: is(where{verify.InHistory, 1, 1, "entry"}, where{verify.InHistory, 2, 1, "entry"}),
		},
		"entries of the history that should not be": {
			plant: func(w *world) {
				w.exec(`INSERT INTO history_entries_g1 SELECT unnest(ARRAY[2, 77]), 2, type, at, actor, command_id, correlation_id, details
					FROM history_entries_g1 WHERE book_id = 1 AND version = 2`)
			},
			want: is(where{verify.InHistory, 2, 2, "entry"}, where{verify.InHistory, 77, 2, "entry"}),
		},
		"an event without its decision": {
			plant: func(w *world) { w.exec(`DELETE FROM decisions WHERE book_id IN (2, 99)`) },
			want:  is(where{verify.InDecisions, 2, 1, "decision"}, where{verify.InDecisions, 99, 0, "decision"}),
		},
		"a published decision without its event": {
			plant: func(w *world) {
				w.exec(`INSERT INTO decisions SELECT 'lost', command_type, command_hash, partition, 1000, 500, 1, NULL, deleted,
					created_at, decided_at, NULL, NULL, 0, 0 FROM decisions WHERE book_id = 2`)
			},
			want: is(where{verify.InDecisions, 500, 1, "event"}),
		},
		"a decision that says otherwise than its event": {
			plant: func(w *world) {
				w.exec(`UPDATE decisions SET version = 5, command_hash = 'x' WHERE book_id = 2`)
			},
			want: is(where{verify.InDecisions, 2, 5, "version"}, where{verify.InDecisions, 2, 5, "command_hash"}),
		},
		"a rejection that became a change": {
			plant: func(w *world) { w.exec(`UPDATE decisions SET rejection = NULL WHERE book_id = 99`) },
			want:  is(where{verify.InDecisions, 99, 0, "outcome"}),
		},
		"an event that lies elsewhere": {
			plant: func(w *world) {
				w.exec(`UPDATE decisions SET event_offset = event_offset + 1 WHERE book_id = 2`)
			},
			want: is(where{verify.InDecisions, 2, 1, "event position"}),
		},
		"a version that the log skips": {
			plant: func(w *world) {
				w.append(w.forged(events.BookUpdated{ID: 2, Version: 4, Details: details("Dracula 4"), UpdatedAt: began}))
			},
			want: is(where{verify.InLog, 2, 4, "version"}, where{verify.InDecisions, 2, 4, "decision"}),
		},
		"an event after a book's end": {
			plant: func(w *world) {
				w.append(w.forged(events.BookUpdated{ID: 3, Version: 3, Details: details("Walden 3"), UpdatedAt: began}))
			},
			want: is(where{verify.InLog, 3, 3, "version"}, where{verify.InDecisions, 3, 3, "decision"}),
		},
		"another event under the same version": {
			plant: func(w *world) {
				w.append(w.forged(events.BookCreated{ID: 2, Version: 1, Details: details("Not Dracula"), CreatedAt: began}))
			},
			want: is(where{verify.InLog, 2, 1, "event"}, where{verify.InDecisions, 2, 1, "decision"}),
		},
		"a record that can't be read": {
			plant: func(w *world) { w.append(events.Encoded{Key: []byte("1"), Value: []byte("{")}) },
			want: func(w *world) []where {
				partition := w.partitionOf(1)
				_, end, err := w.log.Watermarks(w.t.Context())
				require.NoError(w.t, err)
				return []where{{verify.InLog, 0, 0, fmt.Sprintf("record %d.%d", partition, end[partition]-1)}}
			},
		},
		"a read model that is ahead of the log": {
			plant: func(w *world) {
				w.exec(`UPDATE checkpoints SET next_offset = next_offset + 100 WHERE consumer = 'catalog' AND partition = 1`)
			},
			want: is(where{verify.InCatalog, 0, 0, "position in partition 1"}),
		},
		"a log whose beginning was deleted": {
			plant: func(w *world) { w.deleteBeginning() },
			want: is(
				where{verify.InLog, 0, 0, "partition 2"},
				where{verify.InLog, 3, 2, "version"},
				where{verify.InCatalog, 2, 0, "book"},
				where{verify.InHistory, 2, 1, "entry"}, where{verify.InHistory, 3, 1, "entry"}, where{verify.InHistory, 3, 2, "entry"},
				where{verify.InDecisions, 2, 1, "event"}, where{verify.InDecisions, 3, 1, "event"},
			),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := populated(t)
			test.plant(w)
			_, differences := w.verify()

			found := []where{}
			for _, d := range differences {
				found = append(found, where{d.Where, d.Book, d.Version, d.Field})
				require.NotEqual(t, d.Log, d.Model)
			}
			require.ElementsMatch(t, test.want(w), found)
		})
	}
}

func is(want ...where) func(*world) []where {
	return func(*world) []where { return want }
}

func withISBN(isbn string) events.Details {
	d := details("Of a number")
	d.ISBN = isbn
	return d
}

// deleteBeginning deletes the first event of book 3 and what lies before it in
// partition 2: the only event of book 2.
func (w *world) deleteBeginning() {
	w.t.Helper()
	for _, r := range w.records() {
		if string(r.Key) == "3" && r.Header(events.HeaderType) == events.TypeBookCreated {
			w.log.deleteUpTo(w.t, r.Position())
		}
	}
}

// deleteUpTo deletes what lies in a partition up to a position, and there, as
// retention does.
func (l topic) deleteUpTo(t *testing.T, last events.Position) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(l.cfg.Brokers...))
	require.NoError(t, err)
	defer client.Close()
	var offsets kadm.Offsets
	offsets.AddOffset(l.name, last.Partition, last.Offset+1, -1)
	answers, err := kadm.NewClient(client).DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	require.NoError(t, answers.Error())
}
