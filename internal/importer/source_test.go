package importer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

// contents is what a source gave, each row or fault as text.
func contents(t *testing.T, name, text string, given Columns) (found []string, ignored []string, err error) {
	t.Helper()
	var read atomic.Int64
	var names ignoredNames
	s, err := openSource(strings.NewReader(text), name, FormatAuto, given, &read, &names)
	for err == nil {
		var r row
		r, err = s.next()
		var bad *RowError
		switch {
		case errors.As(err, &bad):
			found, err = append(found, bad.Error()), nil
		case err == nil:
			found = append(found, said(r))
		}
	}
	if errors.Is(err, io.EOF) {
		require.EqualValues(t, len(text), read.Load(), "bytes read")
		err = nil
	}
	return found, names, err
}

// said is a row as the tests expect it: its line, its details, and behind them what
// became of its ISBN, where there is something for one.
func said(r row) string {
	d := r.Details
	text := fmt.Sprintf("%d {%q %q %q %q}", r.line, d.Title, d.Author, d.PublishedAt, d.Description)
	if d.ISBN != "" {
		text += " " + d.ISBN
	}
	if r.badISBN {
		text += " without its ISBN"
	}
	return text
}

func text(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(content)
}

func TestCSVAsRealCatalogsHaveIt(t *testing.T) {
	t.Parallel()
	found, ignored, err := contents(t, "goodbooks.csv", text(t, "testdata/goodbooks.csv"), Columns{})
	require.NoError(t, err)
	require.Equal(t, []string{
		`2 {"The Hunger Games (The Hunger Games, #1)" "Suzanne Collins" "2008" ""} 9780439023481`,
		`3 {"The \"Iliad\"" "Homer" "-750" ""} without its ISBN`,
		`5 {"Two\nlines" "A, B" "" ""} without its ISBN`,
		`7 {"Annals" "Tacitus" "8" ""}`,
	}, found)
	require.Equal(t, []string{"book_id", "original_title"}, ignored)
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	want := []string{
		`1 {"Emma" "Jane Austen" "1815-12-23" "Matches."}`,
		`2 {"Good Omens" "Terry Pratchett, Neil Gaiman" "1990" ""} without its ISBN`,
		`4 {"Annals" "Tacitus" "117" ""}`,
	}
	for _, name := range []string{"books.ndjson", "books.JSONL", "-"} {
		found, ignored, err := contents(t, name, text(t, "testdata/books.ndjson"), Columns{})
		require.NoError(t, err)
		require.Equal(t, want, found, name)
		require.Empty(t, ignored)
	}
}

