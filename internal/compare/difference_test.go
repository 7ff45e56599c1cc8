package compare_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
)

// value is a difference's value.
func value(s string) *string { return &s }

// Both tables as they are when nothing differs; each case changes something.
const (
	activeBooks = `CREATE TABLE books_g1 (id bigint PRIMARY KEY, title text NOT NULL, note text, price numeric)`
	newBooks    = `CREATE TABLE books_g2 (price numeric, note text, title text NOT NULL, id bigint PRIMARY KEY)`
	fillActive  = `INSERT INTO books_g1 (id, title, note, price) VALUES (1, 'Emma', NULL, 1.0), (2, 'Utopia', 'old', 2), (3, 'Walden', '', 3)`
	fillNew     = `INSERT INTO books_g2 (id, title, note, price) VALUES (3, 'Walden', '', 3), (2, 'Utopia', 'old', 2), (1, 'Emma', NULL, 1.0)`
)

func TestDifferences(t *testing.T) {
	t.Parallel()
	key := func(id string) map[string]string { return map[string]string{"id": id} }
	changed := func(id, field string, active, fresh *string) compare.Row {
		return compare.Row{Table: "books", Key: key(id), Kind: compare.Changed,
			Fields: []compare.Difference{{Field: field, Active: active, New: fresh}}}
	}
	utopiaOn := func(side func(field string, value *string) compare.Difference) []compare.Difference {
		return []compare.Difference{side("note", value("old")), side("price", value("2")), side("title", value("Utopia"))}
	}
	for name, c := range map[string]struct {
		change string
		want   func(*compare.Table) // changes what an equal pair's report is
		rows   []compare.Row
		n      int64
	}{
		"none, though columns and rows are in another order": {
			change: `SELECT`,
			want:   func(*compare.Table) {},
		},
		"a value": {
			change: `UPDATE books_g2 SET title = 'Erewhon' WHERE id = 2`,
			want: func(table *compare.Table) {
				table.Changed, table.Fields = 1, []compare.Field{{Field: "title", Rows: 1}}
			},
			rows: []compare.Row{changed("2", "title", value("Utopia"), value("Erewhon"))},
			n:    1,
		},
		"values of two rows that changed places": {
			change: `UPDATE books_g2 SET title = CASE id WHEN 2 THEN 'Walden' ELSE 'Utopia' END WHERE id > 1`,
			want: func(table *compare.Table) {
				table.Changed, table.Fields = 2, []compare.Field{{Field: "title", Rows: 2}}
			},
			rows: []compare.Row{
				changed("2", "title", value("Utopia"), value("Walden")),
				changed("3", "title", value("Walden"), value("Utopia")),
			},
			n: 2,
		},
		"values of two columns that changed places": {
			change: `UPDATE books_g2 SET title = note, note = title WHERE id = 2`,
			want: func(table *compare.Table) {
				table.Changed, table.Fields = 1, []compare.Field{{Field: "note", Rows: 1}, {Field: "title", Rows: 1}}
			},
			rows: []compare.Row{{Table: "books", Key: key("2"), Kind: compare.Changed, Fields: []compare.Difference{
				{Field: "note", Active: value("old"), New: value("Utopia")},
				{Field: "title", Active: value("Utopia"), New: value("old")},
			}}},
			n: 1,
		},
		"NULL and nothing": {
			change: `UPDATE books_g2 SET note = CASE id WHEN 1 THEN '' END WHERE id <> 2`,
			want: func(table *compare.Table) {
				table.Changed, table.Fields = 2, []compare.Field{{Field: "note", Rows: 2}}
			},
			rows: []compare.Row{changed("1", "note", nil, value("")), changed("3", "note", value(""), nil)},
			n:    2,
		},
		"text that operators call equal": {
			change: `UPDATE books_g2 SET price = 1.00 WHERE id = 1`,
			want: func(table *compare.Table) {
				table.Changed, table.Fields = 1, []compare.Field{{Field: "price", Rows: 1}}
			},
			rows: []compare.Row{changed("1", "price", value("1.0"), value("1.00"))},
			n:    1,
		},
		"a row that is missing": {
			change: `DELETE FROM books_g2 WHERE id = 2`,
			want:   func(table *compare.Table) { table.NewRows, table.OnlyActive = 2, 1 },
			rows: []compare.Row{{Table: "books", Key: key("2"), Kind: compare.OnlyActive,
				Fields: utopiaOn(func(field string, v *string) compare.Difference { return compare.Difference{Field: field, Active: v} })}},
			n: 1,
		},
		"a row too many": {
			change: `DELETE FROM books_g1 WHERE id = 2`,
			want:   func(table *compare.Table) { table.ActiveRows, table.OnlyNew = 2, 1 },
			rows: []compare.Row{{Table: "books", Key: key("2"), Kind: compare.OnlyNew,
				Fields: utopiaOn(func(field string, v *string) compare.Difference { return compare.Difference{Field: field, New: v} })}},
			n: 1,
		},
		"a row under another key": {
			change: `UPDATE books_g2 SET id = -7 WHERE id = 2`,
			want:   func(table *compare.Table) { table.OnlyActive, table.OnlyNew = 1, 1 },
			rows: []compare.Row{
				{Table: "books", Key: key("-7"), Kind: compare.OnlyNew,
					Fields: utopiaOn(func(field string, v *string) compare.Difference { return compare.Difference{Field: field, New: v} })},
				{Table: "books", Key: key("2"), Kind: compare.OnlyActive,
					Fields: utopiaOn(func(field string, v *string) compare.Difference { return compare.Difference{Field: field, Active: v} })},
			},
			n: 2,
		},
		"no rows on one side": {
			change: `DELETE FROM books_g1; DELETE FROM books_g2 WHERE id <> 2`,
			want:   func(table *compare.Table) { table.ActiveRows, table.NewRows, table.OnlyNew = 0, 1, 1 },
			rows: []compare.Row{{Table: "books", Key: key("2"), Kind: compare.OnlyNew,
				Fields: utopiaOn(func(field string, v *string) compare.Difference { return compare.Difference{Field: field, New: v} })}},
			n: 1,
		},
		"a column more": {
			change: `ALTER TABLE books_g2 ADD COLUMN pages int NOT NULL DEFAULT 7`,
			want:   func(table *compare.Table) { table.Added = []string{"pages"} },
		},
		"a column less": {
			change: `ALTER TABLE books_g2 DROP COLUMN note`,
			want:   func(table *compare.Table) { table.Removed = []string{"note"} },
			n:      1,
		},
		"a column of another type with the same text": {
			change: `ALTER TABLE books_g2 ALTER COLUMN title TYPE varchar(20)`,
			want:   func(table *compare.Table) { table.Retyped = []string{"title"} },
			n:      1,
		},
		"a column of another collation": {
			change: `ALTER TABLE books_g2 ALTER COLUMN title TYPE text COLLATE "POSIX"`,
			want:   func(table *compare.Table) { table.Retyped = []string{"title"} },
			n:      1,
		},
		"a column of another collation, and its value": {
			change: `ALTER TABLE books_g1 ALTER COLUMN title TYPE text COLLATE "C";
				ALTER TABLE books_g2 ALTER COLUMN title TYPE text COLLATE "POSIX"; UPDATE books_g2 SET title = 'EMMA' WHERE id = 1`,
			want: func(table *compare.Table) {
				table.Retyped, table.Changed, table.Fields = []string{"title"}, 1, []compare.Field{{Field: "title", Rows: 1}}
			},
			rows: []compare.Row{changed("1", "title", value("Emma"), value("EMMA"))},
			n:    2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := database(t, activeBooks, newBooks, fillActive, fillNew, c.change)
			want := compare.Table{
				Table: "books", ActiveRows: 3, NewRows: 3, Fields: []compare.Field{},
				Added: []string{}, Removed: []string{}, Retyped: []string{}, Samples: []compare.Row{},
			}
			c.want(&want)
			if c.rows != nil {
				want.Samples = c.rows
			}

			// In one chunk, and in several.
			for _, chunk := range []int{0, 1, 2} {
				report, rows := run(t, pool, compare.Options{ChunkRows: chunk}, books("id"))
				require.Equal(t, c.rows, rows)
				require.Equal(t, c.n, report.Differences)
				require.Equal(t, c.n == 0, report.Equal())

				require.Len(t, report.Tables, 1)
				got := report.Tables[0]
				require.Equal(t, len(c.rows) == 0, got.ActiveChecksum == got.NewChecksum, "checksums tell whether rows differ")
				require.Len(t, got.ActiveChecksum, 16)
				got.ActiveChecksum, got.NewChecksum = "", ""
				require.Equal(t, want, got)
			}
		})
	}
}

