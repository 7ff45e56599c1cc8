package query_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/query"
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
		"the two towers":          {4, 3, 2, 1}, // exact, also without the series; then in any order
		`"the two towers"`:        {4, 3, 2, 1}, // in the last one's description
		`"two the towers"`:        nil,
		`"The TWO-Towers!"`:       {4, 3, 2, 1},
		`„the two towers“`:        {4, 3, 2, 1},
		`“the two towers”`:        {4, 3, 2, 1},
		`«the two towers»`:        {4, 3, 2, 1},
		`»the two towers«`:        {4, 3, 2, 1},
		`"the two towers" fell`:   {2},
		`fell "the two towers"`:   {2},
		`"the two" "towers fell"`: {2},
		`"towers"`:                {4, 3, 2, 1},
		`"tower"`:                 nil, // closed: the whole word
		`"owers"`:                 nil, // quoted: no part of one
		`"two tow"`:               nil,
		`"two tow`:                {4, 3, 2, 1}, // still being typed
		`"two owers`:              nil,
		`"tow`:                    {4, 3, 2, 1},
		`tolkien "two tow`:        {4, 3},
		`"towers j r r"`:          nil, // the title's end and the author's beginning
		`"towers j`:               nil,
		`"tolkien frodo"`:         nil, // the author's end and the description's beginning
		`"king stephen"`:          nil,
		`"stephen hall"`:          {5},
		`"r r tolkien"`:           {4, 3},
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
		"tolkien hobbit":                  {3, 2, 4, 1, 5}, // the last has one of the words in part only
		"author:tolkien hobbit":           {3, 2, 5},
		"author: tolkien  hobbit":         {3, 2, 5},
		"AUTHOR:Tolkien Hobbit":           {3, 2, 5},
		"hobbit author:tolk":              {5, 3, 2},
		`hobbit author:"tolkien"`:         {3, 2},
		"hobbit author:olkie":             {5, 3, 2}, // a part of the author's name
		"author:olkie title:obbi":         {5, 3, 2},
		"title:tolkien":                   {1},
		"title:olkie":                     {1},
		"author:obbit":                    nil, // not the title's half
		"title:notes":                     nil,
		"title:hobbit":                    {5, 4, 3, 2},
		`title:"hobbit"`:                  {5, 4, 3, 2},
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
		"dune":                      {3, 2, 1, 4},
		`"dune`:                     {3, 2, 1},
		`"dune"`:                    {3, 2, 1}, // "dunes" does not begin with the whole word
		`title:"dune"`:              {3, 2},
		"title:dune":                {3, 2, 1, 4},
		"author:herbert dune":       {3, 2, 1, 4},
		"dune author:herbert":       {3, 2, 1, 4}, // the title's last word is not the query's
		`"frank herbert" dune`:      {3, 2, 1, 4}, // no field: as well a title of these words
		"author:herb":               {4, 3, 2, 1},
		`author:"frank herbert"`:    {4, 3, 2, 1},
		`title:"dune" author:erber`: {3, 2},
	})
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
