package books

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

// goodbooks is a catalogue like goodbooks-10k, made up.
const goodbooks = `book_id,title,authors,original_publication_year,average_rating
1,"The Hollow Sea (The Tide Singers, #1)","M.R. Calloway, Ana Brühl",2008,4.34
2,"The Drowned Choir (The Tide Singers, #2)",M.R. Calloway,2009,4.2
3,The Theory of Small Rivers,Ötzi van der Meer,1999,4.1
4,Songs of the Marsh,Anonymous,-720,3.9
5,雪の音,三島 遥,1956,4.0
6,The Ledger,"Ana Brühl, Joe Park, Lin Okafor, Sam Idowu",,3.1
7,A Guide to the Sea,Joe Park,842.0,3.3
`

func realSource(t testing.TB) *Source {
	t.Helper()
	s, err := ReadSource(strings.NewReader(goodbooks))
	require.NoError(t, err)
	return s
}

func entriesOf(t testing.TB, seed uint64, n int, mix Mix) []Entry {
	t.Helper()
	entries := make([]Entry, 0, n)
	for entry, err := range NewCatalogue(realSource(t), seed).History(n, mix) {
		require.NoError(t, err)
		entries = append(entries, entry)
	}
	return entries
}

// fingerprint is of all bytes that go to the log.
func fingerprint(entries []Entry) string {
	hash := sha256.New()
	for _, e := range entries {
		hash.Write(e.Message.Key)
		hash.Write(e.Message.Value)
		for _, h := range e.Message.Headers {
			_, _ = io.WriteString(hash, h.Key+"="+h.Value+"\n")
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	whole := entriesOf(t, 7, 3000, DefaultMix())
	require.Len(t, whole, 3000)
	require.Equal(t, fingerprint(whole), fingerprint(entriesOf(t, 7, 3000, DefaultMix())))
	require.Equal(t, fingerprint(whole[:1000]), fingerprint(entriesOf(t, 7, 1000, DefaultMix())), "a longer one begins as a shorter one")
	require.NotEqual(t, fingerprint(whole), fingerprint(entriesOf(t, 8, 3000, DefaultMix())))

	// Figures of different days can be compared as long as this one stays.
	require.Equal(t, "77d169caa62692bf", fingerprint(whole))
}

func TestAHistoryIsOneThatTheLogCouldHave(t *testing.T) {
	t.Parallel()
	const n = 20_000
	mix := Mix{Updated: 0.2, Deleted: 0.05, Republished: 0.1}
	versions := make(map[int64]int64)
	deleted := make(map[int64]bool)
	seen := make(map[string]string) // CloudEvents id to bytes
	var created, updated, ended, again float64
	for i, entry := range entriesOf(t, 1, n, mix) {
		record := events.Record{Offset: int64(i), Key: entry.Message.Key, Value: entry.Message.Value, Headers: entry.Message.Headers}
		decoded, err := events.DecodeEvent(record)
		require.NoError(t, err)
		require.Equal(t, entry.Event, decoded.Event)

		bytes := fingerprint([]Entry{entry})
		if entry.Again {
			require.Equal(t, seen[decoded.ID], bytes, "a second time is the same bytes")
			again++
			continue
		}
		_, known := seen[decoded.ID]
		require.False(t, known, "events have ids of their own")
		seen[decoded.ID] = bytes

		id := entry.Event.Book()
		versions[id]++
		require.Equal(t, versions[id], entry.Event.BookVersion())
		require.False(t, deleted[id], "nothing follows a deletion")
		switch e := entry.Event.(type) {
		case events.BookCreated:
			created++
			require.EqualValues(t, created, id, "ids are one after the other")
			require.NoError(t, events.CheckPublishedAt(e.PublishedAt))
		case events.BookUpdated:
			updated++
			require.NoError(t, events.CheckPublishedAt(e.PublishedAt))
		case events.BookDeleted:
			ended++
			deleted[id] = true
		}
	}
	require.InDelta(t, mix.Updated, updated/n, 0.01)
	require.InDelta(t, mix.Deleted, ended/n, 0.01)
	require.InDelta(t, mix.Republished, again/n, 0.01)
}

func TestWordsAreAsFrequentAsInTheSource(t *testing.T) {
	t.Parallel()
	share := func(texts []string) map[string]float64 {
		counts, all := make(map[string]float64), 0.0
		for _, text := range texts {
			for _, word := range strings.Fields(strings.ToLower(text)) {
				counts[word]++
				all++
			}
		}
		for word := range counts {
			counts[word] /= all
		}
		return counts
	}
	rows, err := csv.NewReader(strings.NewReader(goodbooks)).ReadAll()
	require.NoError(t, err)
	var titles []string
	for _, row := range rows[1:] {
		titles = append(titles, strings.Split(row[1], " (")[0])
	}
	want := share(titles)

	var made, described []string
	catalogue := NewCatalogue(realSource(t), 3)
	for id := range int64(5000) {
		book := catalogue.Book(id)
		made = append(made, strings.Split(book.Title, " (")[0])
		described = append(described, strings.TrimSuffix(book.Description, "."))
	}
	for _, got := range []map[string]float64{share(made), share(described)} {
		require.Len(t, got, len(want), "no other words, and none left out")
		for word := range want {
			require.InEpsilon(t, want[word], got[word], 0.1, word)
		}
	}
}

func TestBooksLookLikeBooks(t *testing.T) {
	t.Parallel()
	catalogue := NewCatalogue(realSource(t), 3)
	var inSeries, together, beforeChrist, unknown, precise int
	for id := range int64(2000) {
		book := catalogue.Book(id)
		title, series, found := strings.Cut(book.Title, " (")
		require.GreaterOrEqual(t, len(strings.Fields(title)), 2)
		require.LessOrEqual(t, len(strings.Fields(title)), 7)
		if found {
			inSeries++
			require.Contains(t, []string{"The Tide Singers, #1)", "The Tide Singers, #2)"}, series)
		}
		require.NotEmpty(t, book.Author)
		if strings.Contains(book.Author, ", ") {
			together++
		}
		require.GreaterOrEqual(t, len(strings.Fields(book.Description)), 10)
		require.LessOrEqual(t, len(strings.Fields(book.Description)), 40)
		switch {
		case book.PublishedAt == "":
			unknown++
		case strings.HasPrefix(book.PublishedAt, "-0720"):
			beforeChrist++
		case len(book.PublishedAt) > 4:
			precise++
		}
	}
	for what, n := range map[string]int{
		"in a series": inSeries, "several authors": together, "before Christ": beforeChrist,
		"of an unknown year": unknown, "with a month": precise,
	} {
		require.Greater(t, n, 100, what)
	}

	first, second := catalogue.Edition(5, 1), catalogue.Edition(5, 2)
	require.Equal(t, catalogue.Book(5), first)
	require.Equal(t, []string{first.Title, first.Author}, []string{second.Title, second.Author})
	require.NotEqual(t, first.Description, second.Description)
}

func TestYearsAreWrittenAsTheContractWantsThem(t *testing.T) {
	t.Parallel()
	for year, want := range map[string]string{"2008": "2008", "-720": "-0720", "842.0": "0842", "": "", "MMVIII": ""} {
		require.Equal(t, want, isoYear(year), year)
	}
}

func TestWhatIsNoCatalogueIsRefused(t *testing.T) {
	t.Parallel()
	read := func(s string) error {
		_, err := ReadSource(strings.NewReader(s))
		return err
	}
	require.ErrorIs(t, read(""), io.EOF)
	require.ErrorIs(t, read("title,authors\n"), ErrNoColumn)
	require.ErrorIs(t, read("title,authors,original_publication_year\n"), ErrTooSmall)
	var fault *csv.ParseError
	require.ErrorAs(t, read("title,authors,original_publication_year\na,b\n"), &fault)
}
