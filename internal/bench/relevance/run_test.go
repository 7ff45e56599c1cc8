package relevance

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/isbn"
)

const columns = "book_id,title,authors,original_publication_year,isbn\n"

const goodbooks = columns + `1,"The Hollow Sea (The Tide Singers, #1)","M.R. Calloway, Ana Brühl",2008,439023483
2,"The Hollow Crown (The Tide Singers, #2)",M.R. Calloway,2010,080442957X
3,The Theory of Small Rivers,Ötzi van der Meer,1999,
4,Songs of the Márgo Marsh,Anonymous,-720,306406152
5,A Guide to the Sea,Joe Park Jr.,,306406153
6,Selected Poems,Joe Park Jr.,1950,9791090636071
7,Selected Poems,Ana Brühl,1951,
8,Война и мир,Лев Толстой,1869,
`

func readBooks(t *testing.T, text string) []Book {
	t.Helper()
	books, err := ReadBooks(strings.NewReader(text))
	require.NoError(t, err)
	return books
}

func TestReadBooks(t *testing.T) {
	t.Parallel()
	books := readBooks(t, goodbooks)
	require.Len(t, books, 8)
	require.Equal(t, int64(3), books[2].ID)
	require.Equal(t, "The Theory of Small Rivers", books[2].Title)

	for i, isbn := range []string{"9780439023481", "9780804429573", "", "9780306406157", "", "9791090636071"} {
		require.Equal(t, isbn, books[i].ISBN, "zeros in front come back, and what is no ISBN is left out")
	}
	without := readBooks(t, "title,authors,original_publication_year\nEmma,Jane Austen,1815\n")
	require.Empty(t, without[0].ISBN)

	_, err := ReadBooks(strings.NewReader("title,authors\n"))
	require.ErrorIs(t, err, ErrNoColumn)
	_, err = ReadBooks(strings.NewReader(columns + "a,b\n"))
	require.Error(t, err)
}

// The halves that were looked at and not looked at must stay those.
func TestHalvesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	var heldOut []int64
	n := 0
	for id := range int64(10_000) {
		if half(id+1) == HeldOut {
			n++
			if id < 12 {
				heldOut = append(heldOut, id+1)
			}
		}
	}
	require.Equal(t, []int64{1, 2, 6, 8, 9, 12}, heldOut)
	require.InDelta(t, 5000, n, 150)
}

// asks makes a query of the kind from each book that it applies to.
func asks(c *catalogue, name string) map[int64]asked {
	made := make(map[int64]asked)
	for _, k := range kinds {
		if k.name != name {
			continue
		}
		for _, h := range []Half{Tuning, HeldOut} {
			for _, q := range c.queries(k, h, len(c.books), 1) {
				made[q.book] = q
			}
		}
	}
	return made
}

func TestWhatIsAsked(t *testing.T) {
	t.Parallel()
	c := newCatalogue(readBooks(t, goodbooks))
	for kind, want := range map[string]map[int64]asked{
		"exact title": {
			1: {"The Hollow Sea (The Tide Singers, #1)", 1, 1}, 6: {"Selected Poems", 6, 2},
		},
		"title without its bracket": {1: {"The Hollow Sea", 1, 1}, 2: {"The Hollow Crown", 2, 1}},
		"first words":               {1: {"the hollow", 1, 2}, 3: {"the theory", 3, 1}, 4: {"songs of", 4, 1}},
		"two title words":           {3: {"theory rivers", 3, 1}, 1: {"hollow sea", 1, 1}, 7: {"selected poems", 7, 2}},
		"three title words":         {3: {"theory small rivers", 3, 1}},
		"author and a word":         {3: {"meer theory", 3, 1}, 5: {"park guide", 5, 1}, 8: {"толстой война", 8, 1}},
		"missing accents":           {4: {"songs of the margo marsh", 4, 1}, 7: {"bruhl selected", 7, 1}},
	} {
		made := asks(c, kind)
		for book, q := range want {
			require.Equal(t, q, made[book], kind)
		}
	}
	isbns := asks(c, "ISBN")
	require.Len(t, isbns, 4)
	require.Contains(t, []string{"9791090636071", "979-1-090-63607-1"}, isbns[6].text, "it has no ten digits")
	require.Len(t, asks(c, "title without its bracket"), 2)
	require.NotContains(t, asks(c, "three title words"), int64(6))
	require.NotContains(t, asks(c, "missing accents"), int64(5))
	for _, kind := range []string{"one typo", "swapped letters"} {
		made := asks(c, kind)
		require.NotContains(t, made, int64(8), "it is not typed with Latin letters")
		for _, q := range made {
			unknown := 0
			for _, word := range strings.Fields(q.text) {
				if !c.isWord(word) {
					unknown++
				}
			}
			require.Equal(t, 1, unknown, q.text)
		}
	}
	for book, q := range asks(c, "prefix") {
		title := strings.Join(c.books[book-1].words, " ")
		require.True(t, strings.HasPrefix(title, q.text) && q.text != title, q.text)
	}
}

