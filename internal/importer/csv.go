package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"bookstore/internal/events"
)

// csvReader reads rows of RFC 4180, with the names of the columns in the first.
//
// It finds by itself where a row ends, and leaves what is in it to encoding/csv,
// which gets one row at a time. Given the whole file, encoding/csv would follow a
// quote that is never closed to the end of the file, and thousands of good rows
// would be one bad one. Here a row that is malformed costs its first line; what
// was read beyond that is read again.
type csvReader struct {
	lines   *lineReader
	names   int // how many columns there are
	columns mapping
}

// newCSVReader reads the names of the columns.
func newCSVReader(lines *lineReader, given Columns, ignored *ignoredNames) (*csvReader, error) {
	c := &csvReader{lines: lines}
	line, names, err := c.record()
	if errors.Is(err, io.EOF) {
		return nil, ErrEmpty
	}
	if err != nil {
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	columns, nobodys, err := mapColumns(names, given)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	ignored.add(nobodys)
	c.names, c.columns = len(names), columns
	return c, nil
}

// next implements [source].
func (c *csvReader) next() (row, error) {
	line, values, err := c.record()
	if err != nil {
		return row{}, err
	}
	if len(values) != c.names {
		return row{}, &RowError{Line: line, Reason: fmt.Sprintf("has %d columns, the first row has %d", len(values), c.names)}
	}
	var d events.Details
	for i, at := range c.columns.fields {
		if at >= 0 {
			*fields[i].of(&d) = values[at]
		}
	}
	isbns := make([]string, len(c.columns.isbns))
	for i, at := range c.columns.isbns {
		isbns[i] = values[at]
	}
	return newRow(line, d, isbns)
}

// record reads one row and the number of its first line.
func (c *csvReader) record() (int, []string, error) {
	first, err := c.lines.next()
	for err == nil && first.blank() && !first.tooLong {
		first, err = c.lines.next()
	}
	if err != nil {
		return 0, nil, err
	}
	text, rest, err := c.complete(first)
	if err != nil {
		return first.number, nil, err
	}
	values, err := parseRecord(text)
	if err != nil {
		c.lines.takeBack(rest)
		return first.number, nil, malformed(first.number, err)
	}
	return first.number, values, nil
}

// complete returns the text of the row that begins with first, and the lines
// that it took beyond first: a row goes on while its quotes are odd in number.
func (c *csvReader) complete(first textLine) (text []byte, rest []textLine, err error) {
	text = first.text
	if first.tooLong {
		return nil, nil, &RowError{Line: first.number, Reason: fmt.Sprintf("is longer than %d bytes", maxRecordBytes)}
	}
	quotes := bytes.Count(text, []byte{'"'})
	for quotes%2 == 1 {
		line, err := c.lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, err
		}
		if err == nil {
			rest = append(rest, line)
		}
		if err != nil || line.tooLong || len(text)+len(line.text) > maxRecordBytes {
			c.lines.takeBack(rest)
			_, err := parseRecord(first.text) // says which quote of the line it is
			return nil, nil, malformed(first.number, err)
		}
		text = append(text, line.text...)
		quotes += bytes.Count(line.text, []byte{'"'})
	}
	return text, rest, nil
}

func parseRecord(text []byte) ([]string, error) {
	return csv.NewReader(bytes.NewReader(text)).Read()
}

// malformed says what encoding/csv found, for somebody who has the file open.
func malformed(line int, err error) error {
	reason := err.Error()
	var at *csv.ParseError
	if errors.As(err, &at) {
		switch {
		case errors.Is(err, csv.ErrBareQuote):
			reason = "a quote in a field that does not begin with one; put the field in quotes and double the quote"
		case errors.Is(err, csv.ErrQuote):
			reason = "a field in quotes does not end, or goes on after its closing quote"
		}
		reason = fmt.Sprintf("malformed CSV at line %d, byte %d: %s", line+at.Line-1, at.Column, reason)
	}
	return &RowError{Line: line, Reason: reason}
}
