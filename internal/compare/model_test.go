package compare_test

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/compare"
)

// modelKey is a key whose first column many rows share, and modelRow the rest of
// its row.
type (
	modelKey struct{ first, second string }
	modelRow struct{ note, count *string }
)

// modelSide is one side of a pair.
type modelSide map[modelKey]modelRow

// modelDiff compares two sides the simple way.
func modelDiff(active, fresh modelSide) (compare.Table, []compare.Row) {
	table := compare.Table{Table: "books", ActiveRows: int64(len(active)), NewRows: int64(len(fresh))}
	var rows []compare.Row
	add := func(k modelKey, kind compare.Kind, fields ...compare.Difference) {
		rows = append(rows, compare.Row{Table: "books", Kind: kind,
			Key: map[string]string{"first": k.first, "second": k.second}, Fields: fields})
	}
	byField := map[string]int64{}
	for k, a := range active {
		n, both := fresh[k]
		if !both {
			table.OnlyActive++
			add(k, compare.OnlyActive, compare.Difference{Field: "count", Active: a.count}, compare.Difference{Field: "note", Active: a.note})
			continue
		}
		var fields []compare.Difference
		for _, f := range []compare.Difference{{Field: "count", Active: a.count, New: n.count}, {Field: "note", Active: a.note, New: n.note}} {
			if reflect.DeepEqual(f.Active, f.New) {
				continue
			}
			fields = append(fields, f)
			byField[f.Field]++
		}
		if fields != nil {
			table.Changed++
			add(k, compare.Changed, fields...)
		}
	}
	for k, n := range fresh {
		if _, both := active[k]; !both {
			table.OnlyNew++
			add(k, compare.OnlyNew, compare.Difference{Field: "count", New: n.count}, compare.Difference{Field: "note", New: n.note})
		}
	}
	for _, name := range []string{"count", "note"} {
		if byField[name] > 0 {
			table.Fields = append(table.Fields, compare.Field{Field: name, Rows: byField[name]})
		}
	}
	return table, rows
}

// drawSides draws two sides that have much in common, or nothing.
func drawSides(t *rapid.T, firsts []string) (active, fresh modelSide) {
	text := rapid.SampledFrom([]*string{nil, nil, value(""), value("0"), value("1"), value("22")})
	number := rapid.SampledFrom([]*string{nil, value("0"), value("1"), value("22")})
	row := func(what string) modelRow {
		return modelRow{note: text.Draw(t, what+" note"), count: number.Draw(t, what+" count")}
	}
	active, fresh = modelSide{}, modelSide{}
	where := rapid.SampledFrom([][]string{
		{"both", "both", "both", "changed", "active", "new"},
		{"both"}, {"active"}, {"new"}, {"active", "new"}, {"changed"},
	}).Draw(t, "shape")
	for range rapid.IntRange(0, 40).Draw(t, "rows") {
		k := modelKey{
			first:  rapid.SampledFrom(firsts).Draw(t, "first"),
			second: fmt.Sprint(rapid.IntRange(-3, 12).Draw(t, "second")),
		}
		if _, there := active[k]; there {
			continue
		}
		if _, there := fresh[k]; there {
			continue
		}
		switch rapid.SampledFrom(where).Draw(t, "where") {
		case "both":
			active[k] = row("both")
			fresh[k] = active[k]
		case "changed":
			active[k], fresh[k] = row("active"), row("new")
		case "active":
			active[k] = row("active")
		case "new":
			fresh[k] = row("new")
		}
	}
	return active, fresh
}

// store makes a table of a side's rows.
func store(ctx context.Context, t require.TestingT, tx pgx.Tx, table, keyType string, side modelSide) {
	var firsts, seconds []string
	var notes, counts []*string
	for k, row := range side {
		firsts, seconds = append(firsts, k.first), append(seconds, k.second)
		notes, counts = append(notes, row.note), append(counts, row.count)
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (first %s, second bigint, note text, count int, PRIMARY KEY (first, second))`, table, keyType))
	require.NoError(t, err)
	_, err = tx.Exec(ctx, fmt.Sprintf(`
		INSERT INTO %s SELECT first::%s, second::bigint, note, count::int
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS row (first, second, note, count)`, table, keyType),
		firsts, seconds, notes, counts)
	require.NoError(t, err)
}

func TestFindsWhatASimpleComparisonFinds(t *testing.T) {
	t.Parallel()
	for keyType, firsts := range map[string][]string{
		"bigint": {"-9223372036854775808", "-1", "1", "2", "3", "1000000", "9223372036854775807"},
		"text":   {"", "a", "A", "ä", "b c", `"`, `\,{}`, "NULL"},
		"uuid":   {"00000000-0000-0000-0000-000000000000", "7d444840-9dc0-11d1-b245-5ffdce74fad2", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	} {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			rapid.Check(t, func(rt *rapid.T) {
				active, fresh := drawSides(rt, firsts)
				o := compare.Options{ChunkRows: rapid.IntRange(1, 90).Draw(rt, "chunk rows")}
				want, wantRows := modelDiff(active, fresh)

				tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
				require.NoError(rt, err)
				defer tx.Rollback(context.Background())
				store(t.Context(), rt, tx, "books_g1", keyType, active)
				store(t.Context(), rt, tx, "books_g2", keyType, fresh)

				var rows []compare.Row
				o.Differs = func(r compare.Row) error { rows = append(rows, r); return nil }
				report, err := compare.Run(t.Context(), tx, []compare.Pair{books("first", "second")}, o)
				require.NoError(rt, err)
				require.ElementsMatch(rt, wantRows, rows)
				got := report.Tables[0]
				require.Equal(rt, len(wantRows) == 0, got.ActiveChecksum == got.NewChecksum)
				require.ElementsMatch(rt, want.Fields, got.Fields)
				require.Equal(rt, []int64{want.ActiveRows, want.NewRows, want.OnlyActive, want.OnlyNew, want.Changed},
					[]int64{got.ActiveRows, got.NewRows, got.OnlyActive, got.OnlyNew, got.Changed})
				require.EqualValues(rt, len(wantRows), report.Differences)
				requireSamples(rt, rows, got.Samples)

				// Without Differs, the same report: rows are then read for samples only.
				again, err := compare.Run(t.Context(), tx, []compare.Pair{books("first", "second")}, compare.Options{ChunkRows: o.ChunkRows})
				require.NoError(rt, err)
				require.Equal(rt, report, again)
			})
		})
	}
}

// requireSamples checks the samples against the full diff: they are the first
// rows to show each kind and each field five times.
func requireSamples(t require.TestingT, rows, samples []compare.Row) {
	shown := map[string]int{}
	want := []compare.Row{}
	for _, r := range rows {
		aspects := []string{string(r.Kind)}
		if r.Kind == compare.Changed {
			aspects = aspects[:0]
			for _, f := range r.Fields {
				aspects = append(aspects, f.Field)
			}
		}
		least := slices.MinFunc(aspects, func(a, b string) int { return cmp.Compare(shown[a], shown[b]) })
		if shown[least] >= 5 {
			continue
		}
		for _, a := range aspects {
			shown[a]++
		}
		want = append(want, r)
	}
	require.Equal(t, want, samples)
}
