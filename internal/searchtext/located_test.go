package searchtext_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

// trickyText draws texts in which the folding of one character depends on others:
// marks of all classes, jamo, apostrophes, characters that fold to several or to
// nothing, and bytes that are characters only when what is between them goes.
func trickyText() *rapid.Generator[string] {
	return rapid.OneOf(
		anyText(),
		rapid.Custom(func(t *rapid.T) string { // norm breaks up what has more than 30 marks
			marks := strings.Repeat(rapid.SampledFrom([]string{"\u0301", "\u302e", "\u0327\u302e", "\U0001d165"}).Draw(t, "mark"), rapid.IntRange(28, 70).Draw(t, "marks"))
			return rapid.String().Draw(t, "before") + "a" + marks + rapid.SampledFrom([]string{"", "b", "’", "\xff", "ᅡ", " "}).Draw(t, "behind") + marks
		}),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{
			"a", "Z", "'", "`", "’", "ʼ", "´", " ", ".", "\u0301", "\u0327", "\u0345", "\u034f", "\u0338", "\u302e", "\u302f",
			"\U0001d165", "\U00016ff0", "ß", "ﬁ", "½", "⑴", "㏂", "ŉ", "ΐ", "ﷺ", "İ", "ı", "Ω", "ᄀ", "ᅡ", "ᆨ", "가", "각", "ﾊ", "ﾟ", "が", "か\u3099",
			"क", "\u093c", "ि", "ো", "ে", "া", "ำ", "ཱི", "\u200d", "\u00ad", "\u202e", "Ꭰ", "ꭰ", "ꮿ", "𝒳", "🙂", "—", "“", "\uFFFD",
			"\xff", "\xc3", "\xa9", "\xe2", "\x80", "\x99", "\xf0\x9f", "\xea\xb0", "\x00",
		})), func(parts []string) string { return strings.Join(parts, "") }),
	)
}

// requireLocated fails where what is marked could be other words than those searched.
func requireLocated(t require.TestingT, text string) {
	words, spans := searchtext.LocatedWords(text)
	require.Equal(t, searchtext.Words(text), words, "%+q", text)
	for i, s := range spans {
		require.Less(t, s.Begin, s.End, "%+q", text)
		require.Contains(t, searchtext.Words(text[s.Begin:s.End]), words[i], "%+q", text)
		if i > 0 {
			require.LessOrEqual(t, spans[i-1].Begin, s.Begin, "%+q", text)
			require.LessOrEqual(t, spans[i-1].End, s.End, "%+q", text)
		}
	}
}

func TestWordsAreLocated(t *testing.T) {
	t.Parallel()
	requireLocated(t, "caf\xc3’\xa9s") // without the apostrophe an é
	rapid.Check(t, func(t *rapid.T) { requireLocated(t, trickyText().Draw(t, "text")) })
}

// No character, whatever stands around it, makes the words others than those searched.
func TestWordsAreLocatedAroundEveryCharacter(t *testing.T) {
	t.Parallel()
	for r := range unicode.MaxRune + 1 {
		switch {
		case !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf):
			continue // not assigned
		case (unicode.Is(unicode.Han, r) || 0xAC00 <= r && r <= 0xD7A3) && r%64 != 0:
			continue // thousands that are all alike
		}
		c := string(r)
		text := c + " a" + c + "b é" + c + "\u0301" + c + " ᄀ" + c + "ᅡ" + c + "ᆨ " + c + c + "\u302e " + c + "ᅡ \u302e" + c + "\u0327 ’" + c + "’ে" + c + "া " + c + "’"
		if words, _ := searchtext.LocatedWords(text); !slices.Equal(searchtext.Words(text), words) {
			require.Equal(t, searchtext.Words(text), words, "%+q", text)
		}
	}
}

// Where a word is, and nothing else, is what gives the word.
func TestSpansOfWordsFoldToThem(t *testing.T) {
	t.Parallel()
	letters := rapid.SampledFrom([]string{"a", "Z", "é", "e\u0301", "ß", "ﬁ", "o’", "İ", "Ж", "й", "가", "が", "中", "कि", "ـ", "٣", " ", " ", ", ", "—", "‘", "’", "'"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(letters).Draw(t, "text"), "")
		words, spans := searchtext.LocatedWords(text)
		for i, s := range spans {
			require.Equal(t, words[i:i+1], searchtext.Words(text[s.Begin:s.End]), "%+q", text)
			if i > 0 {
				require.LessOrEqual(t, spans[i-1].End, s.Begin, "%+q", text)
			}
		}
	})
}
