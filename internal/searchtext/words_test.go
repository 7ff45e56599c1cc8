package searchtext_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"empty":                  {"", ""},
		"only spaces":            {" \t\n ", ""},
		"only punctuation":       {`%_\'"!?`, ""},
		"case":                   {"The HOBBIT", "the hobbit"},
		"punctuation":            {"Catch-22: a novel (50th ed.)", "catch 22 a novel 50th ed"},
		"underscore and percent": {"100%_sure", "100 sure"},
		"apostrophe":             {"O'Brien", "obrien"},
		"apostrophes of type":    {"O’Brien, O‘Brien, Oʼbrien, O´Brien, O`Brien, O＇Brien", "obrien obrien obrien obrien obrien obrien"},
		"initials":               {"J.R.R. Tolkien", "j r r tolkien"},
		"accents":                {"Gabriel García Márquez, Émile Zola, Čapek", "gabriel garcia marquez emile zola capek"},
		"accents decomposed":     {"Zoe\u0308", "zoe"},
		"strokes":                {"Stanisław Lem, Jo Nesbø, Łódź, ÆØÅ, Þór", "stanislaw lem jo nesbo lodz aeoa thor"},
		"sharp s":                {"Straße STRASSE STRAẞE", "strasse strasse strasse"},
		"turkish i":              {"İstanbul ISTANBUL ısı", "istanbul istanbul isi"},
		"ligatures and width":    {"ﬁn ＡＢＣ Ⅳ x²", "fin abc iv x2"},
		"greek final sigma":      {"ΟΔΥΣΣΕΥΣ Ὀδυσσεύς", "οδυσσευσ οδυσσευσ"},
		"cyrillic":               {"Война и мир, ЁЛКА", "воина и мир елка"},
		"chinese":                {"红楼梦（上）", "红楼梦 上"},
		"japanese":               {"ﾊﾘｰ・ポッター", "ハリー ホッター"},
		"hangul stays composed":  {"한강 채식주의자", "한강 채식주의자"},
		"hindi keeps vowels":     {"गोदान", "गोदान"},
		"arabic without marks":   {"كِتَاب", "كتاب"},
		"soft hyphen":            {"co\u00adoperate", "cooperate"},
		"digits":                 {"1984 ٣", "1984 ٣"},
		"invalid UTF-8":          {"du\xffne", "du ne"},
		"NUL":                    {"a\x00b", "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, searchtext.Fold(tc.in))
		})
	}
}

// What callers build patterns and queries on.
func TestWordsHoldNothingThatNeedsEscaping(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for _, word := range searchtext.Words(anyText().Draw(t, "text")) {
			require.NotEmpty(t, word)
			require.True(t, utf8.ValidString(word))
			require.LessOrEqual(t, utf8.RuneCountInString(word), searchtext.MaxWord)
			require.False(t, strings.ContainsFunc(word, func(r rune) bool {
				return unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) || unicode.IsControl(r)
			}), "%q", word)
		}
	})
}

func TestFoldingTwiceIsFoldingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		once := searchtext.Fold(anyText().Draw(t, "text"))
		require.Equal(t, once, searchtext.Fold(once))
	})
}

func TestFoldingAnyCharacterTwiceIsFoldingItOnce(t *testing.T) {
	t.Parallel()
	for r := range unicode.MaxRune + 1 {
		if once := searchtext.Fold(string(r)); once != "" {
			require.Equal(t, once, searchtext.Fold(once), "%U", r)
		}
	}
}

func TestCaseAndAccentsNeverMatter(t *testing.T) {
	t.Parallel()
	letters := rapid.SampledFrom([]rune("abcxyzäéñßğøłαβγσωабвгдёйя 0123"))
	rapid.Check(t, func(t *rapid.T) {
		runes := rapid.SliceOf(letters).Draw(t, "runes")
		plain := string(runes)
		var accented strings.Builder
		for _, r := range runes {
			accented.WriteRune(r)
			if unicode.IsLetter(r) {
				accented.WriteRune('\u0301')
			}
		}
		want := searchtext.Words(plain)
		require.Equal(t, want, searchtext.Words(strings.ToUpper(plain)))
		require.Equal(t, want, searchtext.Words(accented.String()))
	})
}

// A text with ASCII letters only takes a short cut that must lead to the same place.
func TestASCIIFoldsAlikeAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ascii := rapid.StringMatching(`[ -~]*`).Draw(t, "text")
		require.Equal(t, append(slices.Clone(searchtext.Words(ascii)), "дюна"), searchtext.Words(ascii+" дюна"))
	})
}

func TestLongWordsAreCutAlike(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ж", searchtext.MaxWord+50)
	require.Equal(t, []string{strings.Repeat("ж", searchtext.MaxWord), "b"}, searchtext.Words(long+" b"))
}

// anyText draws strings of all kinds, also of bytes that are no UTF-8.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.SampledFrom([]rune("aZé'’´`%_\\ -İıßΣς̈́ﬁ½한गो红楼梦\u00ad\u200b"))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

func BenchmarkWords(b *testing.B) {
	for name, text := range map[string]string{
		"ascii":   strings.Repeat("It is a truth universally acknowledged, that a single man ", 5),
		"accents": strings.Repeat("Il est vrai que l'été à Genève était très agréable pour elle, ", 5),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				searchtext.Words(text)
			}
		})
	}
}
