package rebuild_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/projection/rebuild"
)

// served is a search that was answered with books, as it lies in the log.
func served(t require.TestingT, query string, books ...int64) events.Record {
	s := events.SearchServed{ID: "s", At: dayOne, Query: query, UserID: "ada", PageSize: 5, Generation: 1, Position: "0:1"}
	for _, id := range books {
		s.Books = append(s.Books, events.ServedBook{ID: id, Title: "Moby-Dick"})
	}
	encoded, err := events.EncodeSearch(s)
	require.NoError(t, err)
	return events.Record{Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}
}

// opened says that somebody opened a book, as it lies in the log.
func opened(t require.TestingT, book int64) events.Record {
	encoded, err := events.EncodeOpened(events.BookOpened{ID: "o", At: dayOne, Book: book})
	require.NoError(t, err)
	return events.Record{Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}
}

// Whatever is searched, opened, interrupted and rebuilt: each book has been counted as
// often as it is in the log, and what can't be read holds nothing up.
func TestAnySearchesAndOpensAreCountedOnce(t *testing.T) {
	t.Parallel()
	pool := newStore(t).pool
	rapid.Check(t, func(t *rapid.T) {
		tally := rapid.SampledFrom([]projection.Tally{projection.Served(), projection.Opened()}).Draw(t, "tally")
		times := map[int64]int64{}
		poison := 0
		r := newRound(t, pool, tally)
		book := rapid.Int64Range(1, 20)
		r.more = func() {
			partition := rapid.Int64Range(0, 2).Draw(t, "partition")
			switch {
			case rapid.IntRange(0, 9).Draw(t, "garbage") == 0:
				poison++
				r.log.put(garbage(1984), partition) // its key looks like a book's
			case tally.Source() == projection.Opens:
				id := book.Draw(t, "book")
				times[id]++
				r.log.put(opened(t, id), partition)
			default:
				ids := rapid.SliceOfN(book, 0, 5).Draw(t, "books")
				for _, id := range ids {
					times[id]++
				}
				r.log.put(served(t, "1984", ids...), partition)
			}
		}
		r.play()

		require.Equal(t, times, r.times(tally))
		active, err := projection.ActiveGeneration(t.Context(), pool, tally.Name())
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprintf("(%d,%d,)", poison, poison)}, r.rows(`
			SELECT count(*), count(*) FILTER (WHERE poison), max(book_id) FROM parked_records WHERE generation = $1`, active))
	})
}

// times is what queries see of a tally, by book; it checks the levels.
func (s *store) times(tally projection.Tally) map[int64]int64 {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), `SELECT book_id, times, level FROM `+tally.Name()+`_books`)
	require.NoError(s.t, err)
	found := map[int64]int64{}
	var id, times int64
	var level int
	_, err = pgx.ForEachRow(rows, []any{&id, &times, &level}, func() error {
		found[id] = times
		require.Len(s.t, strconv.FormatInt(times, 2), level, "the binary digits of %d", times)
		return nil
	})
	require.NoError(s.t, err)
	return found
}

// givenServed returns a store with some searches in three partitions, all counted.
func givenServed(t *testing.T) (*store, *program) {
	t.Helper()
	s := newStore(t)
	p := s.startProgram(projection.Served())
	require.NoError(t, p.Install(t.Context()))
	s.startLive(projection.Served())
	for i := range int64(30) {
		s.log.put(served(t, "whale", 1, 2+i%3), i)
	}
	s.awaitLive("served")
	return s, p
}

// What was searched may be kept for a while only. A rebuild counts what is left, and
// says what is lost; that is the operator's to accept.
func TestARebuildOfWhatIsLeftSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	s, p := givenServed(t)
	s.log.forget(0, 4)
	s.log.forget(1, 10) // all of it
	estimate, err := p.Estimate(t.Context(), "served")
	require.NoError(t, err)
	require.EqualValues(t, 16, estimate.Events)

	b := s.await(s.begin(p, "served", rebuild.Request{}).ID, rebuild.Differs)
	report, err := json.Marshal(b.Verification)
	require.NoError(t, err)
	require.Equal(t, int64(3), b.Verification.Differences, "of book 1, which all found, and those of two partitions: %s", report)
	require.EqualValues(t, 30, s.times(projection.Served())[1])
	_, err = rebuild.Accept(t.Context(), s.pool, b.ID)
	require.NoError(t, err)
	s.await(b.ID, rebuild.Switched)
	require.Equal(t, map[int64]int64{1: 16, 2: 6, 4: 10}, s.times(projection.Served()))

	s.log.put(served(t, "whale", 3), 1)
	s.awaitLive("served")
	require.EqualValues(t, 1, s.times(projection.Served())[3], "the live consumer goes on where it was")
}

// On a log that has forgotten its beginning a first generation begins with what is left,
// and the live consumer behind it, also in a partition of which nothing is left.
func TestInstallOnALogThatForgets(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for i := range int64(30) {
		s.log.put(served(t, "whale", 1), i)
	}
	s.log.forget(0, 4)
	s.log.forget(1, 10)
	require.NoError(t, s.startProgram(projection.Served()).Install(t.Context()))
	require.Equal(t, map[int64]int64{1: 16}, s.times(projection.Served()))
	require.Equal(t, s.log.end(), s.position("served"))
}

// A process carries out what falls to its roles, and leaves the rest to others.
func TestARebuildWaitsForAProcessThatBuildsIt(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	all := []projection.Projection{projection.Catalog{}, projection.Served()}
	r, err := rebuild.New(s.config(all...))
	require.NoError(t, err)
	require.NoError(t, r.Install(t.Context()))
	s.run(func(ctx context.Context) { r.Run(ctx, "catalog") })
	served, err := r.Start(t.Context(), "served", rebuild.Request{})
	require.NoError(t, err)
	catalog, err := r.Start(t.Context(), "catalog", rebuild.Request{})
	require.NoError(t, err)
	s.await(catalog.ID, rebuild.Switched)
	waiting, err := rebuild.Get(t.Context(), s.pool, served.ID)
	require.NoError(t, err)
	require.Empty(t, waiting.Owner)

	s.startProgram(projection.Served())
	s.await(served.ID, rebuild.Switched)
}

// A retry of a record that stands by itself asks nothing of others of its key.
func TestOfWhatStandsByItselfOneIsParkedAlone(t *testing.T) {
	t.Parallel()
	s, _ := givenServed(t)
	before := s.times(projection.Served())[1]
	bad := served(t, "1984")
	bad.Value = []byte("{")
	s.log.put(bad, 0)
	s.log.put(served(t, "1984", 1), 0)
	s.awaitLive("served")
	require.Equal(t, before+1, s.times(projection.Served())[1], "what came behind it is counted")
	found, err := parked.List(t.Context(), s.pool, parked.Filter{Consumer: "served", Limit: 10})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.True(t, found[0].Poison)
	require.Zero(t, found[0].Book, "a search for 1984 is not about book 1984")
	require.Equal(t, bad.Key, found[0].Key)
}
