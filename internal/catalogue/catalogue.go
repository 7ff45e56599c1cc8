// Package catalogue holds the books that a new bookstore starts with: some
// three hundred public-domain titles, from Gilgamesh to 1928, with one sentence
// on each, so that the first search has something to find.
//
// Nothing comes in: the books are compiled into the binary. Out goes a fresh
// slice, by year of first publication and in the same order on every call, so
// that two processes, or one that was killed half way, load the very same list;
// loading it no more than once is up to whoever loads it. Sample fails only when
// the embedded file is malformed, which the tests rule out.
package catalogue

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// sampleNDJSON has one JSON object a line, the form that `bookstore import`
// reads too.
//
//go:embed sample.ndjson
var sampleNDJSON []byte

// Book is one title of the sample catalogue, in the fields of the write API.
type Book struct {
	// Title is as on a well-known edition, some in their original script.
	Title string `json:"title"`
	// Author is the name in its natural order; "Anonymous" where none is known.
	Author string `json:"author"`
	// PublishedAt is the ISO 8601 date of first publication, as precise as it is
	// known: year, month or day. Old works have the customary approximate year,
	// those before Christ with a leading minus, as in "-0750".
	PublishedAt string `json:"published_at"`
	// Description is a single sentence of plain text.
	Description string `json:"description"`
}

// Sample returns the sample catalogue, oldest book first. The slice belongs to
// the caller. A field that Book doesn't have is an error, since a misspelt key
// would otherwise load books with an empty field.
func Sample() ([]Book, error) {
	decoder := json.NewDecoder(bytes.NewReader(sampleNDJSON))
	decoder.DisallowUnknownFields()

	var books []Book
	for {
		var book Book
		err := decoder.Decode(&book)
		if errors.Is(err, io.EOF) {
			return books, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decode book %d of the sample catalogue: %w", len(books)+1, err)
		}
		books = append(books, book)
	}
}
