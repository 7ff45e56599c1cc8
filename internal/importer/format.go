package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Format is how a file holds its rows.
type Format string

// The formats.
const (
	FormatAuto   Format = ""       // by the file's extension, else by its first character
	FormatCSV    Format = "csv"    // RFC 4180, with the names of the columns in the first row
	FormatNDJSON Format = "ndjson" // a JSON object a line
)

// Formats lists what [ParseFormat] takes.
func Formats() []Format { return []Format{FormatCSV, FormatNDJSON} }

// ErrUnknownFormat says that there is no such format.
var ErrUnknownFormat = errors.New("unknown format")

// ParseFormat reads a format's name; "" is [FormatAuto]. It fails with
// [ErrUnknownFormat].
func ParseFormat(s string) (Format, error) {
	switch f := Format(strings.ToLower(s)); f {
	case FormatAuto, FormatCSV, FormatNDJSON:
		return f, nil
	}
	return "", fmt.Errorf("%w %q: give csv or ndjson", ErrUnknownFormat, s)
}

// What a file can be that has no rows to read at all.
var (
	ErrEmpty = errors.New("there is nothing in the file")
	ErrUTF16 = errors.New(`the file is UTF-16; what can be read is UTF-8 ("iconv -f UTF-16 -t UTF-8" makes it so)`)
)

// source gives the rows of a file, io.EOF behind the last. A [*RowError] is about
// one row, after which the next can be read; any other error ends the file.
type source interface {
	next() (row, error)
}

// openSource finds out how the file holds its rows. name is the file's name, for
// its extension.
func openSource(r io.Reader, name string, format Format, given Columns, read *atomic.Int64, ignored *ignoredNames) (source, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if err := skipByteOrderMark(buffered, read); err != nil {
		return nil, err
	}
	first, err := firstCharacter(buffered)
	if err != nil {
		return nil, err
	}
	if format == FormatAuto {
		format = formatOf(name, first)
	}
	lines := &lineReader{r: buffered, bytes: read}
	if format == FormatNDJSON {
		return &ndjsonReader{lines: lines, given: given, ignored: ignored}, nil
	}
	return newCSVReader(lines, given, ignored)
}

func formatOf(name string, first byte) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return FormatCSV
	case ".ndjson", ".jsonl", ".json":
		return FormatNDJSON
	}
	if first == '{' || first == '[' {
		return FormatNDJSON
	}
	return FormatCSV
}

func skipByteOrderMark(r *bufio.Reader, read *atomic.Int64) error {
	mark, err := r.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(mark, []byte{0xFE, 0xFF}), bytes.HasPrefix(mark, []byte{0xFF, 0xFE}):
		return ErrUTF16
	case bytes.Equal(mark, []byte{0xEF, 0xBB, 0xBF}):
		read.Add(3)
		_, err = r.Discard(3)
		return err
	}
	return nil
}

// firstCharacter looks ahead to the first character that is no space. It waits
// for no more of a pipe than it needs.
func firstCharacter(r *bufio.Reader) (byte, error) {
	for n := 1; n <= r.Size(); n++ {
		ahead, err := r.Peek(n)
		if errors.Is(err, io.EOF) {
			return 0, ErrEmpty
		}
		if err != nil {
			return 0, err
		}
		if c := ahead[n-1]; !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)) {
			return c, nil
		}
	}
	return 0, ErrEmpty
}
