package compare_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
)

func TestReportSurvivesJSON(t *testing.T) {
	t.Parallel()
	pool := database(t, activeBooks, newBooks, fillActive, fillNew, `DELETE FROM books_g2 WHERE id = 2`)
	report, _ := run(t, pool, compare.Options{}, books("id"))

	var stored []byte
	text, err := json.Marshal(report)
	require.NoError(t, err)
	require.NotContains(t, string(text), "[]:null")
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT $1::jsonb`, string(text)).Scan(&stored))
	var back compare.Report
	require.NoError(t, json.Unmarshal(stored, &back))
	require.Equal(t, report, back)
}

func TestSeveralTablesAndProgress(t *testing.T) {
	t.Parallel()
	pool := database(t, activeBooks, newBooks, fillActive, fillNew,
		`CREATE TABLE gone_g1 (id bigint PRIMARY KEY)`, `CREATE TABLE gone_g2 (id bigint PRIMARY KEY)`,
		`INSERT INTO gone_g2 VALUES (9)`, `ANALYZE`)
	var seen []compare.Progress
	report, _ := run(t, pool, compare.Options{ChunkRows: 4, Between: func(_ context.Context, p compare.Progress) error {
		seen = append(seen, p)
		return nil
	}}, books("id"), compare.Pair{Name: "gone", Active: "gone_g1", New: "gone_g2", Key: []string{"id"}})

	require.Equal(t, "books", report.Tables[0].Table)
	require.Equal(t, "gone", report.Tables[1].Table)
	require.EqualValues(t, 1, report.Differences)
	require.NotEmpty(t, seen)
	for i, p := range seen {
		require.LessOrEqual(t, p.Rows, p.Expected)
		if i > 0 {
			require.GreaterOrEqual(t, p.Rows, seen[i-1].Rows)
		}
	}
	require.Greater(t, len(seen), 2, "more chunks than tables")
	require.Equal(t, "books", seen[0].Table)
	require.Less(t, seen[0].Rows, int64(6))
	last := seen[len(seen)-1]
	require.Equal(t, "gone", last.Table)
	require.EqualValues(t, 7, last.Rows)
}

// What is written while a comparison runs is not part of it.
func TestOneSnapshot(t *testing.T) {
	t.Parallel()
	pool := database(t, activeBooks, newBooks, fillActive, fillNew)
	chunks := 0
	report, _ := run(t, pool, compare.Options{ChunkRows: 1, Between: func(context.Context, compare.Progress) error {
		chunks++
		execute(t, pool, `UPDATE books_g2 SET title = title || '!'`)
		execute(t, pool, `DELETE FROM books_g1 WHERE id = 3`)
		return nil
	}}, books("id"))
	require.True(t, report.Equal())
	require.Greater(t, chunks, 2)

	report, _ = run(t, pool, compare.Options{}, books("id"))
	require.False(t, report.Equal())
}

// The same rows have the same checksums for whoever asks.
func TestSessionSettingsDoNotMatter(t *testing.T) {
	t.Parallel()
	pool := database(t,
		`CREATE TABLE books_g1 (id bigint PRIMARY KEY, at timestamptz, rating float8, cover bytea, loan interval)`,
		`CREATE TABLE books_g2 (LIKE books_g1 INCLUDING ALL)`,
		`INSERT INTO books_g1 VALUES (1, '2024-10-27T00:30:00Z', 0.1, '\x00', '1 day 2 hours')`,
		`INSERT INTO books_g2 SELECT * FROM books_g1`)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()

	sums := map[string]bool{}
	for _, setting := range []string{"RESET ALL", "SET TimeZone = 'Asia/Tokyo'", "SET DateStyle = 'German'", "SET extra_float_digits = -15",
		"SET bytea_output = 'escape'", "SET IntervalStyle = 'iso_8601'"} {
		_, err := conn.Exec(t.Context(), setting)
		require.NoError(t, err)
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		require.NoError(t, err)
		report, err := compare.Run(t.Context(), tx, []compare.Pair{books("id")}, compare.Options{})
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
		sums[report.Tables[0].ActiveChecksum], sums[report.Tables[0].NewChecksum] = true, true
	}
	require.Len(t, sums, 1)
}

func TestMistakesOfTheCaller(t *testing.T) {
	t.Parallel()
	pool := database(t, activeBooks, newBooks, `CREATE TABLE bare_g1 (id bigint)`, `CREATE TABLE bare_g2 (id bigint)`)
	for name, c := range map[string]struct {
		pairs     []compare.Pair
		isolation pgx.TxIsoLevel
		want      error
	}{
		"nothing to compare": {nil, pgx.RepeatableRead, compare.ErrNoPairs},
		"no snapshot":        {[]compare.Pair{books("id")}, pgx.ReadCommitted, compare.ErrNoSnapshot},
		"no such table":      {[]compare.Pair{{Name: "x", Active: "x_g1", New: "x_g2", Key: []string{"id"}}}, pgx.RepeatableRead, compare.ErrNoTable},
		"no key":             {[]compare.Pair{books()}, pgx.RepeatableRead, compare.ErrNoKey},
		"no such column":     {[]compare.Pair{books("isbn")}, pgx.RepeatableRead, compare.ErrNoKey},
		"key with NULL":      {[]compare.Pair{books("id", "note")}, pgx.RepeatableRead, compare.ErrNoKey},
		"no primary key":     {[]compare.Pair{{Name: "bare", Active: "bare_g1", New: "bare_g2", Key: []string{"id"}}}, pgx.RepeatableRead, compare.ErrNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: c.isolation})
			require.NoError(t, err)
			defer tx.Rollback(context.Background())
			_, err = compare.Run(t.Context(), tx, c.pairs, compare.Options{})
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestErrorsOfTheCallersFunctionsEndIt(t *testing.T) {
	t.Parallel()
	pool := database(t, activeBooks, newBooks, fillActive)
	enough := errors.New("enough")
	calls := 0
	for _, o := range []compare.Options{
		{ChunkRows: 1, Between: func(context.Context, compare.Progress) error { calls++; return enough }},
		{Differs: func(compare.Row) error { calls++; return enough }},
	} {
		calls = 0
		_, err := inSnapshot(t, pool, func(tx pgx.Tx) (compare.Report, error) {
			return compare.Run(t.Context(), tx, []compare.Pair{books("id")}, o)
		})
		require.ErrorIs(t, err, enough)
		require.Equal(t, 1, calls)
	}
}
