package query_test

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/query"
)

// hostile is how many queries [TestHostileQueries] asks: ten thousand take most of a
// minute.
var hostile = flag.Int("hostile.queries", 1000, "hostile queries to ask")

// What people with bad intentions, bad keyboards and bad programs might ask, from the URL
// to PostgreSQL: each is answered or refused, and none takes longer than the limit, which
// would be a 503.
func TestHostileQueries(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	library(m, 3000)
	m.catalog.Timeout = 2 * time.Second
	s := serve(t, m)

	const askers = 4
	each := *hostile / askers
	var all errgroup.Group
	for asker := range uint64(askers) {
		all.Go(func() error {
			random := rand.New(rand.NewPCG(asker, 4))
			answered := 0
			for range each {
				path := hostilePath(random)
				status, err := s.ask(path)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				switch status {
				case http.StatusOK:
					answered++
				case http.StatusBadRequest:
				default:
					return fmt.Errorf("%s: %d", path, status)
				}
			}
			if answered < each/2 {
				return fmt.Errorf("%d of %d were answered: most are refused and show nothing", answered, each)
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
}

// ask is get for any goroutine.
func (s *service) ask(path string) (status int, err error) {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// hostilePath asks a hostile query, sometimes for a page far behind.
func hostilePath(random *rand.Rand) string {
	q := url.Values{"q": {hostileQuery(random)}}
	if random.IntN(10) == 0 {
		return "/api/suggest?" + q.Encode()
	}
	if random.IntN(3) == 0 {
		q.Set("o", fmt.Sprint(random.IntN(query.MaxOffset+1)))
	}
	if random.IntN(3) == 0 {
		q.Set("limit", fmt.Sprint(1+random.IntN(query.MaxLimit)))
	}
	if random.IntN(5) == 0 {
		q.Set("highlight", "true")
	}
	return "/api/books?" + q.Encode()
}

// hostileQuery is a sentence of a grammar, any bytes, or as much as there may be of one
// thing.
func hostileQuery(random *rand.Rand) string {
	words := []string{"waxay", "w", "title00002x", "itle0000", "a", "ti", "author", "title", "é", "дюна", "红楼梦", "ﬁ", "1984", "978-0-306-40615-7", "\ufdfa", strings.Repeat("x", 400)}
	syntax := []string{
		"'", "''", `\`, `\'`, "%", "_", "%%%", "&", "|", "!", "<->", "<2>", "(", ")", ":*", ":*ABCD", ":", "::tsquery", "$1", "--", "/*", ";",
		"; DROP TABLE books", "=", "^", "=waxay", "^waxay", ";waxay", "#9:3", "'#9:3'", "#15:0", "\u0301", "\u200f", "\u202e", "´", "NULL", "{}", "?",
		"\n", "\x00", "\xff",
	}
	quotes := []string{`"`, "„", "“", "”", "«", "»"}
	fields := []string{"author:", "title:", "AUTHOR:", "foo:", "author: ", "title::", "author:title:", `title:"author:"`}
	pick := func(from []string) string { return from[random.IntN(len(from))] }

	var q strings.Builder
	switch random.IntN(200) {
	case 0, 1, 2, 3, 4, 5, 6, 7: // random bytes
		for range 1 + random.IntN(40) {
			q.WriteByte(byte(random.IntN(256)))
		}
		return q.String()
	case 8, 9, 10, 11: // random characters
		for range 1 + random.IntN(query.MaxQuery) {
			q.WriteRune(rune(0x20 + random.IntN(0x3000)))
		}
		return q.String()
	case 12, 13: // as long as can be
		piece := pick(slices.Concat(words, syntax, quotes, fields, []string{"a b", `"a b"`, "title:a", `author:"a`})) + pick([]string{"", " "})
		return strings.Repeat(piece, query.MaxQuery/len([]rune(piece)))
	case 14: // words of one letter
		for range 250 {
			q.WriteString(string(rune('a'+random.IntN(26))) + " ")
		}
		return q.String()
	}
	for range 1 + random.IntN(6) {
		switch kind := random.IntN(20); {
		case kind < 9:
			q.WriteString(pick(words))
		case kind < 13:
			q.WriteString(pick(quotes) + pick(words) + " " + pick(words) + pick(slices.Concat(quotes, []string{""})))
		case kind < 17:
			q.WriteString(pick(fields))
		default:
			q.WriteString(pick(syntax))
		}
		if random.IntN(2) == 0 {
			q.WriteByte(' ')
		}
	}
	return q.String()
}
