package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// debianPython is named by its path: another python3 may come first, which does not
// see Debian's packages.
const debianPython = "/usr/bin/python3"

// seenByPython is what testdata/searches_consumer.py knows, by query as it was typed.
type seenByPython struct {
	Searches map[string]int64               `json:"searches"`
	Readers  map[string][]string            `json:"readers"` // "" for those not known
	Latest   map[string][]events.ServedBook `json:"latest"`
	Fields   [][]string                     `json:"fields"` // of books; each combination once
}

// pythonConsumer is that script, running.
type pythonConsumer struct{ stdout *json.Decoder }

// startPython has it print what it knows each time that it has seen so many searches.
func (b bookstore) startPython(t *testing.T, marks ...int) *pythonConsumer {
	t.Helper()
	if said, err := exec.CommandContext(t.Context(), debianPython, "-c", "import confluent_kafka").CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			require.NoError(t, err, string(said))
		}
		t.Skipf("apt-get install python3-confluent-kafka: %v %s", err, said) //nolint:forbidigo // what needs somebody else's client is for those who have it, and for CI
	}
	ctx, cancel := context.WithTimeout(t.Context(), pythonBound)
	args := []string{"testdata/searches_consumer.py", strings.Join(b.brokers, ","), b.topics.Searches}
	for _, mark := range marks {
		args = append(args, strconv.Itoa(mark))
	}
	cmd := exec.CommandContext(ctx, debianPython, args...)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // how it ended matters to a test that is still going
	})
	return &pythonConsumer{json.NewDecoder(stdout)}
}

// pythonBound is longer than any run of it takes.
const pythonBound = 3 * time.Minute

// next waits for what it knows at the next mark.
func (c *pythonConsumer) next(t *testing.T) (seen seenByPython) {
	t.Helper()
	require.NoError(t, c.stdout.Decode(&seen), "the script has ended, or takes too long; it says why on standard error")
	return seen
}

// trend is a query as /api/trends tells of it.
type trend struct {
	Query    string              `json:"query"`
	Books    []events.ServedBook `json:"books"`
	Searches int64               `json:"searches"`
	Readers  int64               `json:"readers"`
}

// Accents that are in the test's queries, and the letters without: precomposed, and as
// a mark that follows its letter.
var withoutAccents = strings.NewReplacer(
	"é", "e", "ž", "z", "ë", "e", "ö", "o", "ñ", "n", "ç", "c", "è", "e", "ü", "u", "ř", "r", "ô", "o",
	"â", "a", "ê", "e", "ï", "i", "í", "i", "ó", "o", "á", "a", "û", "u",
	"\u0301", "", "\u030c", "", "\u0308", "", "\u0303", "", "\u0327", "", "\u0300", "", "\u0302", "")

// withMarks writes accents as marks of their own, as some keyboards do.
var withMarks = strings.NewReplacer(
	"É", "E\u0301", "é", "e\u0301", "ž", "z\u030c", "ë", "e\u0308", "ö", "o\u0308", "ñ", "n\u0303", "ç", "c\u0327",
	"è", "e\u0300", "ü", "u\u0308", "ř", "r\u030c", "â", "a\u0302", "ê", "e\u0302", "ï", "i\u0308", "í", "i\u0301",
	"ó", "o\u0301", "á", "a\u0301", "ô", "o\u0302", "û", "u\u0302")

// folded is a second opinion of which queries are one, for those of this test.
func folded(typed string) string {
	return strings.Join(strings.Fields(withoutAccents.Replace(strings.ToLower(typed))), " ")
}

// accented are a hundred queries that are different however they are typed.
func accented() (queries []string) {
	for _, first := range []string{"Émile", "Božena", "Brontë", "Gödel", "Señor", "Façade", "Crème", "Müller", "Dvořák", "Hôtel"} {
		for _, second := range []string{"Château", "Forêt", "Naïve", "Jardín", "Mañana", "Córdoba", "Málaga", "Brûlée", "Voilà", "Plateau"} {
			queries = append(queries, first+" "+second)
		}
	}
	return queries
}

// typedSomehow is a query as one of many would type it.
func typedSomehow(random *rand.Rand, query string) string {
	forms := []func(string) string{
		func(q string) string { return q },
		strings.ToLower,
		strings.ToUpper,
		func(q string) string { return withoutAccents.Replace(q) },
		func(q string) string { return strings.ReplaceAll(q, " ", "   ") },
		func(q string) string { return withMarks.Replace(strings.ToLower(q)) },
	}
	return forms[random.IntN(len(forms))](query)
}

// accentedShelf is what the queries find. As each book is found for another reason, one
// exactly and one by how it begins, how often each was served does not change which one
// comes first: all forms of a query are answered alike until a book changes.
type accentedShelf struct {
	caller
	books map[string][]web.Book // by query, in the order in which they are found
}

func (s *accentedShelf) add(query, title string) {
	book, _ := s.create(events.Details{Title: title, Author: "Nobody", PublishedAt: "1999", Description: "No. " + strconv.Itoa(len(s.books[query]))})
	s.books[query] = append(s.books[query], book)
}

