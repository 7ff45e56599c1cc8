package searchtext_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

// What is written is in databases: a change here is a new version of the catalog.
func TestLexemes(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]searchtext.Text{
		`'^dune' '=dune messiah dune 2' '=dune messiah' ';dune' ';messiah' ';dune' ';2' ';frank' ';herbert'` +
			` 'dune':1A 'messiah':2A 'dune':3A '2':4A 'frank':5B 'herbert':6B 'sand':7C 'and':8C 'sand':9C '9780441172696':10D`: {
			Title: "Dune Messiah (Dune, #2)", Author: "Frank Herbert", Description: "Sand, and sand.", ISBN: "9780441172696",
		},
		`'^letranger' '=letranger' ';letranger' 'letranger':1A`: {Title: "L’Étranger"},
		`';obrien' 'obrien':1B`:                                 {Title: "?!", Author: "O'Brien"},
		`'dune':1C`:                                             {Title: "'", Description: "\x00 Dune \xff"},
		``:                                                      {},
	} {
		require.Equal(t, strings.TrimSuffix(`'#9:136' '#11:34' '#13:8' '#15:2' `+want, " "), searchtext.Lexemes(70_000, text), "%+v", text)
	}
}

func TestATitleIsThereWithAndWithoutItsSeries(t *testing.T) {
	t.Parallel()
	for title, want := range map[string][]string{
		"Catching Fire (The Hunger Games, #2)": {"catching fire the hunger games 2", "catching fire"},
		"Catching Fire (2) ":                   {"catching fire 2", "catching fire"},
		"A (b) c (d)":                          {"a b c d", "a b c"},
		"Emma":                                 {"emma"},
		"Emma (an annotated edition":           {"emma an annotated edition"},
		"(Un)arranged Marriage":                {"un arranged marriage"},
		"(Emma)":                               {"emma"}, // without the brackets nothing is left
		"? (Emma)":                             {"emma"},
		"Emma (!)":                             {"emma"},
		"Emma ) (":                             {"emma"},
		"":                                     nil,
	} {
		var found []string
		for _, l := range readLexemes(t, searchtext.Lexemes(1, searchtext.Text{Title: title})) {
			if whole, is := strings.CutPrefix(l.text, "="); is {
				found = append(found, whole)
			}
		}
		require.Equal(t, want, found, "%q", title)
	}
}

func TestABookIsInOneBlockOfEachSize(t *testing.T) {
	t.Parallel()
	blocks := func(id int64) string { return searchtext.Lexemes(id, searchtext.Text{}) }
	require.Equal(t, blocks(512), blocks(1023))
	require.NotEqual(t, blocks(1023), blocks(1024))
	require.Equal(t, `'#9:0' '#11:0' '#13:0' '#15:0'`, blocks(0))
	for _, id := range []int64{1, 1 << 9, 1<<15 - 1, 1 << 40} {
		var want []string
		for _, bits := range searchtext.BlockBits {
			require.Equal(t, fmt.Sprintf("#%d:%d", bits, id/(1<<bits)), searchtext.Block(bits, id>>bits))
			require.True(t, strings.HasPrefix(searchtext.Block(bits, 7), searchtext.BlockPrefix(bits)))
			want = append(want, "'"+searchtext.Block(bits, id>>bits)+"'")
		}
		require.Equal(t, strings.Join(want, " "), blocks(id))
	}
}