func TestTablesThatCannotBeMatched(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setup                   []string
		onlyIn                  compare.Side
		keyChanged              bool
		onlyActive, onlyNew     int64
		removed, added, retyped []string
		differences             int64
	}{
		"the new one is missing": {
			setup: []string{activeBooks, fillActive}, onlyIn: compare.Active, onlyActive: 3, differences: 4,
		},
		"the new one is missing and the active one is empty": {
			setup: []string{activeBooks}, onlyIn: compare.Active, differences: 1,
		},
		"the active one is missing": {
			setup: []string{newBooks, fillNew}, onlyIn: compare.New,
		},
		"a key with another name": {
			setup:      []string{activeBooks, fillActive, newBooks, fillNew, `ALTER TABLE books_g2 RENAME COLUMN id TO number`},
			keyChanged: true, onlyActive: 3, onlyNew: 3, removed: []string{"id"}, added: []string{"number"}, differences: 8,
		},
		"a key of another type": {
			setup:      []string{activeBooks, fillActive, newBooks, fillNew, `ALTER TABLE books_g2 ALTER COLUMN id TYPE text`},
			keyChanged: true, onlyActive: 3, onlyNew: 3, retyped: []string{"id"}, differences: 8,
		},
		"a key that is not unique on one side": {
			setup: []string{activeBooks, fillActive, newBooks, fillNew,
				`ALTER TABLE books_g2 DROP CONSTRAINT books_g2_pkey, ADD PRIMARY KEY (id, title)`},
			keyChanged: true, onlyActive: 3, onlyNew: 3, differences: 7,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, rows := run(t, database(t, c.setup...), compare.Options{}, books("id"))
			require.Empty(t, rows)
			require.Equal(t, c.differences, report.Differences)
			got := report.Tables[0]
			require.Equal(t, c.onlyIn, got.OnlyIn)
			require.Equal(t, c.keyChanged, got.KeyChanged)
			require.Equal(t, c.onlyActive, got.OnlyActive)
			require.Equal(t, c.onlyNew, got.OnlyNew)
			require.ElementsMatch(t, c.removed, got.Removed)
			require.ElementsMatch(t, c.added, got.Added)
			require.ElementsMatch(t, c.retyped, got.Retyped)
		})
	}
}

