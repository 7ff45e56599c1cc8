package command

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"bookstore/internal/events"
	"bookstore/internal/isbn"
)

// Limits of a book's details, in characters (Unicode code points): several times the
// longest in real catalogues, where lists of authors pass 700.
const (
	MaxTitle       = 1_000
	MaxAuthor      = 2_000
	MaxDescription = 20_000
)

// Fault is one thing wrong with a book's details; the texts are fit for the client.
type Fault struct {
	Field   string // as in the JSON
	Message string
}

// CheckDetails returns everything that is wrong with d; empty when it can be a book.
func CheckDetails(d events.Details) []Fault {
	var faults []Fault
	check := func(field, value string, limit int, required, lines bool) {
		if message := checkText(value, limit, required, lines); message != "" {
			faults = append(faults, Fault{Field: field, Message: message})
		}
	}
	check("title", d.Title, MaxTitle, true, false)
	check("author", d.Author, MaxAuthor, true, false)
	check("description", d.Description, MaxDescription, false, true)
	if err := events.CheckPublishedAt(d.PublishedAt); err != nil {
		faults = append(faults, Fault{Field: "published_at", Message: err.Error()})
	}
	if isbn13, ok := isbn.Parse(d.ISBN); d.ISBN != "" && (!ok || isbn13 != d.ISBN) {
		faults = append(faults, Fault{Field: "isbn", Message: isbnFault})
	}
	return faults
}

// isbnFault is for the client, who may write an ISBN in any way; in a command there
// is but one, its thirteen digits, so that one book's ISBN is one text to all.
const isbnFault = `must be an ISBN-10 or ISBN-13 whose check digit is right, such as "0-306-40615-2" or "978-3-16-148410-0"; leave it out where there is none`

// plainISBN returns the thirteen digits of an ISBN in any form, and a text that is
// none as it is, for [CheckDetails] to refuse.
func plainISBN(text string) string {
	if isbn13, ok := isbn.Parse(text); ok {
		return isbn13
	}
	return text
}

func checkText(s string, limit int, required, lines bool) string {
	if !utf8.ValidString(s) {
		return "must be valid UTF-8"
	}
	if required && strings.TrimSpace(s) == "" {
		return "must not be empty"
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return fmt.Sprintf("must have at most %d characters, has %d", limit, n)
	}
	for _, r := range s {
		if unicode.IsControl(r) && (!lines || r != '\n' && r != '\r' && r != '\t') {
			return fmt.Sprintf("must not contain the control character U+%04X", r)
		}
	}
	return ""
}
