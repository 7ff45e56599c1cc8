package searchtext_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

func TestSnippet(t *testing.T) {
	t.Parallel()
	const text = "In a hole in the ground there lived a hobbit. Not a nasty, dirty, wet hole: it was a hobbit-hole, and that means comfort."
	for name, tc := range map[string]struct {
		text  string
		words string // with spaces between them
		runes int
		want  string
	}{
		"all of it":                 {text, "hobbit", 200, strings.ReplaceAll(text, "hobbit", "[hobbit]")},
		"just all of it":            {"  a hobbit\n", "a", 8, "[a] hobbit"},
		"without spans":             {text, "", 20, "In a hole in the…"},
		"without spans, at a comma": {text, "", 60, "In a hole in the ground there lived a hobbit. Not a nasty…"},
		"the beginning":             {text, "in", 20, "[In] a hole [in] the…"},
		"the middle":                {text, "dirty", 30, "…a nasty, [dirty], wet hole…"},
		"the end":                   {text, "comfort", 30, "…hole, and that means [comfort]."},
		"the densest":               {text, "hobbit hole", 30, "…[hole]: it was a [hobbit]-[hole]…"},
		"different ones before many": {"the cat the dog the hen and then, but far behind it, the hobbit", "the hobbit", 20,
			"…it, [the] [hobbit]"},
		"many, not what is left":   {"a hobbit, a hobbit, and very much further away a hole", "hobbit hole", 20, "a [hobbit], a [hobbit]…"},
		"the first of the same":    {"a hobbit, and far from there a hobbit", "hobbit", 12, "a [hobbit]…"},
		"one word":                 {text, "hobbit", 6, "…[hobbit]…"},
		"no room for the word":     {text, "hobbit", 3, "…[hob]…"},
		"no room":                  {text, "hobbit", 0, "……"},
		"less than none":           {text, "", -1, "…"},
		"a long word":              {strings.Repeat("a", 100), "", 10, strings.Repeat("a", 10) + "…"},
		"only punctuation":         {strings.Repeat("!", 100), "", 3, "!!!…"},
		"only spaces":              {strings.Repeat(" ", 100), "", 3, ""},
		"apostrophes are no space": {"we don't know", "", 7, "we…"},
		"accents are no space":     {"we cafe\u0301s know", "", 7, "we…"},
		"chinese":                  {"此书分为一百二十回，前八十回由曹雪芹所著，后四十回作者为无名氏", "前八十回由曹雪芹所著", 14, "…回，[前八十回由曹雪芹所著]，后…"},
		"thai marks stay":          {"ที่นี่ที่นี่", "", 4, "ที่…"},
		"japanese marks stay":      {"かか\u3099かか\u3099", "", 3, "かか\u3099…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part, spans := searchtext.Snippet(tc.text, searchtext.Marks{Words: strings.Fields(tc.words)}.In(tc.text), tc.runes)
			got := strings.NewReplacer("<mark>", "[", "</mark>", "]", "&#39;", "'").Replace(searchtext.Marked(part, spans))
			require.Equal(t, tc.want, got)
		})
	}
}

// What is shown is a part of the text that is not too long, and what is marked in it
// was marked in the text.
func TestSnippetOfAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := trickyText().Draw(t, "text")
		marks := searchtext.Marks{Beginnings: rapid.SliceOfN(rapid.SampledFrom(append(searchtext.Words(text), "a", "z")), 0, 3).Draw(t, "beginnings")}
		spans := marks.In(text)
		runes := rapid.IntRange(-1, 30).Draw(t, "runes")

		part, partSpans := searchtext.Snippet(text, spans, runes)
		requireInOrder(t, part, partSpans)
		at, bare := 0, part
		if !strings.Contains(text, bare) {
			bare = strings.TrimPrefix(bare, "…")
			at = len(part) - len(bare)
		}
		if !strings.Contains(text, bare) {
			bare = strings.TrimSuffix(bare, "…")
		}
		require.Contains(t, text, bare)
		require.LessOrEqual(t, utf8.RuneCountInString(bare), max(runes, 0))
		for _, s := range partSpans {
			marked := part[s.Begin:s.End]
			require.GreaterOrEqual(t, s.Begin, at)
			require.Condition(t, func() bool {
				for _, whole := range spans {
					if strings.Contains(text[whole.Begin:whole.End], marked) {
						return true
					}
				}
				return false
			})
		}
		if runes > 0 {
			require.Equal(t, len(spans) > 0, len(partSpans) > 0)
		}
	})
}

// A reader never sees half a word where a whole one has room.
func TestSnippetHasWholeWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,6}[,.]?`), 1, 40).Draw(t, "words"), " ")
		words := searchtext.Words(text)
		marks := searchtext.Marks{Words: rapid.SliceOfN(rapid.SampledFrom(words), 0, 3).Draw(t, "marked")}
		part, spans := searchtext.Snippet(text, marks.In(text), rapid.IntRange(6, 60).Draw(t, "runes"))
		require.Contains(t, " "+strings.Join(words, " ")+" ", " "+searchtext.Fold(part)+" ")
		for _, s := range spans {
			require.Contains(t, marks.Words, part[s.Begin:s.End])
		}
	})
}
