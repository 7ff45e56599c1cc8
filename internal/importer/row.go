package importer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"bookstore/internal/events"
)

// row is a book as the file has it.
type row struct {
	line    int  // where it begins, from 1
	badISBN bool // what the file has for an ISBN is none, and is left out
	events.Details
}

// RowError says why a row was not imported. The rest of the file is not affected.
type RowError struct {
	Line   int    // of the file, from 1, where the row begins
	Reason string // on one line; may quote the file
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// idempotencyKey names a row by what it says, so that the same row is the same
// request in every run. It must never change: with another key for the same
// content, a second run would add every book again. Which is also why the ISBN, a
// later detail, is not part of it: the rows of a file that was imported when there
// was none are the same rows now, and rows alike but for it are one book.
func idempotencyKey(d events.Details) string {
	h := sha256.New()
	for _, text := range []string{d.Title, d.Author, d.PublishedAt, d.Description} {
		// With the lengths, ("ab", "c") is not ("a", "bc").
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text)))) // a hash never fails
		_, _ = h.Write([]byte(text))
	}
	return "import-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// wholeNumber matches a year or an ISBN that has been through a spreadsheet or a data
// frame, which make a number with decimals of it as soon as one cell is empty.
var wholeNumber = regexp.MustCompile(`^([+-]?[0-9]+)\.0+$`)

// newRow checks what only the importer can: that the texts are texts. All else is
// for the service to judge, so that the rules are in one place. But for the ISBN,
// of which isbns are all that the row has: catalogs are full of broken ones, and
// the service would refuse the book with it, which is worth more than its number.
func newRow(line int, d events.Details, isbns []string) (row, error) {
	for _, f := range fields {
		if !utf8.ValidString(*f.of(&d)) {
			// JSON would put U+FFFD in its place without a word.
			return row{}, &RowError{Line: line, Reason: f.name + " is not UTF-8"}
		}
	}
	d.PublishedAt = wholeNumber.ReplaceAllString(strings.TrimSpace(d.PublishedAt), "$1")
	r := row{line: line, Details: d}
	r.ISBN, r.badISBN = readISBN(isbns)
	return r, nil
}