func TestTheSameSeedAsksTheSame(t *testing.T) {
	t.Parallel()
	c := newCatalogue(readBooks(t, goodbooks))
	different := false
	for _, k := range kinds {
		all := c.queries(k, Tuning, 100, 1)
		require.Equal(t, all, c.queries(k, Tuning, 100, 1), k.name)
		few := c.queries(k, Tuning, 1, 1)
		require.Equal(t, all[:len(few)], few, "fewer are the first ones")
		different = different || fmt.Sprint(c.queries(k, Tuning, 100, 2)) != fmt.Sprint(all)
	}
	require.True(t, different)
}

func TestAScoreIsWhatItSays(t *testing.T) {
	t.Parallel()
	queries := []asked{{alike: 1}, {alike: 2}, {alike: 10}, {alike: 1}}
	s := score(kind{name: "k", wanted5: 0.5}, queries, []answer{{rank: 1}, {rank: 4}, {rank: 10}, {tooSlow: true}})
	require.Equal(t, Score{
		Kind: "k", Queries: 4, Success1: 0.25, Success5: 0.5, MRR: (1 + 0.25 + 0.1) / 4, TooSlow: 1,
		Alone1: (1 + 0.5 + 0.1 + 1) / 4, Alone5: (1 + 1 + 0.5 + 1) / 4, Wanted5: 0.5, Met: true,
	}, s)
	require.False(t, score(kind{wanted5: 0.6}, queries, make([]answer, 4)).Met)
	require.False(t, score(kind{wanted1: 1}, queries, []answer{{rank: 1}, {rank: 1}, {rank: 1}, {rank: 2}}).Met)
	require.Equal(t, Score{Kind: "k", Met: true}, score(kind{name: "k", wanted5: 0.6}, nil, nil), "nothing was asked")
}

func TestARun(t *testing.T) {
	t.Parallel()
	cfg := Config{
		Books: readBooks(t, goodbooks), Seed: 1, Queries: 5, Misses: 2,
		Logger: slog.New(slog.DiscardHandler), Progress: func(string) {},
	}
	report, err := Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, report.Halves, 1, "the held-out half was not asked for")
	tuning := report.Halves[0]
	require.Equal(t, Tuning, tuning.Half)
	require.Len(t, tuning.Kinds, len(kinds))
	exact := tuning.Kinds[0]
	require.Positive(t, exact.Queries)
	require.Equal(t, 1.0, exact.Success5)
	require.True(t, exact.Met)
	for _, m := range tuning.Misses {
		require.NotEmpty(t, m.Wanted)
	}

	cfg.HeldOut = true
	report, err = Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, report.Halves, 2)
	require.Equal(t, tuning, report.Halves[0])
	require.Empty(t, report.Halves[1].Misses, "the held-out half is never shown")

	var printed bytes.Buffer
	require.NoError(t, report.Print(&printed))
	require.Contains(t, printed.String(), "held out half")
	require.Contains(t, printed.String(), "1.00@1")
}

func TestARunNeedsBooksAndQueries(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Config{Queries: 1})
	require.ErrorIs(t, err, ErrNoBooks)
	_, err = Run(t.Context(), Config{Books: readBooks(t, goodbooks)})
	require.ErrorIs(t, err, ErrFewQueries)
}

// Every way to write an ISBN is asked, and means the book's own.
func TestAnISBNIsAskedInAllForms(t *testing.T) {
	t.Parallel()
	c := newCatalogue(readBooks(t, goodbooks))
	r := rand.New(rand.NewPCG(1, 1))
	asked := make(map[string]bool)
	for range 100 {
		for i := range 2 {
			text, alike, ok := number(c, c.books[i], r)
			require.True(t, ok)
			require.Equal(t, 1, alike)
			asked[text] = true
			parsed, ok := isbn.Parse(text)
			require.True(t, ok, text)
			require.Equal(t, c.books[i].ISBN, parsed)
		}
	}
	require.Equal(t, map[string]bool{
		"9780439023481": true, "978-0-439-02348-1": true, "0439023483": true, "0-439-02348-3": true,
		"9780804429573": true, "978-0-804-42957-3": true, "080442957X": true, "0-804-42957-X": true,
	}, asked)
}
