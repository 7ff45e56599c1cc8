package archtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rules can fail: each of these breaks one.
func TestPlantedImportsAreFound(t *testing.T) {
	t.Parallel()
	path := func(name string) string { return module + "/internal/" + name }
	for name, tc := range map[string]struct {
		pkg  pkg
		want string // the rule that it breaks; "" for none
	}{
		"sides that meet":              {pkg{path("command"), []string{path("projection")}, []string{path("projection")}}, "meet in the log"},
		"sides that meet by way":       {pkg{path("query"), []string{path("web")}, []string{path("web"), path("command")}}, "meet in the log"},
		"a Kafka client":               {pkg{path("projection"), nil, []string{"github.com/twmb/franz-go/pkg/kgo"}}, "internal/messaging's"},
		"the in-process broker":        {pkg{path("projection"), nil, []string{"github.com/twmb/franz-go/pkg/kfake"}}, "internal/messaging's"},
		"Sarama":                       {pkg{path("command"), nil, []string{"github.com/IBM/sarama"}}, "internal/messaging's"},
		"Watermill":                    {pkg{path("command"), nil, []string{"github.com/ThreeDotsLabs/watermill/message"}}, "internal/messaging's"},
		"Watermill's Kafka":            {pkg{path("query"), nil, []string{"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"}}, "internal/messaging's"},
		"a name that only begins so":   {pkg{path("query"), nil, []string{"github.com/IBM/saramago"}}, ""},
		"a contract with a dependency": {pkg{path("events"), nil, []string{"fmt", "golang.org/x/text/cases"}}, "standard library"},
		"a contract that needs us":     {pkg{path("events"), nil, []string{path("web")}}, "standard library"},
		"a contract as it should be":   {pkg{path("events"), nil, []string{"encoding/json", "internal/abi"}}, ""},
		"a feed with a client":         {pkg{path("feed"), nil, []string{"github.com/twmb/franz-go/pkg/kgo"}}, "internal/messaging's"},
		"a page that asks a side":      {pkg{path("web/pages"), []string{path("web"), path("query")}, nil}, "client of the API"},
		"a page as it should be":       {pkg{path("web/pages"), []string{path("web"), "html/template"}, []string{path("events")}}, ""},
		"who sees app":                 {pkg{path("web"), []string{path("app")}, nil}, "nobody sees app"},
		"the program, which may":       {pkg{module + "/cmd/bookstore", []string{path("app"), path("messaging")}, nil}, ""},
		"a program of two sides":       {pkg{module + "/cmd/bookstore", []string{path("projection"), path("messaging")}, nil}, "more than one side"},
		"a tool of two sides":          {pkg{path("verify"), []string{path("projection"), path("messaging")}, nil}, "more than one side"},
		"a tool of one side":           {pkg{path("verify"), []string{path("projection"), path("events")}, []string{path("postgres")}}, ""},
		"a bench, which may":           {pkg{path("bench/throughput"), []string{path("projection"), path("messaging"), path("embedded")}, nil}, ""},
		"who needs a bench":            {pkg{path("query"), []string{path("bench/books")}, nil}, "needs no benches"},
		"app, which may":               {pkg{path("app"), []string{path("command"), path("projection"), path("query")}, nil}, ""},
	} {
		broken := strings.Join(brokenImports([]pkg{tc.pkg}), "; ")
		if tc.want == "" {
			require.Empty(t, broken, name)
			continue
		}
		require.Contains(t, broken, tc.want, name)
		require.Contains(t, broken, tc.pkg.ImportPath, name)
	}
}

func TestPlantedWritesAreFound(t *testing.T) {
	t.Parallel()
	for sql, found := range map[string]bool{
		"INSERT INTO catalog_books_g1 (id) VALUES (1)":        true,
		"insert  into\n\thistory_entries_g2 VALUES (1)":       true,
		"UPDATE books SET title = ''":                         true,
		"UPDATE ONLY catalog_deleted_g1 SET version = 1":      true,
		"DELETE FROM book_history":                            true,
		"TRUNCATE TABLE history_entries_g1":                   true,
		`COPY "catalog_books_g1" FROM STDIN`:                  true,
		"DROP TABLE IF EXISTS catalog_books_g1":               true,
		"CREATE TABLE history_extra (id int)":                 true,
		"INSERT INTO served_books_g1 (book_id) VALUES (1)":    true,
		"UPDATE opened_books SET times = 0":                   true,
		"DELETE FROM trends_readers_g1 WHERE last_at < now()": true,
		"TRUNCATE interests_searches_g3":                      true,
		"SELECT * FROM catalog_books_g1":                      false,
		"SELECT * FROM trends_queries FOR UPDATE":             false,
		"INSERT INTO decisions SELECT * FROM books":           false,
		"SELECT * FROM books FOR UPDATE":                      false,
		"UPDATE checkpoints SET next_offset = 1":              false,
		"how to update a book":                                false,
	} {
		broken, err := brokenGo("planted.go", []byte("package p\n\nvar q = `"+sql+"`\n"))
		require.NoError(t, err)
		require.Equal(t, found, len(broken) > 0, sql)
		require.Equal(t, found, len(brokenSQL("planted.sql", []byte(sql+";"))) > 0, sql)
	}
	// What only speaks of it does nothing.
	broken, err := brokenGo("planted.go", []byte("package p\n\n// UPDATE books SET title = ''\n"))
	require.NoError(t, err)
	require.Empty(t, broken)
	require.Empty(t, brokenSQL("planted.sql", []byte("-- DELETE FROM books\n/* UPDATE\nbooks */ SELECT 1;")))
}

func TestPlantedCommentsAreFound(t *testing.T) {
	t.Parallel()
	const with, without = "// Package p is one.\npackage p\n", "package p\n"
	type files = map[string][]byte
	for name, tc := range map[string]struct {
		path  string
		files files
		well  bool
	}{
		"in doc.go":             {"bookstore/internal/p", files{"doc.go": []byte(with), "a.go": []byte(without)}, true},
		"in the only file":      {"bookstore/internal/p", files{"p.go": []byte(with)}, true},
		"in a program's main":   {"bookstore/cmd/p", files{"main.go": []byte(with), "a.go": []byte(without)}, true},
		"nowhere":               {"bookstore/internal/p", files{"doc.go": []byte(without), "a.go": []byte(without)}, false},
		"empty":                 {"bookstore/internal/p", files{"doc.go": []byte("//\npackage p\n")}, false},
		"apart by a blank line": {"bookstore/internal/p", files{"doc.go": []byte("// Package p is one.\n\npackage p\n")}, false},
		"in another file":       {"bookstore/internal/p", files{"a.go": []byte(with), "b.go": []byte(without)}, false},
		"beside an empty doc":   {"bookstore/internal/p", files{"doc.go": []byte(without), "a.go": []byte(with)}, false},
		"twice":                 {"bookstore/internal/p", files{"doc.go": []byte(with), "a.go": []byte(with)}, false},
	} {
		broken, err := brokenComment(tc.path, tc.files)
		require.NoError(t, err)
		require.Equal(t, tc.well, broken == "", "%s: %s", name, broken)
	}
}
