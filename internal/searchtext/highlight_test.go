package searchtext_test

import (
	"html"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/searchtext"
)

func TestMarks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text              string
		words, beginnings string // with spaces between them
		want              string
	}{
		"nothing":                {"Dune Messiah", "", "", "Dune Messiah"},
		"no text":                {"", "dune", "d", ""},
		"a word":                 {"Dune Messiah", "dune", "", "[Dune] Messiah"},
		"only whole words":       {"Dune Dunes Dun", "dune", "", "[Dune] Dunes Dun"},
		"all of them":            {"Dune, dune & DUNE", "dune", "", "[Dune], [dune] & [DUNE]"},
		"words and a beginning":  {"The Hunger Games (The Hunger Games, #1)", "hunger 1", "ga", "The [Hunger] [Ga]mes (The [Hunger] [Ga]mes, #[1])"},
		"whole beats beginning":  {"Dune", "dune", "du", "[Dune]"},
		"longest beginning":      {"Dune", "", "d dun du", "[Dun]e"},
		"beginning is all":       {"Dune", "", "dune", "[Dune]"},
		"beginning is more":      {"Dune", "", "dunes", "Dune"},
		"apostrophe":             {"Flann O’Brien's", "obriens", "", "Flann [O’Brien's]"},
		"apostrophe, beginning":  {"O’Brien O'Brien", "", "ob", "[O’B]rien [O'B]rien"},
		"apostrophe at the cut":  {"O’Brien O'Brien", "", "o", "[O]’Brien [O]'Brien"},
		"quotes":                 {"‘Dune’ 'Dune' “Dune” ’’Dune’’", "dune", "", "‘[Dune]’ '[Dune]' “[Dune]” ’’[Dune]’’"},
		"accents":                {"Gabriel García Márquez", "garcia", "mar", "Gabriel [García] [Már]quez"},
		"accents decomposed":     {"Zoe\u0308 Zoe\u0308s", "zoe", "zo", "[Zoe\u0308] [Zo]e\u0308s"},
		"cut behind an accent":   {"E\u0301mile Émile", "", "e", "[E\u0301]mile [É]mile"},
		"sharp s":                {"Straße, STRASSE", "strasse", "", "[Straße], [STRASSE]"},
		"cut behind sharp s":     {"Straße", "", "strass", "[Straß]e"},
		"no cut in sharp s":      {"Straße", "", "stras", "[Straße]"},
		"ligature":               {"ﬁnd æon", "find", "ae", "[ﬁnd] [æ]on"},
		"no cut in a ligature":   {"ﬁnd", "", "f", "[ﬁnd]"},
		"strokes":                {"Jo Nesbø, Stanisław", "nesbo", "stanisl", "Jo [Nesbø], [Stanisł]aw"},
		"turkish i":              {"İstanbul ısı", "", "is", "[İs]tanbul [ıs]ı"},
		"width":                  {"ＤＵＮＥ Ⅳ", "iv", "du", "[ＤＵ]ＮＥ [Ⅳ]"},
		"one sign, two words":    {"x½y", "2y", "", "x[½y]"},
		"both in one sign":       {"x½y", "x1 2y", "", "[x½y]"},
		"greek":                  {"Ὀδυσσεύς", "οδυσσευσ", "", "[Ὀδυσσεύς]"},
		"cyrillic":               {"Война и мир", "воина", "ми", "[Война] и [ми]р"},
		"chinese":                {"《红楼梦》（上）", "上", "红楼", "《[红楼]梦》（[上]）"},
		"japanese":               {"ハリー・ポッター", "ホッター", "ハリ", "[ハリ]ー・[ポッター]"},
		"half width katakana":    {"ﾊﾘｰ・ﾎﾟｯﾀｰ", "ホッター", "", "ﾊﾘｰ・[ﾎﾟｯﾀｰ]"},
		"hangul":                 {"한강 채식주의자", "한강", "채식", "[한강] [채식]주의자"},
		"jamo":                   {"\u1112\u1161\u11ab강", "", "한", "[\u1112\u1161\u11ab]강"},
		"hindi":                  {"गोदान", "गोदान", "", "[गोदान]"},
		"no cut before a vowel":  {"गोदान", "", "ग", "[गोदान]"},
		"cut behind a vowel":     {"गोदान", "", "गो", "[गो]दान"},
		"arabic":                 {"كِتَاب", "", "كت", "[كِتَ]اب"},
		"soft hyphen":            {"co\u00adoperate", "", "coo", "[co\u00ado]perate"},
		"invalid UTF-8":          {"du\xffne", "ne", "d", "[d]u\xff[ne]"},
		"a word for what is cut": {strings.Repeat("ж", 300), strings.Repeat("ж", 255), "", "[" + strings.Repeat("ж", 255) + "]" + strings.Repeat("ж", 45)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			marks := searchtext.Marks{Words: strings.Fields(tc.words), Beginnings: strings.Fields(tc.beginnings)}
			got := html.UnescapeString(searchtext.Marked(tc.text, marks.In(tc.text)))
			require.Equal(t, tc.want, strings.NewReplacer("<mark>", "[", "</mark>", "]").Replace(got))
		})
	}
}

