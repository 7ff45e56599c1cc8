package relevance

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bookstore/internal/events"
	"bookstore/internal/isbn"
)

// Book is one of the catalogue.
type Book struct {
	ID int64 // its line among the books, from 1
	events.Details
}

// ErrNoColumn says that a catalogue is without a column that is needed.
var ErrNoColumn = errors.New("the column is missing")

// Columns that [ReadBooks] needs, and one that it takes where it is.
const (
	columnTitle   = "title"
	columnAuthors = "authors"
	columnYear    = "original_publication_year"
	columnISBN    = "isbn"
)

// ReadBooks reads a catalogue: CSV with the columns title, authors,
// original_publication_year and, if there is one, isbn; others are ignored, and so is
// an ISBN that is none. It fails with [ErrNoColumn] or what was wrong with the CSV.
func ReadBooks(from io.Reader) ([]Book, error) {
	rows := csv.NewReader(from)
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("read the catalogue's columns: %w", err)
	}
	at := make(map[string]int)
	for _, column := range []string{columnTitle, columnAuthors, columnYear} {
		if at[column] = slices.Index(header, column); at[column] < 0 {
			return nil, fmt.Errorf("read the catalogue's columns: %w: %s", ErrNoColumn, column)
		}
	}
	atISBN := slices.Index(header, columnISBN)
	var books []Book
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return books, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		book := Book{ID: int64(len(books) + 1), Details: events.Details{
			Title: strings.TrimSpace(row[at[columnTitle]]), Author: strings.TrimSpace(row[at[columnAuthors]]),
			PublishedAt: row[at[columnYear]],
		}}
		if atISBN >= 0 {
			book.ISBN, _ = isbn.Parse(isbn.FromSpreadsheet(row[atISBN]))
		}
		books = append(books, book)
	}
}

// Half is one of the two that the books are split into.
type Half string

// The halves.
const (
	Tuning  Half = "tuning"
	HeldOut Half = "held out"
)

// half says in which half a book is. It must never change: a book that was looked at
// while tuning says nothing any more of how well others are found.
func half(id int64) Half {
	if scatter(uint64(id))>>63 == 0 {
		return Tuning
	}
	return HeldOut
}

// scatter makes neighbours differ in half of their bits (SplitMix64's finalizer).
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
