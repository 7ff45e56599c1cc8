package searchtext_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/searchtext"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ title, titleOrAuthor, book string }{
		"dune":     {`'dune':*A`, `'dune':*AB`, `'dune':*`},
		"dune mes": {`'dune':A & 'mes':*A`, `'dune':AB & 'mes':*AB`, `'dune' & 'mes':*`},
		`"dune"`:   {`'dune':A`, `'dune':AB`, `'dune'`},

		// No phrase reaches from one field into the next.
		`"dune mes"`: {
			`('dune':A <-> 'mes':A)`,
			`(('dune':A <-> 'mes':A) | ('dune':B <-> 'mes':B))`,
			`(('dune':A <-> 'mes':A) | ('dune':B <-> 'mes':B) | ('dune':C <-> 'mes':C))`,
		},
		`"a b c`: {
			`('a':A <-> 'b':A <-> 'c':*A)`,
			`(('a':A <-> 'b':A <-> 'c':*A) | ('a':B <-> 'b':B <-> 'c':*B))`,
			`(('a':A <-> 'b':A <-> 'c':*A) | ('a':B <-> 'b':B <-> 'c':*B) | ('a':C <-> 'b':C <-> 'c':*C))`,
		},

		// A field of a clause's own holds in all scopes.
		"title:dune":            {`'dune':*A`, `'dune':*A`, `'dune':*A`},
		"author:frank dune":     {`'frank':B & 'dune':*A`, `'frank':B & 'dune':*AB`, `'frank':B & 'dune':*`},
		`author:"frank h" dune`: {`('frank':B <-> 'h':B) & 'dune':*A`, `('frank':B <-> 'h':B) & 'dune':*AB`, `('frank':B <-> 'h':B) & 'dune':*`},
	} {
		asked := searchtext.ParseQuery(text)
		require.Equal(t, want.title, asked.In(searchtext.InTitle).Query, "%q", text)
		require.Equal(t, want.titleOrAuthor, asked.In(searchtext.InTitleOrAuthor).Query, "%q", text)
		require.Equal(t, want.book, asked.In(searchtext.InBook).Query, "%q", text)
	}
}

func TestConditionsOnTitles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ is, begins string }{
		"Two Tow":                  {`'=two tow'`, `'=two tow':*`},
		`"two" towers`:             {`'=two towers'`, `'=two towers':*`},
		`two "towers"`:             {`'=two towers'`, `'=two towers ':*`}, // "two towersx" does not begin with it
		`title:"The Two Towers"`:   {`'=the two towers'`, `'=the two towers ':*`},
		"author:tolkien two tow":   {`'=two tow' & 'tolkien':B`, `'=two tow':* & 'tolkien':B`},
		"two towers author:tolk":   {`'=two towers' & 'tolk':*B`, `'=two towers ':* & 'tolk':*B`},
		`author:"j r r" author:to`: {"", ""},
	} {
		asked := searchtext.ParseQuery(text)
		is, names := asked.TitleIs()
		begins, alsoNames := asked.TitleBegins()
		require.Equal(t, want.is != "", names, "%q", text)
		require.Equal(t, names, alsoNames, "%q", text)
		if names {
			require.Equal(t, want.is, is.Query, "%q", text)
			require.Equal(t, want.begins, begins.Query, "%q", text)
			require.Zero(t, is.Beginning, "%q", text)
			require.Contains(t, want.begins, begins.Beginning.Query(), "%q", text)
		}
	}
}