// change has each query find something else than before: one book less, or one that
// says something else, and one more.
func (s *accentedShelf) change() {
	for i, query := range accented() {
		of := headers{"If-Match": web.ETag(1)}
		first := s.books[query][0]
		if i%2 == 0 {
			require.Equal(s.t, http.StatusNoContent, s.do(http.MethodDelete, bookPath(first.ID), of, nil).status)
		} else {
			changed := events.Details{Title: first.Title, Author: first.Author, PublishedAt: "2001-02-03", Description: "<New> & \"revised\""}
			require.Equal(s.t, http.StatusOK, s.do(http.MethodPut, bookPath(first.ID), of, changed).status)
		}
		s.add(query, "The "+query)
	}
}

// searchAll has sixteen clients search so many times, each query at least once.
func (s *accentedShelf) searchAll(seed uint64, searches int) {
	s.t.Helper()
	queries := accented()
	var next atomic.Int64
	clients, ctx := errgroup.WithContext(s.t.Context())
	for range 16 {
		clients.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= searches {
					return nil
				}
				random := rand.New(rand.NewPCG(seed, uint64(i))) // repeatable on purpose
				query := queries[i%len(queries)]
				if i >= len(queries) { // the first ones are asked the most
					query = queries[random.IntN(1+random.IntN(len(queries)))]
				}
				asked := url.Values{"q": {typedSomehow(random, query)}}
				if reader := random.IntN(50); reader > 0 {
					asked.Set("uid", fmt.Sprint("reader-", reader))
				}
				a, err := send(ctx, s.client, http.MethodGet, s.url+"/api/books?"+asked.Encode(), nil, nil)
				if err == nil && a.status != http.StatusOK {
					err = fmt.Errorf("%w: %s: %d %s", errUnexpected, asked, a.status, a.body)
				}
				if err != nil {
					return err
				}
			}
		})
	}
	require.NoError(s.t, clients.Wait())
}

var errUnexpected = errors.New("a search was not answered as it should be")

// allTrends waits until the trends of all time are of so many searches.
func (s *accentedShelf) allTrends(searches int) []trend {
	s.t.Helper()
	var trends []trend
	await(s.t, caughtUpBound, "the trends do not have all searches", func() bool {
		a := s.get("/api/trends?window=all&ps=100", nil)
		require.Equal(s.t, http.StatusOK, a.status, string(a.body))
		trends = decode[[]trend](s.t, a)
		var counted int64
		for _, of := range trends {
			counted += of.Searches
		}
		return counted == int64(searches)
	})
	return trends
}

// requireAlike compares what a Python consumer knows with our trends. What it knew
// before tells in which forms a query was typed since.
func requireAlike(t *testing.T, before, seen seenByPython, trends []trend) {
	t.Helper()
	require.Equal(t, [][]string{{"id", "title", "author", "published_at", "description", "created_at"}}, seen.Fields)
	type counted struct {
		searches int64
		readers  map[string]bool
		forms    map[string]int64
		latest   [][]events.ServedBook
	}
	queries := make(map[string]*counted)
	for _, typed := range slices.Sorted(maps.Keys(seen.Searches)) {
		query := folded(typed)
		of := queries[query]
		if of == nil {
			of = &counted{readers: make(map[string]bool), forms: make(map[string]int64)}
			queries[query] = of
		}
		of.searches += seen.Searches[typed]
		of.forms[strings.Join(strings.Fields(typed), " ")] += seen.Searches[typed]
		for _, reader := range seen.Readers[typed] {
			of.readers[reader] = true
		}
		if seen.Searches[typed] > before.Searches[typed] {
			of.latest = append(of.latest, seen.Latest[typed])
		}
	}
	require.Len(t, queries, len(accented()))
	require.Len(t, trends, len(queries))
	for _, trend := range trends {
		of := queries[folded(trend.Query)]
		require.NotNil(t, of, trend.Query)
		require.Equal(t, of.searches, trend.Searches, trend.Query)
		require.EqualValues(t, len(of.readers), trend.Readers, trend.Query)
		for form, searches := range of.forms {
			require.LessOrEqual(t, searches, of.forms[trend.Query], "%q is shown, and typed more often is %q", trend.Query, form)
		}
		for _, books := range of.latest {
			require.Equal(t, books, trend.Books, trend.Query)
		}
		require.NotEmpty(t, trend.Books, trend.Query)
	}
}

// Consumers that others wrote for the topic, in Python and without a look at headers,
// work beside ours, and count what we count.
func TestPythonConsumersCountWhatTrendsCount(t *testing.T) {
	t.Parallel()
	const half = 5_000
	b := newBookstore(t)
	shelf := &accentedShelf{newCaller(t, b.start(t, nil).URL()), make(map[string][]web.Book)}
	consumer := b.startPython(t, half, 2*half)
	for _, query := range accented() {
		shelf.add(query, query)
		shelf.add(query, query+" Revisited")
	}

	shelf.searchAll(1, half)
	first := consumer.next(t)
	requireAlike(t, seenByPython{}, first, shelf.allTrends(half))

	// The catalogue changes when the script has seen all that was served before, so that
	// what it sees last was served last.
	shelf.change()
	shelf.searchAll(2, half)
	requireAlike(t, first, consumer.next(t), shelf.allTrends(2*half))
	require.ErrorIs(t, consumer.stdout.Decode(&seenByPython{}), io.EOF)
}
