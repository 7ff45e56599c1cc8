package importer

import (
	"regexp"
	"strings"

	"bookstore/internal/isbn"
)

// isbnColumns are the names of columns with ISBNs, best first, in lower case. A file
// may have several, and on many of its rows only one of them says anything; so here
// all of them count, unlike with the other details.
var isbnColumns = []string{"isbn13", "isbn_13", "isbn", "isbn10", "isbn_10"}

// lostZeros matches an ISBN-10 that a spreadsheet took for a number, and so for one
// without zeros in front. Real numbers lose up to five; the "0" and "1" that stand
// in some files for "none" are not among these.
var lostZeros = regexp.MustCompile(`^[0-9]{4,8}[0-9Xx]$`)

// readISBN returns the thirteen digits of the first cell that has an ISBN, and ""
// where none has. bad says that there is something none the less, which is no ISBN.
func readISBN(cells []string) (isbn13 string, bad bool) {
	for _, cell := range cells {
		for text := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ',' || r == ';' }) {
			text = fromSpreadsheet(text)
			if isbn13, ok := isbn.Parse(text); ok {
				return isbn13, false
			}
			bad = bad || text != ""
		}
	}
	return "", bad
}

// fromSpreadsheet undoes what spreadsheets and data frames do to an ISBN: the
// ="0306406152" that keeps it a text, the decimals and the zeros of a number.
func fromSpreadsheet(text string) string {
	text = strings.Trim(strings.TrimSpace(text), `='"`)
	text = wholeNumber.ReplaceAllString(text, "$1")
	if lostZeros.MatchString(text) {
		text = strings.Repeat("0", 10-len(text)) + text
	}
	return text
}
