package verify_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection"
	"bookstore/internal/searchkey"
	"bookstore/internal/verify"
)

// search is one that was answered.
type search struct {
	query, reader string
	after         time.Duration // since began
	offset        int
	books         []int64
}

// publish puts searches on their topic.
func (w *world) publish(searches ...search) {
	w.t.Helper()
	var encoded []events.Encoded
	for _, s := range searches {
		w.searched++
		served := events.SearchServed{
			ID: fmt.Sprintf("search-%d", w.searched), At: began.Add(s.after), Query: s.query, UserID: s.reader,
			Offset: s.offset, PageSize: 5, Generation: 1, Position: "1",
		}
		for _, id := range s.books {
			served.Books = append(served.Books, events.ServedBook{ID: id, Title: "A title", Author: "An author"})
		}
		e, err := events.EncodeSearch(served)
		require.NoError(w.t, err)
		encoded = append(encoded, e)
	}
	w.appendTo(w.searches, encoded...)
}

// open puts openings on their topic.
func (w *world) open(books ...int64) {
	w.t.Helper()
	var encoded []events.Encoded
	for i, book := range books {
		e, err := events.EncodeOpened(events.BookOpened{ID: fmt.Sprintf("opening-%d", i), At: began, Book: book, UserID: "ann"})
		require.NoError(w.t, err)
		encoded = append(encoded, e)
	}
	w.appendTo(w.opens, encoded...)
}

func (w *world) appendTo(topic topic, messages ...events.Encoded) {
	w.t.Helper()
	_, err := messaging.Writer{Publisher: w.publisher, Topic: topic.name}.Append(w.t.Context(), messages)
	require.NoError(w.t, err)
}

// The keys of what searchedWorld has.
var (
	mobyDick = keyOf("moby dick")
	emma     = keyOf("emma")
	whale    = keyOf("whale")
	ann      = searchkey.Reader("ann").String()
	bob      = searchkey.Reader("bob").String()
	nobody   = searchkey.Nobody.String()
)

func keyOf(query string) string {
	key, _ := searchkey.Query(query)
	return key.String()
}

