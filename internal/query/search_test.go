package query_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/events"
	"bookstore/internal/query"
	"bookstore/internal/web"
)

func ids(found query.Result) []int64 {
	all := make([]int64, len(found.Books))
	for i, b := range found.Books {
		all[i] = b.ID
	}
	return all
}

func TestSearchFindsAndRanks(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(
		book(1, "The Making of Dune", "Ed Naha", "How the film came about."),
		book(2, "Dune Messiah", "Frank Herbert", "The second book."),
		book(3, "Dune", "Frank Herbert", "Sand, spice and a prophecy nobody asked for."),
		book(4, "Sandunes", "Somebody Else", "Nothing here."),
		book(5, "L'Étranger", "Albert Camus", "Un homme, une plage."),
		book(6, "Война и мир", "Лев Толстой", "Роман."),
		book(7, "红楼梦", "曹雪芹", "石头记"),
		book(8, "The Third Policeman", "Flann O’Brien", "Bicycles, and dune grass."),
		book(9, "J R", "William Gaddis", "Money."),
		book(10, "100% Wool_", `Quote "the" Raven`, `Back\slash`),
		book(11, "Cien años de soledad", "Gabriel García Márquez", "Macondo."),
		book(12, "1984", "George Orwell", "Big Brother."),
		book(13, "ノルウェイの森", "村上 春樹", ""),
	)
	for q, want := range map[string][]int64{
		"dune":                      {3, 2, 1, 8, 4}, // exact, prefix, title, description, part of a word
		"DUNE  ":                    {3, 2, 1, 8, 4},
		"dune mess":                 {2},
		"herbert dune":              {3, 2},
		"dune naha":                 {1},
		"erber":                     {3, 2},       // a part of an author's name
		"andune":                    {4},          // a part of a title's word
		"dunes":                     {3, 2, 1, 4}, // mistyped, or a part; of titles and authors only
		"prophe":                    {3},          // the last word may be a beginning
		"rophecy":                   nil,          // parts of words are found in title and author only
		"prophe dune":               nil,          // only the last word may
		"etranger":                  {5},          // l' is a part of the word, and this a part of that
		"l’etranger":                {5},
		"войн":                      {6},
		"ТОЛСТОЙ":                   {6},
		"красная война":             nil,
		"红楼梦":                       {7},
		"红楼":                        {7}, // too short for a part, long enough for a beginning
		"ノルウェイ":                     {13},
		"ﾉﾙｳｪｲの森":                   {13}, // half as wide
		"村上春樹":                      nil,  // without spaces it is another word
		"obrien":                    {8},
		"o'brien":                   {8},
		"O’Brien":                   {8},
		"garcia marquez":            {11},
		"García  Márquez":           {11},
		"marquez cien anos":         {11},
		"1984":                      {12},
		"j r":                       {9},
		"ga":                        {11, 9},
		"ad":                        nil, // too short for a part
		"100%":                      {10},
		"wool_":                     {10},
		`"the" raven`:               {10},
		`back\slash`:                {10},
		"%":                         nil, // no letter to look for
		`'"\_!?`:                    nil,
		"' OR 1=1 --":               nil,
		"d:* | !x & (y)":            nil, // no syntax either
		strings.Repeat("abc ", 125): nil,
		strings.Repeat("x", 500):    nil,
	} {
		found, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: q, Limit: 10})
		require.NoError(t, err, q)
		require.Equal(t, append([]int64{}, want...), ids(found), "%q", q)
		require.NotNil(t, found.Books)
		require.False(t, found.Partial)
		require.Equal(t, query.Snapshot{Generation: 1, Offsets: events.Offsets{0, 0, 13}}, found.Snapshot)
	}
}

// Each tier beats the next, however popular the books of that are.
func TestTiers(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(
		book(1, "The Left Hand", "Nobody", ""),
		book(2, "The Left Hand of Darkness", "Nobody", ""),
		book(3, "Hand, Left; the Other Way Round", "Nobody", ""),
		book(4, "The Hand", "Left Andhand", ""),
		book(5, "Gloves", "Nobody", "For the hand that is left."),
		book(6, "The Lest Hand", "Nobody", ""),
		book(7, "The Leftover Hand", "Nobody", ""),
	)
	for id := range int64(7) {
		m.open(slices.Repeat([]int64{id + 1}, 1<<id)...)
	}
	m.requireFound(map[string][]int64{
		"the left hand":             {1, 2, 3, 4, 5, 6, 7},
		"the left han":              {2, 1, 3, 4, 5, 6, 7}, // none is the whole title: both begin so
		`"the left hand"`:           {1, 2},
		"the left hand of":          {2},
		"left hand title:the":       {3, 2, 1, 4, 6, 7}, // not a title's beginning
		"title:the title:left hand": {1, 2, 3, 6, 7},
	})
}

