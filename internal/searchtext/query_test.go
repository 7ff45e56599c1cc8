package searchtext_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	word := func(w string) searchtext.Clause { return searchtext.Clause{Words: []string{w}} }
	phrase := func(words ...string) searchtext.Clause { return searchtext.Clause{Words: words, Quoted: true} }
	in := func(f searchtext.Field, c searchtext.Clause) searchtext.Clause { c.Field = f; return c }
	open := func(c searchtext.Clause) searchtext.Clause { c.Prefix = true; return c }
	const title, author = searchtext.Title, searchtext.Author

	for text, want := range map[string]searchtext.Query{
		"":              nil,
		" \t%_'":        nil,
		`""`:            nil,
		`"`:             nil,
		"dune":          {open(word("dune"))},
		" O'Brien dune": {word("obrien"), open(word("dune"))},

		// Phrases
		`"the two towers"`:       {phrase("the", "two", "towers")},
		`"The Two-Towers!" tolk`: {phrase("the", "two", "towers"), open(word("tolk"))},
		`tolkien "two towers"`:   {word("tolkien"), phrase("two", "towers")},
		`"dune"`:                 {phrase("dune")},
		`"dune" -`:               {phrase("dune")},
		`dune ""`:                {open(word("dune"))},
		`a"b c"d`:                {word("a"), phrase("b", "c"), open(word("d"))},
		`"a b""c d"`:             {phrase("a", "b"), phrase("c", "d")},
		`„zwei Türme“`:           {phrase("zwei", "turme")},
		`“two towers”`:           {phrase("two", "towers")},
		`«deux tours»`:           {phrase("deux", "tours")},
		`»zwei Türme«`:           {phrase("zwei", "turme")},
		`„two towers"`:           {phrase("two", "towers")},

		// Never closed
		`"the two tow`: {open(phrase("the", "two", "tow"))},
		`tolkien "the`: {word("tolkien"), open(phrase("the"))},
		`12" vinyl`:    {word("12"), open(phrase("vinyl"))},
		`dune "`:       {open(word("dune"))},

		// Fields
		"author:tolkien hobbit":     {in(author, word("tolkien")), open(word("hobbit"))},
		"author: tolkien hobbit":    {in(author, word("tolkien")), open(word("hobbit"))},
		"hobbit AUTHOR:tolk":        {word("hobbit"), open(in(author, word("tolk")))},
		`title:"the two towers"`:    {in(title, phrase("the", "two", "towers"))},
		`title: “two towers” king`:  {in(title, phrase("two", "towers")), open(word("king"))},
		`Title:"two tow`:            {open(in(title, phrase("two", "tow")))},
		"title:catch-22 x":          {in(title, word("catch")), in(title, word("22")), open(word("x"))},
		"author:j.r.r.":             {in(author, word("j")), in(author, word("r")), open(in(author, word("r")))},
		`author:"king"title:it`:     {in(author, phrase("king")), open(in(title, word("it")))},
		`author:"" tolkien`:         {open(in(author, word("tolkien")))},
		"author: - tolkien":         {open(in(author, word("tolkien")))},
		`title:a"b"`:                {in(title, word("a")), phrase("b")},
		"title:12:30":               {in(title, word("12")), open(in(title, word("30")))},
		"title:http://example.org/": {in(title, word("http")), in(title, word("example")), open(in(title, word("org")))},

		// Just words
		"author:":               {open(word("author"))},
		`dune title: "`:         {word("dune"), open(word("title"))},
		`"dune" title:`:         {phrase("dune"), open(word("title"))},
		"title:author:x":        {word("title"), open(in(author, word("x")))},
		"author:author:":        {word("author"), open(word("author"))},
		"foo:bar":               {word("foo"), open(word("bar"))},
		"coauthor:x":            {word("coauthor"), open(word("x"))},
		"(author:x":             {word("author"), open(word("x"))},
		"author :x":             {word("author"), open(word("x"))},
		"12:30":                 {word("12"), open(word("30"))},
		"http://author:80/?q=a": {word("http"), word("author"), word("80"), word("q"), open(word("a"))},
		`"author:x"`:            {phrase("author", "x")},
	} {
		require.Equal(t, want, untyped(searchtext.ParseQuery(text)), "%q", text)
	}
}

// untyped is a query without how its words were typed.
func untyped(q searchtext.Query) searchtext.Query {
	for i := range q {
		q[i].Typed = ""
	}
	return q
}

func TestAQueryIsWrittenAsItWasTyped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Война  и мир":             "Война и мир",
		"author:O'Brien, title:x":  "author:O'Brien, title:x",
		`„Dune  Messiah“ catch-22`: `"dune messiah" catch 22`,
		"":                         "",
	} {
		q := searchtext.ParseQuery(text)
		require.Equal(t, want, q.String())
		require.Equal(t, untyped(q), untyped(searchtext.ParseQuery(q.String())), "it is the same query")
	}
}

// Whatever is typed, the words that are searched for are those of the text: none is
// lost, none is added, and none changes its place. Only names of fields may go.
func TestParsingKeepsTheWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := anyQuery().Draw(t, "text")
		var got []string
		for i, c := range searchtext.ParseQuery(text) {
			require.NotEmpty(t, c.Words)
			require.True(t, c.Quoted || len(c.Words) == 1, "clause %d", i)
			got = append(got, c.Words...)
		}
		isField := func(word string) bool { return word == "title" || word == "author" }
		all := searchtext.Words(text)
		require.Equal(t, len(all) == 0, len(got) == 0, "a word that names a field is still a word")
		require.Equal(t, slices.DeleteFunc(all, isField), slices.DeleteFunc(got, isField))
	})
}

func TestOnlyTheLastWordMayGoOn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		asked := searchtext.ParseQuery(anyQuery().Draw(t, "text"))
		for i, c := range asked {
			last := i == len(asked)-1
			require.False(t, c.Prefix && !last, "clause %d", i)
			require.False(t, last && !c.Quoted && !c.Prefix)
		}
	})
}

func TestPlainWordsAreEachAClause(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Map(func(r rune) rune {
			if strings.ContainsRune("\"„“”«»:", r) {
				return -1
			}
			return r
		}, anyQuery().Draw(t, "text"))
		var want searchtext.Query
		for _, word := range searchtext.Words(text) {
			want = append(want, searchtext.Clause{Words: []string{word}})
		}
		if len(want) > 0 {
			want[len(want)-1].Prefix = true
		}
		require.Equal(t, want, untyped(searchtext.ParseQuery(text)))
	})
}

// anyQuery draws queries of which most are of the language, and some are anything.
func anyQuery() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{
		`"`, "„", "“", "”", "«", "»", "title:", "author:", "AUTHOR:", "foo:", ":", " ", " ", " ", "\u00a0", "\u3000",
		"dune", "two towers", "o'brien", "é", "Ⅳ", "ß", "\u0301", "\u0903", "½", "¨", "´", "'", `\`, "%", "_", "&", "|", "!", "(", ")", "<->", ":*A", "\x00", "\xff", "\n",
	})
	return rapid.OneOf(
		anyText(),
		rapid.Map(rapid.SliceOf(piece), func(pieces []string) string { return strings.Join(pieces, "") }),
	)
}