func TestMarkedIsEscaped(t *testing.T) {
	t.Parallel()
	const text = `<b>"Tom" & Jerry's</b> <mark>`
	require.Equal(t,
		`&lt;b&gt;&#34;<mark>Tom</mark>&#34; &amp; <mark>Jerry&#39;s</mark>&lt;/b&gt; &lt;mark&gt;`,
		searchtext.Marked(text, searchtext.Marks{Words: []string{"tom", "jerrys"}}.In(text)))
	require.Equal(t, html.EscapeString(text), searchtext.Marked(text, nil))
}

// Every word of the text is found, in order, and what is shown is the text.
func TestMarkingAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := trickyText().Draw(t, "text")
		words := searchtext.Words(text)
		marks := searchtext.Marks{Words: []string{""}, Beginnings: []string{""}}
		for _, word := range words {
			switch rapid.IntRange(0, 2).Draw(t, "mark") {
			case 0:
				marks.Words = append(marks.Words, word)
			case 1:
				letters := []rune(word)
				marks.Beginnings = append(marks.Beginnings, string(letters[:rapid.IntRange(1, len(letters)).Draw(t, "letters")]))
			}
		}
		spans := marks.In(text)
		require.Equal(t, len(marks.Words)+len(marks.Beginnings) > 2, len(spans) > 0)
		requireInOrder(t, text, spans)
		unmarked := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(searchtext.Marked(text, spans))
		require.Equal(t, text, html.UnescapeString(unmarked))
		for _, s := range spans {
			require.NotEmpty(t, searchtext.Words(text[s.Begin:s.End]), "%+q", text[s.Begin:s.End])
		}
	})
}

// requireInOrder fails where spans overlap, are empty or reach out of the text.
func requireInOrder(t require.TestingT, text string, spans []searchtext.Span) {
	at := 0
	for _, s := range spans {
		require.LessOrEqual(t, at, s.Begin)
		require.Less(t, s.Begin, s.End)
		at = s.End
	}
	require.LessOrEqual(t, at, len(text))
}

// BenchmarkHighlight is what highlights of one book cost.
func BenchmarkHighlight(b *testing.B) {
	const english = "In the ruins of a place once known as North America lies the nation of Panem, a shining Capitol surrounded by twelve outlying districts. “The Capitol” is harsh and cruel and keeps the districts in line by forcing them all to send one boy and one girl to participate in the annual Hunger Games — a fight to the death."
	const russian = "В романе «Война и мир» Лев Николаевич Толстой описывает русское общество в эпоху войн против Наполеона в 1805—1812 годах; эпилог доводит повествование до 1820 года. Это одно из самых крупных произведений мировой литературы, которое переведено на все языки, и новый мир, который открылся миру."
	const chinese = "《红楼梦》，中国古典四大名著之首，清代作家曹雪芹创作的章回体长篇小说，又名《石头记》《金玉缘》。此书分为一百二十回，前八十回由曹雪芹所著，后四十回作者为无名氏，整理者为程伟元、高鹗。小说以贾、史、王、薛四大家族的兴衰为背景，以贾府的家庭琐事、闺阁闲情为脉络。"
	for name, bm := range map[string]struct {
		book  [3]string
		marks searchtext.Marks
	}{
		"english": {[3]string{"The Hunger Games (The Hunger Games, #1)", "Suzanne Collins", english}, searchtext.Marks{Words: []string{"hunger", "the"}, Beginnings: []string{"ga"}}},
		"russian": {[3]string{"Война и мир", "Лев Толстой", russian}, searchtext.Marks{Words: []string{"воина", "и"}, Beginnings: []string{"ми"}}},
		"chinese": {[3]string{"红楼梦", "曹雪芹", chinese}, searchtext.Marks{Words: []string{"曹雪芹"}, Beginnings: []string{"红楼"}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i, text := range bm.book {
					spans := bm.marks.In(text)
					if i == 2 {
						text, spans = searchtext.Snippet(text, spans, 120)
					}
					_ = searchtext.Marked(text, spans)
				}
			}
		})
	}
}
