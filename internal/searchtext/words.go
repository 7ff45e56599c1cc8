package searchtext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxWord is how many runes of a word count; what is longer is cut, alike in
// books and in queries. It keeps every word within PostgreSQL's limit of 2046
// bytes for a lexeme, beyond which an event could never be applied.
const MaxWord = 255

// Words splits s into folded words, in order.
//
// Folding removes what people leave out or write in another way: case, accents
// and other marks, ligatures, width (all by Unicode's compatibility
// decomposition), apostrophes, and the strokes of letters such as ł and ø.
// Everything else that is neither letter nor digit separates words. So a word
// holds letters, digits and vowel signs only: none of ' \ % _ and no space, which
// is what lets callers put words into LIKE patterns and tsquery without escaping.
//
// Scripts without spaces, such as Chinese, give one word per run of characters.
func Words(s string) []string {
	if !isASCII(s) {
		s = decompose(s)
	}
	folded, ends := foldWords(s)
	if len(ends) == 0 {
		return nil
	}
	words := make([]string, len(ends))
	begin := 0
	for i, end := range ends {
		words[i] = folded[begin:end]
		begin = end
	}
	return words
}

// foldWords gives the words of a decomposed text in one string, and where in it
// each of them ends: a book has dozens, and a string for each would be most of what
// indexing it costs.
func foldWords(s string) (folded string, ends []int) {
	all := make([]byte, 0, len(s))
	ends = make([]int, 0, len(s)/5+1)
	runes := 0
	for _, r := range s {
		switch {
		case r == '\'' || r == '`':
			// o'brien is obrien
		case isWordRune(r):
			if runes < MaxWord {
				all = utf8.AppendRune(all, lower(r))
				runes++
			}
		case runes > 0:
			ends = append(ends, len(all))
			runes = 0
		}
	}
	if runes > 0 {
		ends = append(ends, len(all))
	}
	return string(all), ends
}

// Fold gives the words of s with one space between them.
func Fold(s string) string { return strings.Join(Words(s), " ") }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	// Spacing marks are the vowels of Indic scripts.
	return unicode.In(r, unicode.L, unicode.N, unicode.Mc)
}

// lower needs to know ASCII only: the rest has been folded by decompose.
func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + ('a' - 'A')
	}
	return r
}

// decompose folds everything but ASCII case and punctuation.
func decompose(s string) string {
	// Before decomposing, which would make a space with an accent of "´".
	s = apostrophes.Replace(s)
	// Folding decomposes some letters and decomposing makes some foldable.
	s = norm.NFKD.String(cases.Fold().String(norm.NFKD.String(s)))
	s = strings.Map(unmarked, s)
	s = strokes.Replace(s)
	// Composed again, a syllable of Hangul is one character and a part of a word
	// begins and ends where readers think it does.
	return norm.NFC.String(s)
}

var apostrophes = strings.NewReplacer("’", "", "‘", "", "ʼ", "", "ʻ", "", "´", "", "′", "", "＇", "")

// strokes are letters that look like another with a mark but do not decompose,
// and those whose usual spelling on other keyboards is two letters.
var strokes = strings.NewReplacer(
	"ł", "l", "ø", "o", "đ", "d", "ð", "d", "ħ", "h", "ŧ", "t", "ı", "i",
	"æ", "ae", "œ", "oe", "þ", "th",
	"ʼ", "", // what ŉ has decomposed to
)

// unmarked removes accents, and characters that are not seen, such as soft hyphens
// and direction marks.
func unmarked(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		return r
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return -1
	case unicode.Is(unicode.Cherokee, r):
		// Unicode folds Cherokee to its capitals; package cases turns either case into
		// the other.
		return unicode.ToUpper(r)
	}
	return r
}