func TestABadRowCostsItselfOnly(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxRecordBytes+1)
	const bare = "a quote in a field that does not begin with one; put the field in quotes and double the quote"
	const open = "a field in quotes does not end, or goes on after its closing quote"
	const fill = maxRecordBytes/1024 + 10
	wide := strings.Repeat("c", 1024)
	var filled []string
	for i := range fill {
		filled = append(filled, fmt.Sprintf(`%d {"b" %q "" ""}`, 3+i, wide))
	}
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a quote that is never closed": {
			"title,author\n1,a\n\"2,b\n3,c\n\"4\n4\",d\n",
			[]string{`2 {"1" "a" "" ""}`, "line 3: malformed CSV at line 5, byte 1: " + open, `4 {"3" "c" "" ""}`, `5 {"4\n4" "d" "" ""}`},
		},
		"a quote that is never closed, and no other": {
			"title,author\n\"1,a\n2,b\n3,c",
			[]string{"line 2: malformed CSV at line 2, byte 6: " + open, `3 {"2" "b" "" ""}`, `4 {"3" "c" "" ""}`},
		},
		"a quote in the middle": {
			"title,author\nThe 5\" disk,a\nb,c\n\"d\",e\n",
			[]string{"line 2: malformed CSV at line 2, byte 6: " + bare, `3 {"b" "c" "" ""}`, `4 {"d" "e" "" ""}`},
		},
		"something behind the closing quote": {
			"title,author\n\"1\" x,a\nb,c\n",
			[]string{"line 2: malformed CSV at line 2, byte 3: " + open, `3 {"b" "c" "" ""}`},
		},
		"too few and too many columns": {
			"title,author\n1\n2,b,c\n3,c\n",
			[]string{"line 2: has 1 columns, the first row has 2", "line 3: has 3 columns, the first row has 2", `4 {"3" "c" "" ""}`},
		},
		"what is not UTF-8, where it matters": {
			"title,author,isbn\n1\xff,a,\n2,b,\xff\n3,\xc3,\n",
			[]string{"line 2: title is not UTF-8", `3 {"2" "b" "" ""} without its ISBN`, "line 4: author is not UTF-8"},
		},
		"a line that does not end": {
			"title,author\n" + long + "\n1,a\n\"" + long + "\n2,b",
			[]string{"line 2: is longer than 1048576 bytes", `3 {"1" "a" "" ""}`, "line 4: is longer than 1048576 bytes", `5 {"2" "b" "" ""}`},
		},
		"a quote that is followed for no longer than a row can be": {
			"title,author\n\"1,a\n" + strings.Repeat("b,"+wide+"\n", fill) + "2,b\n",
			append(append([]string{"line 2: malformed CSV at line 2, byte 6: " + open}, filled...), fmt.Sprintf(`%d {"2" "b" "" ""}`, 3+fill)),
		},
		"JSON that is none": {
			`{"title":"1","author":"a"}` + "\n{\"title\":\n[1]\nnull\n" + `{"title":"2","author":{}}` + "\n" + `{"title":"3"}` + "\n" +
				`{"title":"4\ud800","author":"d"}` + "\n{\"title\":\"5\xff\",\"author\":\"e\"}\n{\"title\":\"" + long + "\"}\n" + `{"title":"6\ufffd","author":"f"}`,
			[]string{
				`1 {"1" "a" "" ""}`,
				"line 2: malformed JSON at byte 10: unexpected end of JSON input",
				"line 3: is JSON, but no object",
				"line 4: is JSON, but no object",
				"line 5: author is neither text nor a number",
				"line 6: there is no column author or authors; found: title",
				"line 7: title has half a character (a lone surrogate)",
				"line 8: is not UTF-8",
				"line 9: is longer than 1048576 bytes",
				`10 {"6` + "\uFFFD" + `" "f" "" ""}`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, _, err := contents(t, "-", test.text, Columns{})
			require.NoError(t, err)
			require.Equal(t, test.want, found)
		})
	}
}

func TestColumnsByOtherNames(t *testing.T) {
	t.Parallel()
	given := Columns{Title: "Titel", Author: "VERFASSER", PublishedAt: "jahr", Description: "text"}
	for _, file := range []string{
		"jahr,verfasser,titel,text,title\n1813,Jane,Stolz,Gut,Pride\n",
		`{"jahr": 1813, "verfasser": "Jane", "titel": "Stolz", "text": "Gut", "title": "Pride"}`,
	} {
		found, ignored, err := contents(t, "-", file, given)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Contains(t, found[0], `{"Stolz" "Jane" "1813" "Gut"}`)
		require.Equal(t, []string{"title"}, ignored)
	}
}

func TestOfSeveralKnownColumnsTheBestCounts(t *testing.T) {
	t.Parallel()
	found, ignored, err := contents(t, "-", "year,title,summary,author,published_at,description\n1,t,s,a,1813-01-28,d\n", Columns{})
	require.NoError(t, err)
	require.Equal(t, []string{`2 {"t" "a" "1813-01-28" "d"}`}, found)
	require.Equal(t, []string{"year", "summary"}, ignored)
}

func TestISBNsAsFilesHaveThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"thirteen digits":             {"isbn\n978-0-439-02348-1\n", "9780439023481"},
		"ten":                         {"isbn\n0439023483\n", "9780439023481"},
		"zeros lost":                  {"isbn\n439023483\n", "9780439023481"},
		"many zeros lost, and an X":   {"isbn\n7524277\n", "9780007524273"},
		"of a data frame":             {"isbn\n439023483.0\n", "9780439023481"},
		"of a spreadsheet":            {"isbn\n" + `"=""0439023483"""` + "\n", "9780439023481"},
		"several in a cell":           {"isbn\n\"x; 0439023483, 9783161484100\"\n", "9780439023481"},
		"too large for a float":       {"isbn,isbn13\n439023483,9.78043902348e+12\n", "9780439023481"},
		"the better column is empty":  {"isbn10,isbn13\n0439023483,\n", "9780439023481"},
		"the best counts":             {"isbn10,isbn,ISBN13\n0439023483,0306406152,9783161484100\n", "9783161484100"},
		"none":                        {"isbn\n \n", ""},
		"a zero for none":             {"isbn\n0\n", "without its ISBN"},
		"a wrong check digit":         {"isbn\n0439023484\n", "without its ISBN"},
		"one digit too many":          {"isbn\n04390234831\n", "without its ISBN"},
		"JSON":                        {`{"isbn": "0-439-02348-3", "title": "T", "author": "A"}`, "9780439023481"},
		"a JSON number":               {`{"isbn": 439023483, "title": "T", "author": "A"}`, "9780439023481"},
		"a JSON list":                 {`{"isbn_10": ["0439023483"], "isbn_13": [], "title": "T", "author": "A"}`, "9780439023481"},
		"JSON's null":                 {`{"isbn": null, "title": "T", "author": "A"}`, ""},
		"JSON that is no text at all": {`{"isbn": {"a": 1}, "title": "T", "author": "A"}`, "without its ISBN"},
		"no ISBN in JSON":             {`{"isbn": "0439023484", "title": "T", "author": "A"}`, "without its ISBN"},
	} {
		file, line := test.text, 1
		if names, cells, isCSV := strings.Cut(file, "\n"); isCSV {
			file, line = "title,author,"+names+"\nT,A,"+cells, 2
		}
		found, ignored, err := contents(t, "-", file, Columns{})
		require.NoError(t, err, name)
		want := strings.TrimSpace(fmt.Sprintf(`%d {"T" "A" "" ""} %s`, line, test.want))
		require.Equal(t, []string{want}, found, name)
		require.Empty(t, ignored, name)
	}
}

func TestISBNsByAnotherName(t *testing.T) {
	t.Parallel()
	found, ignored, err := contents(t, "-", "title,author,isbn,EAN\nT,A,0306406152,9783161484100\n", Columns{ISBN: "ean"})
	require.NoError(t, err)
	require.Equal(t, []string{`2 {"T" "A" "" ""} 9783161484100`}, found)
	require.Equal(t, []string{"isbn"}, ignored)

	var missing *MissingColumnsError
	_, _, err = contents(t, "-", "title,author,isbn\n", Columns{ISBN: "ean"})
	require.ErrorAs(t, err, &missing)
	require.Equal(t, []string{"ean"}, missing.Missing)
}

func TestMissingColumnsAreNamedWithWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"isbn,name\n1,2\n", `{"isbn": 1, "name": 2}`} {
		_, _, err := contents(t, "-", file, Columns{PublishedAt: "Jahr"})
		var missing *MissingColumnsError
		require.ErrorAs(t, err, &missing)
		require.Equal(t, &MissingColumnsError{
			Missing: []string{"title", "author or authors", "jahr"}, Found: []string{"isbn", "name"},
		}, missing)
	}
}

func TestFilesWithoutRows(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]error{
		"":                         ErrEmpty,
		"\n \n":                    ErrEmpty,
		"\uFEFF":                   ErrEmpty,
		"\xff\xfet\x00i\x00":       ErrUTF16,
		"\n[{\"title\": \"1\"}]\n": ErrJSONArray,
	} {
		_, _, err := contents(t, "-", file, Columns{})
		require.ErrorIs(t, err, want, "%q", file)
	}
	found, _, err := contents(t, "-", "title,author", Columns{})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	for _, f := range append(Formats(), FormatAuto) {
		parsed, err := ParseFormat(strings.ToUpper(string(f)))
		require.NoError(t, err)
		require.Equal(t, f, parsed)
	}
	_, err := ParseFormat("xlsx")
	require.ErrorIs(t, err, ErrUnknownFormat)
}

// The key of a row is kept by the services that have its book. Should this test
// fail, every book would be added once more by its next import.
func TestTheKeyOfARowNeverChanges(t *testing.T) {
	t.Parallel()
	emma := events.Details{Title: "Emma", Author: "Jane Austen", PublishedAt: "1815-12-23", Description: "Matches."}
	require.Equal(t, "import-6a82357bb4999aa3ad7198ea9d916c1b", idempotencyKey(emma))

	shifted := events.Details{Title: "EmmaJane", Author: " Austen", PublishedAt: "1815-12-23", Description: "Matches."}
	require.NotEqual(t, idempotencyKey(emma), idempotencyKey(shifted))

	// It was imported before there were ISBNs.
	emma.ISBN = "9780141439587"
	require.Equal(t, "import-6a82357bb4999aa3ad7198ea9d916c1b", idempotencyKey(emma))
}