// searchedWorld is a populated world with searches and openings, all counted:
//
//   - moby dick: 5 times by 3 readers, typed in three ways, in two slots;
//   - emma: once by ann, who got nothing;
//   - whale: once by bob, who got more books than interests keep, and once by ann, who
//     only asked for a later page;
//   - a search for nothing, which is none but for the books that it was served;
//   - books 1, 1 and 2 opened.
func searchedWorld(t *testing.T) *world {
	t.Helper()
	w := populated(t)
	w.publish(
		search{"Moby Dick", "ann", 0, 0, []int64{1, 2}},
		search{"moby  dick", "ann", 7 * time.Minute, 0, []int64{2, 1, 3}},
		search{"MOBY DICK", "bob", time.Minute, 0, []int64{1}},
		search{"Moby Dick", "", 2 * time.Minute, 0, []int64{1}},
		search{"Moby Dick", "ann", 3 * time.Minute, 5, []int64{7}},
		search{"Emma", "ann", 0, 0, nil},
		search{"whale", "bob", 0, 0, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		search{"whale", "ann", 0, 5, []int64{13}},
		search{"?!", "ann", 0, 0, []int64{99}},
	)
	w.open(1, 1, 2)
	w.project()
	return w
}

func TestNothingDiffersInWhatIsSearchedAndOpened(t *testing.T) {
	t.Parallel()
	report, differences := searchedWorld(t).verify()

	require.Empty(t, differences)
	require.EqualValues(t, 9, report.Searches)
	require.EqualValues(t, 3, report.Opens)
	for _, model := range []struct {
		verify.ReadModel
		rows int64
	}{
		{report.Served, 14},
		{report.Opened, 2},
		// 3 queries; 3, 1 and 2 readers; moby dick in 2 slots, the others in one; 3, 1 and 1 forms.
		{report.Trends, 3 + 6 + 4 + 5},
		{report.Interests, 4},
	} {
		require.Equal(t, []int64{model.rows, model.rows, 0, 0}, []int64{model.Expected, model.Found, model.Behind, model.Differences})
		require.Empty(t, model.NotCompared)
		require.NotEmpty(t, model.Position)
	}
}

// Many searches, of few queries by few readers at few moments, counted in batches of
// any size: what can be newest at the same moment, is.
func TestNothingDiffersInManySearches(t *testing.T) {
	t.Parallel()
	w := populated(t)
	random := rand.New(rand.NewPCG(5, 7))
	forms := []string{"Moby Dick", "moby dick", " MOBY   dick ", "Möby Dick", "emma", "Emma", "白鯨", "!", "whale ship", "'; --"}
	readers := []string{"", "ann", "bob", "eve"}
	for range 12 {
		var searches []search
		for range 1 + random.IntN(100) {
			s := search{
				query: forms[random.IntN(len(forms))], reader: readers[random.IntN(len(readers))],
				after: time.Duration(random.IntN(40)-20) * time.Minute, offset: 5 * (random.IntN(3) / 2),
			}
			for range random.IntN(14) {
				s.books = append(s.books, 1+random.Int64N(20))
			}
			searches = append(searches, s)
		}
		w.publish(searches...)
		w.open(1+random.Int64N(5), 1+random.Int64N(5))
		w.project()
	}
	report, differences := w.verify()
	require.Empty(t, differences)
	require.Greater(t, report.Trends.Found, int64(50))
	require.Greater(t, report.Interests.Found, int64(10))
	require.EqualValues(t, w.searched, report.Searches)
}

func TestTheSameSearchAgainCountsTwiceInBoth(t *testing.T) {
	t.Parallel()
	w := searchedWorld(t)
	var again []events.Encoded
	for _, r := range w.searches.records(t) {
		again = append(again, events.Encoded{Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	w.appendTo(w.searches, again...)
	w.project()
	_, differences := w.verify()
	require.Empty(t, differences)
}

func TestInsightsAreComparedWhereTheyStand(t *testing.T) {
	t.Parallel()
	w := searchedWorld(t)
	w.publish(search{"Moby Dick", "eve", time.Hour, 0, []int64{5}}, search{"ulysses", "eve", time.Hour, 0, []int64{5}})
	w.open(7)
	w.count(projection.Trends{}, nil)
	report, differences := w.verify()

	require.Empty(t, differences)
	require.Equal(t, []int64{2, 0, 2, 1}, []int64{report.Served.Behind, report.Trends.Behind, report.Interests.Behind, report.Opened.Behind})
	require.EqualValues(t, 18+1+2+2+1, report.Trends.Found)
	require.EqualValues(t, 4, report.Interests.Found)
}

func TestEachKindOfDifferenceInInsightsIsReported(t *testing.T) {
	t.Parallel()
	trends := func(query, reader, slot, form, field, log, model string) verify.Difference {
		return verify.Difference{Where: verify.InTrends, Query: query, Reader: reader, Slot: slot, Form: form, Field: field, Log: log, Model: model}
	}
	interests := func(query, reader, field, log, model string) verify.Difference {
		return verify.Difference{Where: verify.InInterests, Query: query, Reader: reader, Field: field, Log: log, Model: model}
	}
	book := func(where string, book int64, field, log, model string) verify.Difference {
		return verify.Difference{Where: where, Book: book, Field: field, Log: log, Model: model}
	}
	const absent, other = "(absent)", "11111111-1111-8111-8111-111111111111"
	const first, second = "2024-04-10T07:00:00Z", "2024-04-10T07:05:00Z" // slots
	for name, test := range map[string]struct {
		plant []string
		want  []verify.Difference
	}{
		"counts of books that are wrong, lost or made up": {
			plant: []string{
				`UPDATE served_books_g1 SET times = times + 1 WHERE book_id = 2`,
				`DELETE FROM served_books_g1 WHERE book_id = 99`,
				`INSERT INTO served_books_g1 (book_id, times) VALUES (500, 9)`,
				`UPDATE opened_books_g1 SET times = 3 WHERE book_id = 1`,
				`DELETE FROM opened_books_g1 WHERE book_id = 2`,
				`INSERT INTO opened_books_g1 (book_id, times) VALUES (3, 1)`,
			},
			want: []verify.Difference{
				book(verify.InServed, 2, "times", "3", "4"), book(verify.InServed, 2, "level", "2", "3"),
				book(verify.InServed, 99, "book", "times 1, level 1", absent),
				book(verify.InServed, 500, "book", absent, "times 9, level 4"),
				book(verify.InOpened, 1, "times", "2", "3"),
				book(verify.InOpened, 2, "book", "times 1, level 1", absent),
				book(verify.InOpened, 3, "book", absent, "times 1, level 1"),
			},
		},
		"a level that is not its count's": {
			plant: []string{
				`ALTER TABLE opened_books_g1 ALTER COLUMN level DROP EXPRESSION; UPDATE opened_books_g1 SET level = 5 WHERE book_id = 1`,
			},
			want: []verify.Difference{book(verify.InOpened, 1, "level", "2", "5")},
		},
		"each field of a query": {
			plant: []string{`UPDATE trends_queries_g1 SET searches = 50, anonymous = 10, readers = 30, first_at = first_at - interval '1 microsecond',
				books_at = books_at + interval '1 microsecond', books_partition = 77, books_offset = 78, books = '{1,2,3}' WHERE query = '` + mobyDick + `'`},
			want: []verify.Difference{
				trends(mobyDick, "", "", "", "searches", "5", "50"),
				trends(mobyDick, "", "", "", "anonymous", "1", "10"),
				trends(mobyDick, "", "", "", "readers", "3", "30"),
				trends(mobyDick, "", "", "", "first_at", "2024-04-10T07:01:51.123456Z", "2024-04-10T07:01:51.123455Z"),
				trends(mobyDick, "", "", "", "books_at", "2024-04-10T07:08:51.123456Z", "2024-04-10T07:08:51.123457Z"),
				trends(mobyDick, "", "", "", "books_partition", "*", "77"),
				trends(mobyDick, "", "", "", "books_offset", "*", "78"),
				trends(mobyDick, "", "", "", "books", "[2 1 3]", "[1 2 3]"),
			},
		},
		"latest books of which nothing is known": {
			plant: []string{
				`UPDATE trends_queries_g1 SET books_at = NULL, books_partition = NULL, books_offset = NULL, books = '{}' WHERE query = '` + whale + `'`,
				`UPDATE trends_queries_g1 SET books = '{4}' WHERE query = '` + emma + `'`,
			},
			want: []verify.Difference{
				trends(whale, "", "", "", "books_at", "2024-04-10T07:01:51.123456Z", absent),
				trends(whale, "", "", "", "books_partition", "*", "-1"),
				trends(whale, "", "", "", "books_offset", "*", "-1"),
				trends(whale, "", "", "", "books", "[1 2 3 4 5 6 7 8 9 10 11 12]", "[]"),
				trends(emma, "", "", "", "books", "[]", "[4]"),
			},
		},
		"queries that are lost or made up": {
			plant: []string{
				`DELETE FROM trends_queries_g1 WHERE query = '` + emma + `'`,
				`INSERT INTO trends_queries_g1 (query, searches, anonymous, readers, first_at) VALUES ('` + other + `', 4, 2, 3, '2024-04-10T07:00:00Z')`,
			},
			want: []verify.Difference{
				trends(emma, "", "", "", "query", "*", absent),
				trends(other, "", "", "", "query", absent, "searches 4, anonymous 2, readers 3, first_at 2024-04-10T07:00:00.000000Z, books_at (absent), books_partition -1, books_offset -1"),
			},
		},
		"readers of queries that are wrong, lost or made up": {
			plant: []string{
				`UPDATE trends_readers_g1 SET searches = 4, last_at = last_at + interval '1 second' WHERE query = '` + mobyDick + `' AND reader = '` + ann + `'`,
				`DELETE FROM trends_readers_g1 WHERE reader = '` + nobody + `'`,
				`INSERT INTO trends_readers_g1 SELECT '` + emma + `', reader, 2, '2024-04-10T07:00:00Z' FROM trends_readers_g1 WHERE query = '` + whale + `' AND reader = '` + bob + `'`,
			},
			want: []verify.Difference{
				trends(mobyDick, ann, "", "", "searches", "3", "4"),
				trends(mobyDick, ann, "", "", "last_at", "2024-04-10T07:08:51.123456Z", "2024-04-10T07:08:52.123456Z"),
				trends(mobyDick, nobody, "", "", "reader", "searches 1, last_at 2024-04-10T07:03:51.123456Z", absent),
				trends(emma, bob, "", "", "reader", absent, "searches 2, last_at 2024-04-10T07:00:00.000000Z"),
			},
		},
		"slots that are wrong, lost or made up": {
			plant: []string{
				`UPDATE trends_slots_g1 SET searches = 9, anonymous = 0 WHERE query = '` + mobyDick + `' AND slot = '` + first + `'`,
				`DELETE FROM trends_slots_g1 WHERE query = '` + mobyDick + `' AND slot = '` + second + `'`,
				`INSERT INTO trends_slots_g1 VALUES ('2024-04-10T07:00:00.5Z', '` + emma + `', 1, 1)`,
			},
			want: []verify.Difference{
				trends(mobyDick, "", first, "", "searches", "4", "9"),
				trends(mobyDick, "", first, "", "anonymous", "1", "0"),
				trends(mobyDick, "", second, "", "slot", "searches 1, anonymous 0", absent),
				trends(emma, "", "2024-04-10T07:00:00.5Z", "", "slot", absent, "searches 1, anonymous 1"),
			},
		},
		"forms that are wrong, lost or made up": {
			plant: []string{
				`UPDATE trends_forms_g1 SET searches = 4 WHERE query = '` + mobyDick + `' AND form = 'Moby Dick'`,
				`DELETE FROM trends_forms_g1 WHERE form IN ('moby dick', 'Emma')`,
				`INSERT INTO trends_forms_g1 VALUES ('` + emma + `', 'EMMA', 1)`,
			},
			want: []verify.Difference{
				trends(mobyDick, "", "", "Moby Dick", "searches", "3", "4"),
				trends(mobyDick, "", "", "moby dick", "form", "searches 1", absent),
				trends(emma, "", "", "Emma", "form", "searches 1", absent),
				trends(emma, "", "", "EMMA", "form", absent, "searches 1"),
			},
		},
		"each field of an interest": {
			plant: []string{`UPDATE interests_searches_g1 SET times = 3, last_at = last_at - interval '1 second', last_partition = 77, last_offset = 78,
				books = '{}' WHERE query = '` + whale + `'`},
			want: []verify.Difference{
				interests(whale, bob, "times", "1", "3"),
				interests(whale, bob, "last_at", "2024-04-10T07:01:51.123456Z", "2024-04-10T07:01:50.123456Z"),
				interests(whale, bob, "last_partition", "*", "77"),
				interests(whale, bob, "last_offset", "*", "78"),
				interests(whale, bob, "books", "[1 2 3 4 5 6 7 8 9 10]", "[]"),
			},
		},
		"interests that are lost or made up": {
			plant: []string{
				`DELETE FROM interests_searches_g1 WHERE query = '` + emma + `'`,
				`INSERT INTO interests_searches_g1 VALUES ('` + nobody + `', '` + mobyDick + `', 1, '2024-04-10T07:00:00Z', 0, 0, '{1}')`,
			},
			want: []verify.Difference{
				interests(emma, ann, "search", "*", absent),
				interests(mobyDick, nobody, "search", absent, "times 1, last_at 2024-04-10T07:00:00.000000Z, last_partition 0, last_offset 0"),
			},
		},
		"positions beyond the topics": {
			plant: []string{
				`UPDATE checkpoints SET next_offset = 100 WHERE consumer = 'trends' AND partition = 1`,
				`UPDATE checkpoints SET next_offset = 200 WHERE consumer = 'opened' AND partition = 0`,
			},
			want: []verify.Difference{
				trends("", "", "", "", "position in partition 1", "*", "100"),
				{Where: verify.InOpened, Field: "position in partition 0", Log: "*", Model: "200"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := searchedWorld(t)
			for _, sql := range test.plant {
				w.exec(sql)
			}
			report, found := w.verify()
			for i, d := range found {
				require.NotEqual(t, d.Log, d.Model)
				for _, want := range test.want { // where it depends on where records lie
					if want.Log == "*" {
						if want.Log = d.Log; want == d {
							found[i].Log = "*"
						}
					}
				}
			}
			require.ElementsMatch(t, test.want, found)
			byModel := map[string]int64{
				verify.InServed: report.Served.Differences, verify.InOpened: report.Opened.Differences,
				verify.InTrends: report.Trends.Differences, verify.InInterests: report.Interests.Differences,
			}
			for _, d := range test.want {
				byModel[d.Where]--
			}
			for model, left := range byModel {
				require.Zero(t, left, model)
			}
		})
	}
}

// What can't be read, and what a bug has made poison, is named one by one and missing
// in what the log is taken to give.
func TestParkedSearchesAndOpeningsAreLeftOut(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.publish(search{"whale", "ann", 0, 0, []int64{1}}, search{"whale", "ann", time.Minute, 0, []int64{2}})
	bad := events.Encoded{Key: []byte("whale:ann"), Value: []byte("{")}
	w.appendTo(w.searches, bad, bad)
	w.appendTo(w.opens, bad)
	w.open(1)
	poison := w.searches.records(t)[1].Position()
	w.count(projection.Served(), nil)
	w.count(projection.Opened(), nil)
	w.count(projection.Trends{}, []events.Position{poison})
	w.count(projection.Interests{}, []events.Position{poison})

	report, differences := w.verify()
	var named []string
	for _, d := range differences {
		require.Equal(t, verify.FieldParked, d.Field)
		require.Regexp(t, `^1 (search|opening), at \d\.\d, of key "whale:ann"$`, d.Log)
		named = append(named, d.Where)
	}
	require.ElementsMatch(t, []string{"served", "served", "trends", "trends", "trends", "interests", "interests", "interests", "opened"}, named)
	require.Equal(t, verify.Parked{Searches: 3, Opens: 1}, report.Parked)
	require.Zero(t, report.Differences)
	require.False(t, report.Equal())
	require.EqualValues(t, 1, report.Interests.Found)

	// One that is applied and parked still, one that is neither.
	w.exec(`UPDATE trends_queries_g1 SET searches = 2`)
	w.exec(fmt.Sprintf(`DELETE FROM parked_records WHERE consumer = 'interests' AND record_offset = %d AND partition = %d`, poison.Offset, poison.Partition))
	report, differences = w.verify()
	require.EqualValues(t, 1, report.Trends.Differences)
	require.NotZero(t, report.Interests.Differences)
	require.Contains(t, differences, verify.Difference{Where: verify.InTrends, Query: whale, Field: "searches", Log: "1", Model: "2"})
	require.Contains(t, differences, verify.Difference{Where: verify.InInterests, Query: whale, Reader: ann, Field: "times", Log: "2", Model: "1"})
}

// A record that a read model has come past without a word is a difference, and one
// that it has not come to is none.
func TestASearchThatCantBeReadAndIsNotParked(t *testing.T) {
	t.Parallel()
	w := searchedWorld(t)
	w.appendTo(w.searches, events.Encoded{Key: []byte("whale"), Value: []byte("{")})
	_, differences := w.verify()
	require.Empty(t, differences)

	w.project()
	w.exec(`DELETE FROM parked_records WHERE consumer = 'trends'`)
	report, differences := w.verify()
	require.EqualValues(t, 1, report.Differences)
	require.Len(t, differences, 3)
	for _, d := range differences {
		if d.Field != verify.FieldParked {
			require.Equal(t, verify.InTrends, d.Where)
			require.Regexp(t, `^record \d\.\d$`, d.Field)
			require.Equal(t, "neither parked nor discarded", d.Model)
		}
	}
}

func TestDiscardedSearchesAreLeftOut(t *testing.T) {
	t.Parallel()
	w := searchedWorld(t)
	w.publish(search{"whale", "ann", time.Minute, 0, []int64{2}})
	poison := w.lastSearch()
	for _, p := range insights() {
		w.count(p, []events.Position{poison})
	}
	w.exec(`UPDATE parked_records SET discarded_at = now()`)
	report, differences := w.verify()
	require.Empty(t, differences)
	require.True(t, report.Equal())
	require.EqualValues(t, 1, report.Discarded, "once, though three read models do without it")

	// By another generation, before there was this one: it was never applied.
	w.exec(`UPDATE parked_records SET generation = 7, discarded_at = now() - interval '1 day'`)
	_, differences = w.verify()
	require.Empty(t, differences)
	// After: this one would have parked it, had it not applied it.
	w.exec(`UPDATE parked_records SET discarded_at = now()`)
	_, differences = w.verify()
	require.NotEmpty(t, differences)
}

// lastSearch is where the search that was published last lies.
func (w *world) lastSearch() events.Position {
	w.t.Helper()
	for _, r := range w.searches.records(w.t) {
		if r.Header(events.HeaderID) == fmt.Sprintf("search-%d", w.searched) {
			return r.Position()
		}
	}
	require.Fail(w.t, "there is no such search")
	return events.Position{}
}

// What was deleted because it is old can't be compared, which is no difference; what
// is made of another topic can.
func TestATopicWhoseBeginningWasDeletedIsNotCompared(t *testing.T) {
	t.Parallel()
	w := searchedWorld(t)
	first := w.searches.records(t)[0].Position()
	w.searches.deleteUpTo(t, first)
	w.exec(`UPDATE trends_queries_g1 SET searches = 50`)
	w.exec(`UPDATE opened_books_g1 SET times = 9 WHERE book_id = 1`)
	report, differences := w.verify()

	why := fmt.Sprintf("partition %d of searches begins at offset %d: the records before it were deleted", first.Partition, first.Offset+1)
	for _, model := range []verify.ReadModel{report.Served, report.Trends, report.Interests} {
		require.Equal(t, why, model.NotCompared)
		require.Zero(t, model.Found)
		require.NotEmpty(t, model.Position)
	}
	require.Empty(t, report.Opened.NotCompared)
	require.Len(t, differences, 2)
	require.Equal(t, verify.InOpened, differences[0].Where)
}

// during is a topic in the middle of whose reading something happens.
type during struct {
	topic
	happens func()
}

func (d during) Read(ctx context.Context, to events.Offsets, fn func(events.Record) error) error {
	d.happens()
	return d.topic.Read(ctx, to, fn)
}

func TestWhatIsDeletedDuringAVerificationIsNotCompared(t *testing.T) {
	t.Parallel()
	w := searchedWorld(t)
	first := w.searches.records(t)[0].Position()
	report, err := verify.Run(t.Context(), verify.Config{
		Pool: w.pool, Log: w.log, Opens: w.opens,
		Searches: during{w.searches, func() { w.searches.deleteUpTo(t, first) }},
		Differs:  func(d verify.Difference) { require.Fail(t, "a difference", "%+v", d) },
	})
	require.NoError(t, err)
	require.NotEmpty(t, report.Served.NotCompared)
	require.NotEmpty(t, report.Interests.NotCompared)
	require.True(t, report.Equal())
}

// A switch goes ahead while topics are read, also of a read model that was compared
// already; and one that was not compared yet is not compared with the wrong tables,
// though these look empty.
func TestAReadModelIsSwitchedDuringAVerification(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		switched    projection.Projection
		whileEvents bool // are read, else searches
		err         error
	}{
		"compared already":    {projection.Catalog{}, false, nil},
		"catalog":             {projection.Catalog{}, true, verify.ErrSwitched},
		"history":             {projection.History{}, true, verify.ErrSwitched},
		"trends":              {projection.Trends{}, false, verify.ErrSwitched},
		"interests, long ago": {projection.Interests{}, true, verify.ErrSwitched},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := searchedWorld(t)
			cfg := verify.Config{
				Pool: w.pool, Log: w.log, Searches: w.searches, Opens: w.opens,
				Differs: func(d verify.Difference) { require.Fail(t, "a difference", "%+v", d) },
			}
			if happens := func() { w.switchOver(c.switched) }; c.whileEvents {
				cfg.Log = during{w.log, happens}
			} else {
				cfg.Searches = during{w.searches, happens}
			}
			_, err := verify.Run(t.Context(), cfg)
			require.ErrorIs(t, err, c.err)
		})
	}
}

// switchOver makes another, empty generation the active one, without waiting for
// anybody.
func (w *world) switchOver(p projection.Projection) {
	w.t.Helper()
	require.NoError(w.t, pgx.BeginFunc(w.t.Context(), w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), `SET LOCAL lock_timeout = '1s'`); err != nil {
			return err
		}
		if err := projection.LockGenerations(w.t.Context(), tx); err != nil {
			return err
		}
		generation, err := projection.CreateGeneration(w.t.Context(), tx, p)
		if err != nil {
			return err
		}
		return projection.Activate(w.t.Context(), tx, p, generation)
	}))
}
