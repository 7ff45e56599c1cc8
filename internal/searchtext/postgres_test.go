package searchtext_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/postgres"
	"bookstore/internal/searchtext"
	"bookstore/internal/testenv"
)

func server(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "searchtext tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// A query that PostgreSQL can't read would be a search that fails: 100 times 100 of
// all kinds.
func TestPostgreSQLReadsWhateverIsAsked(t *testing.T) {
	t.Parallel()
	pool := server(t)
	rapid.Check(t, func(t *rapid.T) {
		var written []string
		for range 100 {
			asked := searchtext.ParseQuery(anyQuery().Draw(t, "text"))
			if len(asked) == 0 {
				continue
			}
			further := searchtext.Words(anyText().Draw(t, "further"))
			if last := &asked[len(asked)-1]; len(last.Words) == 1 {
				last.Also, last.Completions = further, further
			}
			for _, condition := range conditions(asked) {
				written = append(written, condition.Query)
				for _, need := range condition.Needs {
					written = append(written, searchtext.AnyOf(need.Lexemes))
					if need.Completed != nil {
						written = append(written, searchtext.AnyOf(need.Completed))
					}
				}
			}
		}
		var empty int
		require.NoError(t, pool.QueryRow(t.Context(),
			`SELECT count(*) FROM unnest($1::text[]) AS q WHERE numnode(q::tsquery) = 0`, written).Scan(&empty))
		require.Zero(t, empty, "they all ask for something")
	})
}

// Lexemes that PostgreSQL can't read would be an event that can never be applied.
func TestPostgreSQLReadsTheLexemesOfAnyBook(t *testing.T) {
	t.Parallel()
	pool := server(t)
	rapid.Check(t, func(t *rapid.T) {
		var written []string
		for range 100 {
			written = append(written, searchtext.Lexemes(rapid.Int64Range(1, 1<<62).Draw(t, "id"), searchtext.Text{
				Title: anyText().Draw(t, "title"), Author: anyText().Draw(t, "author"),
				Description: anyText().Draw(t, "description"), ISBN: anyText().Draw(t, "isbn"),
			}))
		}
		var short int
		require.NoError(t, pool.QueryRow(t.Context(),
			`SELECT count(*) FROM unnest($1::text[]) AS l WHERE length(l::tsvector) < $2`, written, len(searchtext.BlockBits)).Scan(&short))
		require.Zero(t, short)
	})
}

func TestPostgreSQLReadsTheLongestLexemes(t *testing.T) {
	t.Parallel()
	pool := server(t)
	plenty := map[string]string{
		"one word":               strings.Repeat("sand ", 1<<20),
		"short words":            strings.Repeat("a b c d e f ", 1<<17),
		"one long word":          strings.Repeat("ж", 1<<19),
		"words of long letters":  strings.Repeat(strings.Repeat("𠮷", 300)+" ", 1000),
		"a title of just a word": strings.Repeat("𠮷", 255),
	}
	for name, text := range plenty {
		for _, book := range []searchtext.Text{{Title: text}, {Author: text}, {Description: text}, {text, text, text, text}} {
			var words int
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT length($1::text::tsvector)`, searchtext.Lexemes(1, book)).Scan(&words), name)
			require.Greater(t, words, len(searchtext.BlockBits), name)
		}
	}
}

// Books and queries of few words, so that many match. What PostgreSQL makes of a
// condition is what the words say, and no book meets one of which it lacks a need:
// a search looks only at books that have the rarest.
func TestConditionsMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	pool := server(t)
	rapid.Check(t, func(t *rapid.T) {
		books := rapid.SliceOfN(fewWords(), 1, 8).Draw(t, "books")
		var vectors, queries []string
		var want, exactly []bool // exactly: no book matches besides those that are wanted
		add := func(book searchtext.Text, query string, matches, noOther bool) {
			vectors, queries = append(vectors, searchtext.Lexemes(1, book)), append(queries, query)
			want, exactly = append(want, matches), append(exactly, noOther)
		}
		for range 20 {
			asked := searchtext.ParseQuery(fewWordsAsked().Draw(t, "query"))
			if len(asked) == 0 {
				continue
			}
			broaden(t, asked, books)
			for what, condition := range conditions(asked) {
				for _, book := range books {
					met := meets(book, asked, what)
					add(book, condition.Query, met, true)
					for _, need := range condition.Needs {
						add(book, searchtext.AnyOf(need.Lexemes), met, false)
						if need.Completed != nil {
							add(book, searchtext.AnyOf(need.Completed), met, false)
						}
						ofDescriptions := !strings.ContainsAny(need.Lexemes[0].Text[:1], ";^")
						if need.Strange && !ofDescriptions && len(need.Lexemes) == 1 {
							require.False(t, met)
						}
					}
					if condition.Beginning != (searchtext.Lexeme{}) {
						add(book, condition.Beginning.Query(), met, false)
					}
				}
			}
		}
		var matches []bool
		require.NoError(t, pool.QueryRow(t.Context(), `
			SELECT coalesce(array_agg(v::tsvector @@ q::tsquery ORDER BY n), '{}')
			FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS pair (v, q, n)`, vectors, queries).Scan(&matches))
		require.Len(t, matches, len(want))
		for i := range matches {
			if exactly[i] || want[i] {
				require.Equal(t, want[i], matches[i], "%s in %s", queries[i], vectors[i])
			}
		}
	})
}

// kind is what a condition is about.
type kind int

const (
	titleIs kind = iota
	titleBegins
	inTitle
	inTitleOrAuthor
	inBook
)

// conditions are all that a search may be planned with.
func conditions(asked searchtext.Query) map[kind]searchtext.Condition {
	all := map[kind]searchtext.Condition{
		inTitle:         asked.In(searchtext.InTitle),
		inTitleOrAuthor: asked.In(searchtext.InTitleOrAuthor),
		inBook:          asked.In(searchtext.InBook),
	}
	if condition, names := asked.TitleIs(); names {
		all[titleIs] = condition
	}
	if condition, names := asked.TitleBegins(); names {
		all[titleBegins] = condition
	}
	return all
}

// meets says, from the words alone, whether a book meets a condition.
func meets(book searchtext.Text, asked searchtext.Query, what kind) bool {
	title := searchtext.Fold(book.Title)
	short, _, _ := strings.Cut(book.Title, "(")
	var named []string
	open := false
	for _, c := range asked {
		fields := [][]string{searchtext.Words(book.Title), searchtext.Words(book.Author), searchtext.Words(book.Description)}
		switch {
		case c.Field == searchtext.Author:
			fields = fields[1:2]
		case what == titleIs || what == titleBegins:
			named, open = append(named, c.Words...), c.Prefix
			continue
		case c.Field == searchtext.Title || what == inTitle:
			fields = fields[:1]
		case what == inTitleOrAuthor:
			fields = fields[:2]
		}
		if !slices.ContainsFunc(fields, func(words []string) bool { return has(words, c) }) {
			return false
		}
	}
	whole := strings.Join(named, " ")
	switch {
	case what == titleIs:
		return whole == title || whole == searchtext.Fold(short)
	case what == titleBegins && open:
		return strings.HasPrefix(title, whole)
	case what == titleBegins:
		return strings.HasPrefix(title, whole+" ")
	}
	return true
}

// has says whether a field has the words of a clause, one behind the other.
func has(field []string, c searchtext.Clause) bool {
	last := len(c.Words) - 1
	for i := range field {
		rest := field[i:]
		switch {
		case slices.Contains(c.Also, field[i]):
			return true
		case len(rest) <= last || !slices.Equal(rest[:last], c.Words[:last]):
		case rest[last] == c.Words[last]:
			return true
		case len(c.Completions) > 0 && last == 0:
			if slices.Contains(c.Completions, rest[last]) {
				return true
			}
		case c.Prefix && strings.HasPrefix(rest[last], c.Words[last]):
			return true
		}
	}
	return false
}

// broaden does to a query what the read side does before it plans a search.
func broaden(t *rapid.T, asked searchtext.Query, books []searchtext.Text) {
	last := &asked[len(asked)-1]
	if len(last.Words) > 1 {
		return
	}
	last.Also = rapid.SliceOfN(rapid.SampledFrom(someWords), 0, 2).Draw(t, "also")
	if last.Prefix && rapid.Bool().Draw(t, "complete") {
		last.Completions = []string{}
		for _, book := range books {
			for _, word := range searchtext.Words(book.Title + " " + book.Author) {
				if strings.HasPrefix(word, last.Words[0]) {
					last.Completions = append(last.Completions, word)
				}
			}
		}
	}
}

var someWords = []string{"a", "ab", "abc", "b", "ba", "1"}

func fewWords() *rapid.Generator[searchtext.Text] {
	text := rapid.Map(rapid.SliceOfN(rapid.SampledFrom(someWords), 0, 4), func(words []string) string { return strings.Join(words, " ") })
	return rapid.Custom(func(t *rapid.T) searchtext.Text {
		book := searchtext.Text{Title: text.Draw(t, "title"), Author: text.Draw(t, "author"), Description: text.Draw(t, "description")}
		if series := text.Draw(t, "series"); book.Title != "" && series != "" {
			book.Title += " (" + series + ")"
		}
		return book
	})
}

func fewWordsAsked() *rapid.Generator[string] {
	piece := rapid.OneOf(rapid.SampledFrom(someWords), rapid.SampledFrom(someWords), rapid.SampledFrom([]string{`"`, `" `, "title:", "author:"}))
	return rapid.Map(rapid.SliceOfN(piece, 1, 5), func(pieces []string) string { return strings.Join(pieces, " ") })
}
