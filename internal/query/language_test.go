package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/query"
	"bookstore/internal/searchtext"
)

func (m *readModel) requireFound(want map[string][]int64) {
	m.t.Helper()
	for q, books := range want {
		page, err := m.catalog.Search(m.t.Context(), query.SearchRequest{Query: q, Limit: 10})
		require.NoError(m.t, err, q)
		require.Equal(m.t, append([]int64{}, books...), ids(page), "%q", q)
	}
}

func TestPhrases(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(
		book(1, "The Towers, Two", "Nobody", "Not the two, towers."),
		book(2, "Before The Two Towers Fell", "Nobody", ""),
		book(3, "The Two Towers", "J.R.R. Tolkien", "Frodo. The Two."),
		book(4, "The Two Towers (The Lord of the Rings, #2)", "J.R.R. Tolkien", "More of it."),
		book(5, "King", "Stephen Hall", "A man, a plan."),
		book(6, "Stephen", "King Harald", "plan a man"),
	)
	m.requireFound(map[string][]int64{
		"the two towers":          {3, 4, 1, 2}, // anywhere, in any order
		`"the two towers"`:        {3, 4, 1, 2}, // in the first one's description
		`"two the towers"`:        nil,
		`"The TWO-Towers!"`:       {3, 4, 1, 2},
		`„the two towers“`:        {3, 4, 1, 2},
		`“the two towers”`:        {3, 4, 1, 2},
		`«the two towers»`:        {3, 4, 1, 2},
		`»the two towers«`:        {3, 4, 1, 2},
		`"the two towers" fell`:   {2},
		`fell "the two towers"`:   {2},
		`"the two" "towers fell"`: {2},
		`"towers"`:                {1, 2, 3, 4},
		`"tower"`:                 nil, // closed: the whole word
		`"owers"`:                 nil, // quoted: no part of one
		`"two tow"`:               nil,
		`"two tow`:                {1, 2, 3, 4}, // still being typed
		`"two owers`:              nil,
		`"tow`:                    {1, 2, 3, 4},
		`tolkien "two tow`:        {3, 4},
		`"towers j r r"`:          nil, // the title's end and the author's beginning
		`"towers j`:               nil,
		`"tolkien frodo"`:         nil, // the author's end and the description's beginning
		`"king stephen"`:          nil,
		`"stephen hall"`:          {5},
		`"r r tolkien"`:           {3, 4},
		`"a man a plan"`:          {5},
		`"plan a man"`:            {6}, // not the plan of one field and the man of another
		`"a plan a man"`:          nil,
		`"" stephen ""`:           {6, 5},
	})
}

func TestFields(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(
		book(1, "The Tolkien Companion", "J. E. A. Tyler", "On the hobbit."),
		book(2, "The Annotated Hobbit", "J.R.R. Tolkien", "With notes."),
		book(3, "The Hobbit", "J.R.R. Tolkien", "There and back."),
		book(4, "Hobbit Lessons", "Devin Brown", "What Tolkien teaches."),
		book(5, "Hobbit", "Tolkienist", ""),
		book(6, "About the Author: True Stories", "John Colapinto", "At 12:30, see http://author.example/title: it's all there."),
	)
	m.requireFound(map[string][]int64{
		"tolkien hobbit":                  {1, 2, 3, 4, 5}, // both words in full text, somewhere
		"author:tolkien hobbit":           {5, 2, 3},       // exact title, then the rest: the last of the three has it in part only
		"author: tolkien  hobbit":         {5, 2, 3},
		"AUTHOR:Tolkien Hobbit":           {5, 2, 3},
		"hobbit author:tolk":              {5, 2, 3},
		`hobbit author:"tolkien"`:         {2, 3},
		"hobbit author:olkie":             {5, 2, 3}, // a part of the author's name
		"author:olkie title:obbi":         {2, 3, 5},
		"title:tolkien":                   {1},
		"title:olkie":                     {1},
		"author:obbit":                    nil, // not the title's half
		"title:notes":                     nil,
		"title:hobbit":                    {5, 4, 2, 3},
		`title:"hobbit"`:                  {5, 4, 2, 3},
		`title:"the hobbit"`:              {3}, // not that in a description
		`title:"the hob`:                  {3},
		`title: “the hobbit”`:             {3},
		`author:"the hobbit"`:             nil,
		`author:"j r r tolkien" title:an`: {2},
		`author:"j tolkien"`:              nil,
		"author:j.r.r. title:the title:h": {3, 2},
		"author:tyler author:tolkien":     nil,
		"companion author:tyler hobbit":   {1},

		// Just words
		"author:":                       {6},
		"title:":                        {6},
		"stories author:":               {6},
		"foo:hobbit":                    nil,
		"about:author":                  {6},
		"12:30":                         {6},
		"at 12:30":                      {6},
		"http://author.example/title:":  {6},
		"http://author.example/?q=a&b":  nil,
		`"About the Author: True`:       {6}, // how to find a title that reads like a field
		`"about the author" title:true`: {6},
	})
}

