package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"bookstore/internal/events"
)

// ErrJSONArray says that a file is one JSON array instead of an object a line.
var ErrJSONArray = errors.New(`the file is one JSON array; what can be read is one object a line ("jq -c '.[]'" makes it so)`)

// ndjsonReader reads a JSON object from each line. The columns are the object's
// members; that some are missing on one line and there on the next is fine.
type ndjsonReader struct {
	lines   *lineReader
	given   Columns
	ignored *ignoredNames
	begun   bool

	// Most lines have the names of the one before.
	names   []string
	columns mapping
}

// next implements [source].
func (n *ndjsonReader) next() (row, error) {
	line, err := n.lines.next()
	for err == nil && line.blank() && !line.tooLong {
		line, err = n.lines.next()
	}
	if err != nil {
		return row{}, err
	}
	r, err := n.read(line)
	// No title on the very first line is about the file, not about the line.
	var missing *MissingColumnsError
	if errors.As(err, &missing) && n.begun {
		return row{}, &RowError{Line: line.number, Reason: missing.Error()}
	}
	n.begun = true
	return r, err
}

func (n *ndjsonReader) read(line textLine) (row, error) {
	refuse := func(format string, args ...any) (row, error) {
		return row{}, &RowError{Line: line.number, Reason: fmt.Sprintf(format, args...)}
	}
	if line.tooLong {
		return refuse("is longer than %d bytes", maxRecordBytes)
	}
	if !utf8.Valid(line.text) {
		return refuse("is not UTF-8")
	}
	if bytes.HasPrefix(bytes.TrimSpace(line.text), []byte{'['}) && !n.begun {
		return row{}, ErrJSONArray
	}
	var members map[string]json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(line.text, &members); {
	case errors.As(err, &syntax):
		return refuse("malformed JSON at byte %d: %v", syntax.Offset, syntax)
	case err != nil || members == nil:
		return refuse("is JSON, but no object")
	}
	if err := n.mapMembers(members); err != nil {
		return row{}, fmt.Errorf("line %d: %w", line.number, err)
	}
	var d events.Details
	for i, at := range n.columns.fields {
		if at < 0 {
			continue
		}
		text, ok := plainText(members[n.names[at]])
		if !ok {
			return refuse("%s is neither text nor a number", n.names[at])
		}
		if strings.ContainsRune(text, utf8.RuneError) && !writesReplacement(line.text) {
			return refuse("%s has half a character (a lone surrogate)", n.names[at])
		}
		*fields[i].of(&d) = text
	}
	isbns := make([]string, len(n.columns.isbns))
	for i, at := range n.columns.isbns {
		value := members[n.names[at]]
		text, ok := plainText(value)
		if !ok {
			text = string(value) // no ISBN, which is for newRow to find
		}
		isbns[i] = text
	}
	return newRow(line.number, d, isbns)
}

func (n *ndjsonReader) mapMembers(members map[string]json.RawMessage) error {
	names := slices.Sorted(maps.Keys(members))
	if n.names != nil && slices.Equal(names, n.names) {
		return nil
	}
	columns, nobodys, err := mapColumns(names, n.given)
	if err != nil {
		return err
	}
	n.ignored.add(nobodys)
	n.names, n.columns = names, columns
	return nil
}

// plainText gives a value as one would type it. A list of texts, as some files
// have their authors, is joined by commas.
func plainText(value json.RawMessage) (string, bool) {
	var text *string
	if json.Unmarshal(value, &text) == nil {
		if text == nil {
			return "", true // null
		}
		return *text, true
	}
	var number json.Number
	if json.Unmarshal(value, &number) == nil {
		return number.String(), true
	}
	var texts []string
	if json.Unmarshal(value, &texts) == nil {
		return strings.Join(texts, ", "), true
	}
	return "", false
}

// writesReplacement says whether U+FFFD stands in the line itself. Where it does
// not, encoding/json has put it in the place of half a surrogate pair.
func writesReplacement(line []byte) bool {
	return bytes.ContainsRune(line, utf8.RuneError) || bytes.Contains(bytes.ToLower(line), []byte(`\ufffd`))
}
