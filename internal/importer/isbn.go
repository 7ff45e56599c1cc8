package importer

import (
	"strings"

	"bookstore/internal/isbn"
)

// isbnColumns are the names of columns with ISBNs, best first, in lower case. A file
// may have several, and on many of its rows only one of them says anything; so here
// all of them count, unlike with the other details.
var isbnColumns = []string{"isbn13", "isbn_13", "isbn", "isbn10", "isbn_10"}

// readISBN returns the thirteen digits of the first cell that has an ISBN, and ""
// where none has. bad says that there is something none the less, which is no ISBN.
func readISBN(cells []string) (isbn13 string, bad bool) {
	for _, cell := range cells {
		for text := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ',' || r == ';' }) {
			text = isbn.FromSpreadsheet(text)
			if isbn13, ok := isbn.Parse(text); ok {
				return isbn13, false
			}
			bad = bad || text != ""
		}
	}
	return "", bad
}
