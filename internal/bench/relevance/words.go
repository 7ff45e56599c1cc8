package relevance

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// typed splits a text into words as people type them: in lower case, without
// punctuation but for apostrophes within.
func typed(text string) []string {
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !isApostrophe(r)
	})
	words := fields[:0]
	for _, field := range fields {
		if word := strings.TrimFunc(field, isApostrophe); word != "" {
			words = append(words, word)
		}
	}
	return words
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' || r == '‘' }

// fold makes words alike that people take for the same.
func fold(word string) string {
	return strings.Map(func(r rune) rune {
		if isApostrophe(r) {
			return -1
		}
		return r
	}, withoutAccents(word))
}

func foldAll(words []string) []string {
	folded := make([]string, len(words))
	for i, word := range words {
		folded[i] = fold(word)
	}
	return folded
}

// withoutAccents is text as it is typed on a keyboard that has none.
func withoutAccents(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	return noStrokes.Replace(norm.NFC.String(text))
}

// noStrokes has the letters in lower case that don't decompose.
var noStrokes = strings.NewReplacer("ł", "l", "ø", "o", "đ", "d", "ı", "i", "æ", "ae", "œ", "oe", "ß", "ss", "þ", "th")

// withoutBracket is a title without what stands behind it in brackets, which is most
// often its series; false where there is no such thing.
func withoutBracket(title string) (string, bool) {
	if !strings.HasSuffix(title, ")") {
		return title, false
	}
	open := strings.LastIndex(title, "(")
	if open < 0 || strings.TrimSpace(title[:open]) == "" {
		return title, false
	}
	return strings.TrimSpace(title[:open]), true
}
