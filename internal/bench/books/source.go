package books

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Source is what a catalogue is made of. Each list has a thing as often as it
// occurs in the real catalogue, so that to draw from it evenly is to draw with the
// real frequency.
type Source struct {
	words   []string // of titles, without the series in brackets
	lengths []int    // of titles, in words
	series  []string // "The Hunger Games, #1"; "" for a book that belongs to none
	given   []string // names of authors but for the last part, "J.K."
	family  []string // the last part, "Rowling"
	authors []int    // of a book
	years   []string // as published_at; "" where nobody knows
}

// Limits of what is made: titles in words, authors of a book.
const (
	minTitle, maxTitle = 2, 7
	maxAuthors         = 3
)

// Columns that [ReadSource] needs.
const (
	columnTitle   = "title"
	columnAuthors = "authors"
	columnYear    = "original_publication_year"
)

// Faults of a source.
var (
	ErrNoColumn = errors.New("the column is missing")
	ErrTooSmall = errors.New("there are no titles and authors to make books of")
)

// ReadSource reads a real catalogue: CSV with the columns title, authors (with
// commas between them) and original_publication_year; others are ignored. It is
// written for goodbooks-10k, whose titles end in "(Name of the series, #1)". It
// fails with [ErrNoColumn], [ErrTooSmall] or what was wrong with the CSV.
func ReadSource(from io.Reader) (*Source, error) {
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
	var s Source
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		s.addTitle(row[at[columnTitle]])
		s.addAuthors(row[at[columnAuthors]])
		s.years = append(s.years, isoYear(row[at[columnYear]]))
	}
	if len(s.words) == 0 || len(s.family) == 0 {
		return nil, fmt.Errorf("read the catalogue: %w", ErrTooSmall)
	}
	return &s, nil
}

// inSeries matches a title that names its series.
var inSeries = regexp.MustCompile(`^(.*\S)\s*\(([^()]+#[^()]+)\)$`)

func (s *Source) addTitle(title string) {
	series := ""
	if m := inSeries.FindStringSubmatch(strings.TrimSpace(title)); m != nil {
		title, series = m[1], m[2]
	}
	words := strings.Fields(title)
	s.words = append(s.words, words...)
	s.lengths = append(s.lengths, min(max(len(words), minTitle), maxTitle))
	s.series = append(s.series, series)
}

func (s *Source) addAuthors(authors string) {
	n := 0
	for name := range strings.SplitSeq(authors, ",") {
		parts := strings.Fields(name)
		if len(parts) == 0 {
			continue
		}
		last := len(parts) - 1
		s.given = append(s.given, strings.Join(parts[:last], " "))
		s.family = append(s.family, parts[last])
		n++
	}
	s.authors = append(s.authors, min(max(n, 1), maxAuthors))
}

// isoYear writes a year as published_at has it: four digits, with a sign before
// Christ. What is no year becomes "".
func isoYear(year string) string {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(year), ".0"))
	switch {
	case err != nil:
		return ""
	case n < 0:
		return fmt.Sprintf("%05d", n)
	}
	return fmt.Sprintf("%04d", n)
}