func TestTiesAreBrokenByPopularityAndThenByAge(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	for id := range int64(8) {
		m.publish(book(id+1, "Dune", "Frank Herbert", ""))
	}
	m.requireFound(map[string][]int64{"dune": {8, 7, 6, 5, 4, 3, 2, 1}})
	m.serve(1, 2, 3)
	m.serve(2, 3)
	m.requireFound(map[string][]int64{"dune": {3, 2, 1, 8, 7, 6, 5, 4}})
	m.serve(3) // three times are no more than two
	m.requireFound(map[string][]int64{"dune": {3, 2, 1, 8, 7, 6, 5, 4}})
	m.serve(2)
	m.serve(2)
	m.requireFound(map[string][]int64{"dune": {2, 3, 1, 8, 7, 6, 5, 4}})
	m.open(5, 4, 1) // counts for more than any number of searches
	m.requireFound(map[string][]int64{"dune": {1, 5, 4, 2, 3, 8, 7, 6}})
	m.open(4, 99) // 99 is no book
	m.requireFound(map[string][]int64{"dune": {4, 1, 5, 2, 3, 8, 7, 6}})
}

// Catalogues name the series in brackets: it helps and does not hurt.
func TestSeriesInBrackets(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(
		book(1, "The Hunger Games (The Hunger Games, #1)", "Suzanne Collins", ""),
		book(2, "Catching Fire (The Hunger Games, #2)", "Suzanne Collins", ""),
		book(3, "The Hunger Games: Official Illustrated Movie Companion", "Kate Egan", ""),
		book(4, "The World of the Hunger Games (Hunger Games Trilogy)", "Kate Egan", ""),
		book(5, "(Un)arranged Marriage", "Bali Rai", ""),
	)
	m.requireFound(map[string][]int64{
		"the hunger games":                        {1, 3, 4, 2},
		"The Hunger Games (The Hunger Games, #1)": {1},
		"the hunger games #1":                     {1},
		"the hunger games #2":                     {2},
		"catching fire":                           {2},
		"hunger games trilogy":                    {4},
		"un arranged marriage":                    {5},
	})
	found, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: `"the hunger games"`, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []int64{1}, ids(found), "exact without its bracket")
}

func TestBooksComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	first := book(1, "Dune", "Frank Herbert", `"Sand" & <spice>`)
	m.publish(first)
	want := web.Book{
		ID: 1, Version: 1, Title: "Dune", Author: "Frank Herbert", PublishedAt: "1965",
		Description: `"Sand" & <spice>`, CreatedAt: dayOne, UpdatedAt: dayOne,
	}
	read := func() []web.Book {
		found, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: "dune", Limit: 1})
		require.NoError(t, err)
		listed, err := m.catalog.List(t.Context(), 0, 1)
		require.NoError(t, err)
		one, _, err := m.catalog.Get(t.Context(), 1)
		require.NoError(t, err)
		return append(append(found.Books, listed.Books...), one)
	}
	require.Equal(t, []web.Book{want, want, want}, read())

	want.Version, want.PublishedAt, want.UpdatedAt = 2, "-0750-02", dayOne.Add(time.Hour)
	m.publish(events.BookUpdated{
		ID: 1, Version: 2, UpdatedAt: want.UpdatedAt,
		Details: events.Details{Title: want.Title, Author: want.Author, PublishedAt: want.PublishedAt, Description: want.Description},
	})
	require.Equal(t, []web.Book{want, want, want}, read())

	m.publish(events.BookDeleted{ID: 1, Version: 3, DeletedAt: dayOne.Add(2 * time.Hour)})
	_, snapshot, err := m.catalog.Get(t.Context(), 1)
	require.ErrorIs(t, err, query.ErrNotFound)
	require.Equal(t, events.Token{{Partition: partition, Offset: 2}}, snapshot.Token())
}

func TestAnEmptyReadModelSaysWhereItStands(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	page, err := m.catalog.List(t.Context(), 0, 5)
	require.NoError(t, err)
	require.Equal(t, query.Page{Books: []web.Book{}, Snapshot: query.Snapshot{Generation: 1}}, page)
	require.Empty(t, page.Token().String())
}

