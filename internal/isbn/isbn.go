package isbn

import (
	"strings"
	"unicode"
)

// Parse returns the thirteen digits of the ISBN that text is, and whether it is
// one: an ISBN-10 (its check digit may be "X" or "x") or an ISBN-13, with a right
// check digit. Hyphens, spaces and invisible characters may stand anywhere, since
// where they belong depends on tables of publishers that grow; before the number
// may stand "ISBN", "ISBN-10:" and the like, in any case. The digits are those of
// ASCII. Anything else around the number makes the text no ISBN.
func Parse(text string) (isbn13 string, ok bool) {
	var space [maxCompact]byte
	compact, ok := compacted(space[:0], text)
	if !ok {
		return "", false
	}
	number := unlabelled(string(compact))
	switch len(number) {
	case 10:
		return from10(number)
	case 13:
		if valid13(number) {
			return number, true
		}
	}
	return "", false
}

// maxCompact is the length of the longest ISBN without separators:
// "ISBN13:" and thirteen digits.
const maxCompact = len("ISBN13:") + 13

// compacted appends text to b, in upper case and without its separators. It gives
// up on what can't be an ISBN, so that a long text costs nothing.
func compacted(b []byte, text string) ([]byte, bool) {
	for _, r := range text {
		if separates(r) {
			continue
		}
		if r > unicode.MaxASCII || len(b) == maxCompact {
			return nil, false
		}
		b = append(b, byte(unicode.ToUpper(r)))
	}
	return b, true
}

// separates says whether r may stand between the digits: spaces and dashes, the
// no-break ones of word processors and the minus of spreadsheets among them, and
// the marks of writing direction that come along when a web page is copied.
func separates(r rune) bool {
	const minus = '\u2212' // to Unicode a symbol, no dash
	return r == minus || unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf)
}

// unlabelled returns what follows "ISBN", "ISBN10", "ISBN13" and a colon. The
// label's "13" is told from a number that begins with 13 by the length of it all.
// A label that names the other kind than the number is of changes nothing: the
// number speaks for itself.
func unlabelled(s string) string {
	s, labelled := strings.CutPrefix(s, "ISBN")
	if !labelled {
		return s
	}
	if number, colon := strings.CutPrefix(s, ":"); colon {
		return number
	}
	for _, kind := range []string{"10", "13"} {
		rest, found := strings.CutPrefix(s, kind)
		number, colon := strings.CutPrefix(rest, ":")
		if found && (colon || len(s) == 2+10 || len(s) == 2+13) {
			return number
		}
	}
	return s
}

// from10 returns the ISBN-13 of ten characters: the first nine digits behind the
// prefix 978, with the check digit of that.
func from10(s string) (string, bool) {
	sum := 0
	for i := range 10 {
		digit := int(s[i] - '0')
		switch {
		case i == 9 && s[i] == 'X':
			digit = 10
		case !isDigit(s[i]):
			return "", false
		}
		sum += (10 - i) * digit
	}
	if sum%11 != 0 {
		return "", false
	}
	first12 := "978" + s[:9]
	return first12 + string(check13(first12)), true
}

// valid13 says whether thirteen characters are an ISBN-13. Of the two prefixes of
// books, 979-0 is none: it is that of sheet music, the ISMN (ISO 10957).
func valid13(s string) bool {
	for i := range 13 {
		if !isDigit(s[i]) {
			return false
		}
	}
	if prefix := s[:3]; prefix != "978" && prefix != "979" || s[:4] == "9790" {
		return false
	}
	return s[12] == check13(s[:12])
}

// check13 returns the last digit of an ISBN-13, from the twelve before it.
func check13(first12 string) byte {
	sum := 0
	for i := range 12 {
		weight := 1 + 2*(i%2)
		sum += weight * int(first12[i]-'0')
	}
	return '0' + byte((10-sum%10)%10)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
