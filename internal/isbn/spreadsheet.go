package isbn

import (
	"regexp"
	"strings"
)

// lostZeros matches an ISBN-10 that a spreadsheet took for a number, and so for one
// without zeros in front. Real numbers lose up to five; the "0" and "1" that stand
// in some files for "none" are not among these.
var lostZeros = regexp.MustCompile(`^[0-9]{4,8}[0-9Xx]$`)

// decimals matches a number that a data frame took for one with a fraction.
var decimals = regexp.MustCompile(`^([0-9]+)\.0+$`)

// FromSpreadsheet undoes what spreadsheets and data frames do to an ISBN: the
// ="0306406152" that keeps it a text, the decimals and the zeros of a number. What it
// gives may be no ISBN, see [Parse].
func FromSpreadsheet(text string) string {
	text = strings.Trim(strings.TrimSpace(text), `='"`)
	text = decimals.ReplaceAllString(text, "$1")
	if lostZeros.MatchString(text) {
		text = strings.Repeat("0", 10-len(text)) + text
	}
	return text
}
