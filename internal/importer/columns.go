package importer

import (
	"fmt"
	"slices"
	"strings"

	"bookstore/internal/events"
)

// Columns names the columns of a file whose names are not the known ones. An
// empty name means the known ones: see [KnownNames].
type Columns struct {
	Title, Author, PublishedAt, Description, ISBN string
}

// field is a detail of a book that a column can hold.
type field struct {
	name     string // as in the API
	required bool
	known    []string // names of columns, best first, in lower case
	named    func(Columns) string
	of       func(*events.Details) *string
}

var fields = [...]field{
	{
		name: "title", required: true, known: []string{"title"},
		named: func(c Columns) string { return c.Title },
		of:    func(d *events.Details) *string { return &d.Title },
	},
	{
		name: "author", required: true, known: []string{"author", "authors"},
		named: func(c Columns) string { return c.Author },
		of:    func(d *events.Details) *string { return &d.Author },
	},
	{
		name:  "published_at",
		known: []string{"published_at", "publication_date", "published", "original_publication_year", "publication_year", "year"},
		named: func(c Columns) string { return c.PublishedAt },
		of:    func(d *events.Details) *string { return &d.PublishedAt },
	},
	{
		name: "description", known: []string{"description", "summary"},
		named: func(c Columns) string { return c.Description },
		of:    func(d *events.Details) *string { return &d.Description },
	},
}

// KnownNames returns the names of columns that are taken for a detail of a book
// ("title", "author", "published_at", "description" or "isbn"), whatever their
// case; of several in a file the first counts, and of ISBNs on each row the first
// that is one.
func KnownNames(detail string) []string {
	if detail == "isbn" {
		return slices.Clone(isbnColumns)
	}
	for _, f := range fields {
		if f.name == detail {
			return slices.Clone(f.known)
		}
	}
	return nil
}

// MissingColumnsError says that a file has no column for what every book has, or
// none with a name that was asked for.
type MissingColumnsError struct {
	Missing []string // what was looked for: names, or alternatives joined by " or "
	Found   []string // what the file has
}

func (e *MissingColumnsError) Error() string {
	return fmt.Sprintf("there is no column %s; found: %s", strings.Join(e.Missing, ", and none "), strings.Join(e.Found, ", "))
}

// mapping is where the details lie among the columns of a file.
type mapping struct {
	fields [len(fields)]int // for each the index of its column, -1 for none
	isbns  []int            // the columns of ISBNs, best first
}

// mapColumns finds the details among the names of columns, and says which names
// are nobody's. It fails with a [*MissingColumnsError].
func mapColumns(names []string, given Columns) (m mapping, ignored []string, err error) {
	normal := make([]string, len(names))
	for i, name := range names {
		normal[i] = strings.ToLower(strings.TrimSpace(name))
	}
	taken := make(map[int]bool, len(fields))
	var missing []string
	for i, f := range fields {
		candidates, required := f.known, f.required
		if name := f.named(given); name != "" {
			candidates, required = []string{strings.ToLower(strings.TrimSpace(name))}, true
		}
		m.fields[i] = firstOf(candidates, normal)
		switch {
		case m.fields[i] >= 0:
			taken[m.fields[i]] = true
		case required:
			missing = append(missing, strings.Join(candidates, " or "))
		}
	}
	candidates := isbnColumns
	if name := strings.ToLower(strings.TrimSpace(given.ISBN)); name != "" {
		candidates = []string{name}
		if !slices.Contains(normal, name) {
			missing = append(missing, name)
		}
	}
	for _, candidate := range candidates {
		if at := slices.Index(normal, candidate); at >= 0 {
			m.isbns = append(m.isbns, at)
			taken[at] = true
		}
	}
	if len(missing) > 0 {
		return m, nil, &MissingColumnsError{Missing: missing, Found: names}
	}
	for i, name := range names {
		if !taken[i] {
			ignored = append(ignored, name)
		}
	}
	return m, ignored, nil
}

// firstOf returns where the first candidate that is there stands, or -1.
func firstOf(candidates, names []string) int {
	for _, candidate := range candidates {
		if at := slices.Index(names, candidate); at >= 0 {
			return at
		}
	}
	return -1
}

// ignoredNames collects names of columns that are nobody's, each once and in the
// order of their appearance. NDJSON can have new ones on every line, so their
// number is bounded.
type ignoredNames []string

func (n *ignoredNames) add(names []string) {
	const most = 100
	for _, name := range names {
		if len(*n) < most && !slices.Contains(*n, name) {
			*n = append(*n, name)
		}
	}
}