// What a search is planned by: each need in full, since too few lexemes lose books and
// too many cost time.
func TestNeeds(t *testing.T) {
	t.Parallel()
	full := func(words ...string) (all []searchtext.Lexeme) {
		for _, word := range words {
			all = append(all, searchtext.Lexeme{Text: word})
		}
		return all
	}
	word := func(word string) searchtext.Need { return searchtext.Need{Lexemes: full(word)} }
	begun := func(word string) searchtext.Need {
		return searchtext.Need{Lexemes: []searchtext.Lexeme{{Text: word, Prefix: true}}}
	}
	needs := func(all ...searchtext.Need) []searchtext.Need { return all }

	for text, want := range map[string]struct{ title, book, begins []searchtext.Need }{
		"dune mes":         {needs(word(";dune"), begun(";mes")), needs(word("dune"), begun("mes")), needs(word("^dune"), begun(";mes"))},
		`"dune mes`:        {needs(word(";dune"), begun(";mes")), needs(word(";dune"), begun(";mes")), needs(word("^dune"), begun(";mes"))},
		"dune":             {needs(begun(";dune")), needs(begun("dune")), needs(begun("^dune"))},
		"author:frank mes": {needs(word(";frank"), begun(";mes")), needs(word(";frank"), begun("mes")), needs(word(";frank"), begun("^mes"))},
		"title:dune mes":   {needs(word(";dune"), begun(";mes")), needs(word(";dune"), begun("mes")), needs(word("^dune"), begun(";mes"))},
	} {
		asked := searchtext.ParseQuery(text)
		require.Equal(t, want.title, asked.In(searchtext.InTitle).Needs, "%q", text)
		require.Equal(t, want.title, asked.In(searchtext.InTitleOrAuthor).Needs, "%q", text)
		if text != `"dune mes` { // a phrase can be in a description
			require.Equal(t, want.book, asked.In(searchtext.InBook).Needs, "%q", text)
		}
		begins, _ := asked.TitleBegins()
		require.Equal(t, want.begins, begins.Needs, "%q", text)
	}

	is, _ := searchtext.ParseQuery("author:frank dune mes").TitleIs()
	require.Equal(t, needs(word("=dune mes"), word(";frank")), is.Needs)
}

func TestWordsThatAreAsGoodAreAlternatives(t *testing.T) {
	t.Parallel()
	asked := searchtext.ParseQuery("dune herbret")
	asked[1].Also = []string{"herbert", "herbst"}

	require.Equal(t, `'dune':A & ('herbret':*A | 'herbert':A | 'herbst':A)`, asked.In(searchtext.InTitle).Query)
	inBook := asked.In(searchtext.InBook)
	require.Equal(t, `'dune' & ('herbret':* | 'herbert' | 'herbst')`, inBook.Query)
	require.Equal(t, `('herbret':* | 'herbert' | 'herbst')`, searchtext.AnyOf(inBook.Needs[1].Lexemes))
	is, _ := asked.TitleIs()
	require.Equal(t, `'=dune herbret'`, is.Query, "a title is what was typed, or it is another")
}

func TestCompletionsStandForABeginning(t *testing.T) {
	t.Parallel()
	full := func(words ...string) (all []searchtext.Lexeme) {
		for _, word := range words {
			all = append(all, searchtext.Lexeme{Text: word})
		}
		return all
	}
	need := func(completions []string, scope searchtext.Scope) searchtext.Need {
		asked := searchtext.ParseQuery("mes")
		asked[0].Also, asked[0].Completions = []string{"mass"}, completions
		return asked.In(scope).Needs[0]
	}
	unknown := need(nil, searchtext.InTitle)
	require.Nil(t, unknown.Completed)
	require.False(t, unknown.Strange)

	some := need([]string{"mes", "mesa", "messiah"}, searchtext.InTitle)
	require.Equal(t, full(";mass", ";mes", ";mesa", ";messiah"), some.Completed)
	require.False(t, some.Strange)
	require.Equal(t, []searchtext.Lexeme{{Text: ";mes", Prefix: true}, {Text: ";mass"}}, some.Lexemes)

	none := need([]string{}, searchtext.InTitle)
	require.Equal(t, full(";mass", ";mes"), none.Completed)
	require.True(t, none.Strange)
	require.Nil(t, need([]string{}, searchtext.InBook).Completed, "a description may have what no title has")
}