func TestPagesNeitherRepeatNorLeaveOut(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	var all []events.Event
	for id := int64(1); id <= 23; id++ { // in all tiers, and all equal within one
		all = append(all, book(id, []string{"Dune", "Dune again", "About dune", "Sandunes"}[id%4], "", ""))
	}
	m.publish(all...)
	m.open(slices.Repeat([]int64{3, 4, 8, 8, 12, 13}, 3)...)
	whole, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: "dune", Limit: 100})
	require.NoError(t, err)
	require.Len(t, whole.Books, 23)
	require.False(t, whole.More)

	for size := 1; size <= 24; size++ {
		var pages []web.Book
		for more := true; more; {
			page, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: "dune", Offset: len(pages), Limit: size})
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Books), size)
			pages, more = append(pages, page.Books...), page.More
		}
		require.Equal(t, whole.Books, pages, "pages of %d", size)
	}
}

// library publishes n books of a few hundred common words, each with one that no
// other has.
func library(m *readModel, n int) {
	const batch = 1000
	word := func(i int) string { return fmt.Sprintf("w%cx%cy", 'a'+i%26, 'a'+i/26%26) }
	for from := 1; from <= n; from += batch {
		var all []events.Event
		for id := from; id < from+batch && id <= n; id++ {
			all = append(all, book(int64(id),
				fmt.Sprintf("%s %s title%05dx", word(id), word(id*7), id), fmt.Sprintf("%s author%05dx", word(id*13), id),
				strings.Join([]string{word(id * 17), word(id * 19), word(id * 23), fmt.Sprintf("about%05dx", id)}, " ")))
		}
		m.publish(all...)
	}
	// As an engine that has nothing to do, and PostgreSQL itself after a minute.
	_, err := m.pool.Exec(m.t.Context(), `VACUUM ANALYZE catalog_books_g1, catalog_words_g1`)
	require.NoError(m.t, err)
}

// While the views are switched between two generations again and again, each
// answer is wholly of one of them, and nobody deadlocks.
func TestASwitchIsAtomic(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(book(1, "Dune one", "", ""))
	tx, err := m.pool.Begin(t.Context())
	require.NoError(t, err)
	for _, p := range installed {
		require.NoError(t, p.Create(t.Context(), tx, 2))
	}
	require.NoError(t, tx.Commit(t.Context()))
	m.publishTo(2, book(1, "Dune two", "", ""), book(2, "Dune two", "", ""))
	level := events.Offsets{0, 0, 3} // the position is that of both

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers errgroup.Group
	for range 3 {
		readers.Go(func() error {
			for ctx.Err() == nil {
				page, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: "dune", Limit: 5})
				if err != nil {
					return err
				}
				if len(page.Books) != int(page.Generation) || !slices.Equal(page.Offsets, level) {
					return fmt.Errorf("generation %d at %s has %d books", page.Generation, page.Offsets, len(page.Books))
				}
			}
			return nil
		})
	}
	for i := range int64(100) {
		require.NoError(t, m.activate(t.Context(), 1+i%2))
	}
	stop()
	require.NoError(t, readers.Wait())
}

// A query that has to wait for a lock stands for any that takes long.
func TestASlowQueryIsGivenUp(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(book(1, "Dune", "", ""))
	impatient := &query.Catalog{Pool: m.pool, Timeout: 50 * time.Millisecond}
	search := func() error {
		_, err := impatient.Search(t.Context(), query.SearchRequest{Query: "dune", Limit: 5})
		return err
	}
	require.NoError(t, search())

	tx, err := m.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), `LOCK TABLE catalog_books_g1`)
	require.NoError(t, err)
	require.ErrorIs(t, search(), query.ErrTooSlow)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, search())

	// The limit was the query's, not the connection's.
	var left string
	require.NoError(t, m.pool.QueryRow(t.Context(), `SHOW statement_timeout`).Scan(&left))
	require.Equal(t, "0", left)
}

func BenchmarkSearch(b *testing.B) {
	m := newReadModel(b)
	library(m, 10_000)
	for name, q := range map[string]string{"rare": "title00042x", "part": "itle00042", "two words": "author00042x title00042x", "common": "waxay", "every book": "title"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := m.catalog.Search(b.Context(), query.SearchRequest{Query: q, Limit: 5})
				require.NoError(b, err)
			}
		})
	}
}