// A column that the primary key merely includes is no part of the key.
func TestKeyWithIncludedColumns(t *testing.T) {
	t.Parallel()
	pool := database(t, activeBooks, newBooks, fillActive, fillNew,
		`ALTER TABLE books_g2 DROP CONSTRAINT books_g2_pkey, ADD PRIMARY KEY (id) INCLUDE (title)`)
	report, _ := run(t, pool, compare.Options{}, books("id"))
	require.True(t, report.Equal())
	require.False(t, report.Tables[0].KeyChanged)
}

// Types that have no equality, that need a look at their text, or whose text
// depends on settings.
func TestTypes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sqlType, one, other string }{
		"json":                {"json", `{"a": 1}`, `{"a":1}`},
		"jsonb":               {"jsonb", `{"a": 1.0}`, `{"a": 1.00}`},
		"null in jsonb":       {"jsonb", `null`, `"null"`},
		"tsvector":            {"tsvector", `'a':1A`, `'a':1B`},
		"point":               {"point", `(1,2)`, `(1,3)`},
		"timestamptz":         {"timestamptz", `2024-10-27 02:30:00+02`, `2024-10-27 02:30:00+01`},
		"a microsecond":       {"timestamptz", `2024-10-27 02:30:00.000001Z`, `2024-10-27 02:30:00.000002Z`},
		"last bit of a float": {"float8", `0.1`, `0.10000000000000002`},
		"bytea":               {"bytea", `\x00ff`, `\x00fe`},
		"array":               {"text[]", `{a,b}`, `{"a,b"}`},
		"quotes":              {"text", `a","b`, `a"",""b`},
		"accents":             {"text", "e\u0301", "é"},
		"\"char\"":            {`"char"`, `a`, `b`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := database(t,
				`CREATE TABLE books_g1 (id bigint PRIMARY KEY, "Odd ""name""" `+c.sqlType+`)`,
				`CREATE TABLE books_g2 (LIKE books_g1 INCLUDING ALL)`)
			_, err := pool.Exec(t.Context(), `INSERT INTO books_g1 SELECT 1, $1::text::`+c.sqlType, c.one)
			require.NoError(t, err)
			_, err = pool.Exec(t.Context(), `INSERT INTO books_g2 SELECT * FROM books_g1`)
			require.NoError(t, err)
			report, _ := run(t, pool, compare.Options{}, books("id"))
			require.True(t, report.Equal())

			_, err = pool.Exec(t.Context(), `UPDATE books_g2 SET "Odd ""name""" = $1::text::`+c.sqlType, c.other)
			require.NoError(t, err)
			report, _ = run(t, pool, compare.Options{}, books("id"))
			require.Equal(t, []compare.Field{{Field: `Odd "name"`, Rows: 1}}, report.Tables[0].Fields)
		})
	}
}

func TestSamplesShowEachKindAndField(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 300)
	pool := database(t,
		`CREATE TABLE books_g1 (id bigint PRIMARY KEY, title text, note text)`,
		`CREATE TABLE books_g2 (LIKE books_g1 INCLUDING ALL)`,
		`INSERT INTO books_g1 SELECT i, repeat('ü', 300), 'a' FROM generate_series(1, 100) AS i`,
		`INSERT INTO books_g2 SELECT i, 'new', CASE i WHEN 90 THEN 'b' ELSE 'a' END FROM generate_series(2, 101) AS i`,
	)
	report, rows := run(t, pool, compare.Options{ChunkRows: 16, Samples: 2}, books("id"))
	require.Len(t, rows, 101)
	require.Equal(t, &long, rows[1].Fields[0].Active, "in full")

	// The title differs in every row of both; the note in one of them.
	var ids []string
	for _, s := range report.Tables[0].Samples {
		ids = append(ids, s.Key["id"])
	}
	require.Equal(t, []string{"1", "2", "3", "90", "101"}, ids)
	require.Equal(t, value(strings.Repeat("ü", 200)+"…"), report.Tables[0].Samples[1].Fields[0].Active)
}