func TestPhrasesAndFieldsRankByTheTitleTheyAskFor(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.publish(
		book(1, "Dunes of Arrakis", "Frank Herbert", "A dune."),
		book(2, "Dune Messiah", "Frank Herbert", ""),
		book(3, "Dune", "Frank Herbert", ""),
		book(4, "Sandunes", "Frank Herbert", ""),
	)
	m.requireFound(map[string][]int64{
		"dune":                      {3, 1, 2, 4},
		`"dune`:                     {3, 1, 2},
		`"dune"`:                    {3, 2, 1}, // "dunes" does not begin with the whole word
		`title:"dune"`:              {3, 2},
		"title:dune":                {3, 1, 2, 4},
		"author:herbert dune":       {3, 1, 2, 4},
		"dune author:herbert":       {3, 2, 1, 4}, // the title's last word is not the query's
		`"frank herbert" dune`:      {1, 2, 3, 4}, // no field: as well a title of these words
		"author:herb":               {1, 2, 3, 4},
		`author:"frank herbert"`:    {1, 2, 3, 4},
		`title:"dune" author:erber`: {3, 2},
	})
}

// What was typed gets to PostgreSQL as arguments only: the statement is the same for
// any two queries of the same form.
func TestNothingTypedIsPartOfTheStatement(t *testing.T) {
	t.Parallel()
	const marker = "zzmarkerzz"
	for _, q := range []string{marker, "title:" + marker, `"` + marker + ` x"`, `a author:"` + marker, marker + "'; --", marker + "$1"} {
		statement, args := query.SearchStatement(query.SearchRequest{Query: q, Limit: 5})
		require.NotContains(t, statement, marker)
		require.Contains(t, fmt.Sprint(args...), marker)
	}
}

// What people with bad intentions, bad keyboards and bad programs might ask:
// PostgreSQL understands it all, and answers within the limit. Since what was typed is
// no part of the statement, the rest of ten thousand differ in their arguments only,
// and those are tried all at once.
func TestHostileQueries(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	library(m, 100)
	m.catalog.Timeout = time.Second

	const askers, each, searched = 4, 2_500, 250
	var all errgroup.Group
	for asker := range uint64(askers) {
		all.Go(func() error {
			random := rand.New(rand.NewPCG(asker, 4))
			var tsqueries, patterns []string
			for i := range each {
				q := hostileQuery(random)
				asked := searchtext.ParseQuery(q)
				tsqueries = append(tsqueries, asked.TSQuery())
				for _, clause := range asked {
					patterns = append(patterns, clause.PartPattern())
				}
				if i >= searched {
					continue
				}
				page, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: q, Limit: 5})
				if err != nil {
					return fmt.Errorf("%q: %w", q, err)
				}
				if page.Generation != 1 || len(page.Books) > 5 {
					return fmt.Errorf("%q: %d books of generation %d", q, len(page.Books), page.Generation)
				}
			}
			var found [2]int64
			err := m.pool.QueryRow(t.Context(), `
				SELECT (SELECT count(*) FROM books, unnest($1::text[]) AS asked WHERE id <= 5 AND document @@ asked::tsquery),
				       (SELECT count(*) FROM books, unnest($2::text[]) AS pattern WHERE id <= 5 AND terms LIKE pattern)`,
				tsqueries, patterns).Scan(&found[0], &found[1])
			if err == nil && (found[0] == 0 || found[1] == 0) {
				err = fmt.Errorf("%d books by words and %d by parts: none can tell", found[0], found[1])
			}
			return err
		})
	}
	require.NoError(t, all.Wait())
}

// The longest queries there can be, of the forms that cost the most to plan.
func TestTheLongestQueries(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	library(m, 200)
	for _, piece := range []string{"a ", "abc ", `"a b"`, `"a"`, "title:a ", "author:abc ", `title:"a b"`, "author:", `"`, "“„", "红 "} {
		q := strings.Repeat(piece, query.MaxQuery/len([]rune(piece)))
		for _, q := range []string{q, q[:len(q)-1], `"` + strings.ReplaceAll(q, `"`, " ")} {
			_, err := m.catalog.Search(t.Context(), query.SearchRequest{Query: q, Limit: 5})
			require.NoError(t, err, "%q", q)
		}
	}
}

// hostileQuery is a sentence of a grammar: a few words, phrases and fields, some of
// them broken, with the syntax of everything that lies behind in between.
func hostileQuery(random *rand.Rand) string {
	words := []string{"waxay", "title00002x", "itle0000", "a", "ti", "author", "title", "é", "дюна", "红楼梦", "ﬁ", "1984", strings.Repeat("x", 400)}
	syntax := []string{"'", "''", `\`, `\'`, "%", "_", "%%%", "&", "|", "!", "<->", "<2>", "(", ")", ":*", ":*ABCD", ":", "::tsquery", "$1", "--", "/*", ";", "; DROP TABLE books", "\n", "\t", "\u0301", "\xff", "´", "NULL", "{}", "=", "?"}
	quotes := []string{`"`, "„", "“", "”", "«", "»"}
	fields := []string{"author:", "title:", "AUTHOR:", "foo:", "author: ", "title::", "author:title:"}
	pick := func(from []string) string { return from[random.IntN(len(from))] }

	var q strings.Builder
	for range 1 + random.IntN(6) {
		switch kind := random.IntN(10); {
		case kind < 4:
			q.WriteString(pick(words))
		case kind < 6:
			q.WriteString(pick(quotes) + pick(words) + " " + pick(words) + pick(slices.Concat(quotes, []string{""})))
		case kind < 8:
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