// The index finds words of titles and authors by what marks them, without all the
// descriptions that have the word too. So the mark must be on each of these and on no
// other.
func TestWordsOfTitleAndAuthorAreMarkedAndNoOthers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := searchtext.Text{
			Title: anyText().Draw(t, "title"), Author: anyText().Draw(t, "author"), Description: anyText().Draw(t, "description"),
		}
		marked := map[string]bool{}
		words := map[byte][]string{}
		last := 0
		for _, l := range readLexemes(t, searchtext.Lexemes(1, text)) {
			if l.weight != 0 {
				require.Equal(t, last+1, l.position, "positions run on")
				last = l.position
				words[l.weight] = append(words[l.weight], l.text)
			} else if word, is := strings.CutPrefix(l.text, ";"); is {
				marked[word] = true
			}
		}
		title, author := searchtext.Words(text.Title), searchtext.Words(text.Author)
		require.Equal(t, title, words['A'])
		require.Equal(t, author, words['B'])
		require.Equal(t, searchtext.Words(text.Description), words['C'])
		want := map[string]bool{}
		for _, word := range slices.Concat(title, author) {
			want[word] = true
		}
		require.Equal(t, want, marked)
	})
}

func TestLexemesAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 1 << 20
	plenty := strings.Repeat("sand ", bound)

	lexemes := searchtext.Lexemes(1, searchtext.Text{Title: "Dune", Description: plenty})
	require.LessOrEqual(t, len(lexemes), bound)
	require.Greater(t, len(lexemes), bound-20, "no more is left out than has to be")
	require.Contains(t, lexemes, `'dune':1A 'sand':2C`)
	require.True(t, strings.HasSuffix(lexemes, `'sand':16383C`))

	for _, text := range []searchtext.Text{{Title: plenty}, {Author: plenty}, {ISBN: plenty}} {
		require.LessOrEqual(t, len(searchtext.Lexemes(1, text)), bound)
	}
}

func TestWholeTitlesAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 1000 // bytes
	for name, title := range map[string]string{
		"as long as may be": strings.Repeat("a", 100) + strings.Repeat(" bcdefgh 1", 90),
		"longer":            strings.Repeat("war and peace ", 100),
		"of long letters":   strings.Repeat("𠮷野家 ", 300),
		"odd":               "a " + strings.Repeat("жук ", 300),
	} {
		whole := searchtext.Fold(title)
		var found string
		for _, l := range readLexemes(t, searchtext.Lexemes(1, searchtext.Text{Title: title})) {
			if rest, is := strings.CutPrefix(l.text, "="); is {
				found = rest
			}
		}
		require.LessOrEqual(t, len(found), bound, name)
		require.Greater(t, len(found), bound-utf8.UTFMax, name)
		require.True(t, utf8.ValidString(found), name)
		require.True(t, strings.HasPrefix(whole, found), name)
	}
}

func TestWiderLexemes(t *testing.T) {
	t.Parallel()
	first := searchtext.Lexeme{Text: "^du", Prefix: true}
	naming, share := first.Wider()
	require.Equal(t, searchtext.Lexeme{Text: ";du", Prefix: true}, naming)
	require.Greater(t, 1.0, share)
	word, _ := naming.Wider()
	require.Equal(t, searchtext.Lexeme{Text: "du", Prefix: true}, word)
	none, _ := word.Wider()
	require.Zero(t, none)
	require.True(t, searchtext.Lexeme{Text: "=dune"}.IsTitle())
	require.False(t, word.IsTitle())
}

// lexeme is one of a tsvector, once for each of its positions.
type lexeme struct {
	text     string
	position int
	weight   byte // 0: it has no position
}

var oneLexeme = regexp.MustCompile(`'([^']+)'(?::(\d+)([A-D]))?( |$)`)

// readLexemes reads a tsvector's text form, all of it.
func readLexemes(t require.TestingT, lexemes string) []lexeme {
	var all []lexeme
	read := 0
	for _, found := range oneLexeme.FindAllStringSubmatch(lexemes, -1) {
		read += len(found[0])
		l := lexeme{text: found[1]}
		if found[2] != "" {
			_, err := fmt.Sscan(found[2], &l.position)
			require.NoError(t, err)
			l.weight = found[3][0]
		}
		all = append(all, l)
	}
	require.Equal(t, len(lexemes), read, "%q", lexemes)
	return all
}
