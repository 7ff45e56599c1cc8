package searchtext

import (
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is a part of a text: its bytes from Begin up to, not including, End.
type Span struct{ Begin, End int }

// Marks is what to mark in texts, folded as [Words] gives it.
type Marks struct {
	// Words are marked where they are a whole word of the text.
	Words []string
	// Beginnings are marked where a word of the text begins with one, as what has been
	// typed of a query's last word. What follows in the word is not marked, unless a
	// character of the text is in both parts: "s" marks all of "ßa".
	Beginnings []string
}

// In gives the parts of a text, as people wrote it, to mark: in order, and none
// overlapping. They are exactly the characters whose folding gave the words: marks
// and apostrophes within a word belong to it, quotes around it don't.
//
// The words are those of [Words], so what a search found by its words is what is
// marked.
func (m Marks) In(text string) []Span {
	if len(m.Words)+len(m.Beginnings) == 0 {
		return nil
	}
	var spans []Span
	for word := range locate(text) {
		marked, ok := m.of(text, word)
		if !ok {
			continue
		}
		// One character may have given the end of a word and the beginning of the next: ½.
		if last := len(spans) - 1; last >= 0 && marked.Begin < spans[last].End {
			spans[last].End = max(spans[last].End, marked.End)
			continue
		}
		spans = append(spans, marked)
	}
	return spans
}

// of is the part of a word of the text to mark, if any.
func (m Marks) of(text string, word *located) (Span, bool) {
	whole := word.span()
	if slices.ContainsFunc(m.Words, func(w string) bool { return w == string(word.folded) }) {
		return whole, true
	}
	longest := 0
	for _, b := range m.Beginnings {
		if len(b) > longest && len(b) <= len(word.folded) && b == string(word.folded[:len(b)]) {
			longest = len(b)
		}
	}
	if longest == 0 {
		return Span{}, false
	}
	for _, p := range word.pieces {
		if p.foldedEnd == longest && !isMark(text[p.End:]) {
			return Span{whole.Begin, p.End}, true
		}
	}
	return whole, true
}

// isMark is whether text begins with a part of the character before it, such as the
// vowel sign of an Indic syllable.
func isMark(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.Is(unicode.M, r)
}

// Marked is the text as HTML, escaped, with the spans between <mark> and </mark>. They
// must be the text's own, in order, and not overlap, as [Marks.In] and [Snippet] give
// them.
func Marked(text string, spans []Span) string {
	const begin, end = "<mark>", "</mark>"
	var b strings.Builder
	b.Grow(len(text) + len(spans)*len(begin+end))
	at := 0
	for _, s := range spans {
		b.WriteString(html.EscapeString(text[at:s.Begin]))
		b.WriteString(begin)
		b.WriteString(html.EscapeString(text[s.Begin:s.End]))
		b.WriteString(end)
		at = s.End
	}
	b.WriteString(html.EscapeString(text[at:]))
	return b.String()
}
