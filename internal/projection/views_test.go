package projection

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/testenv"
)

// Versions take columns away, add some in the middle, and are rolled back.
func TestAViewIsReplacedWhateverItsColumns(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), testenv.Database(t))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, version := range []struct {
		query   string
		columns []string
		row     []any
	}{
		{`SELECT 1 AS id, 'dune'::text AS title, true AS old`, []string{"id", "title", "old"}, []any{int32(1), "dune", true}},
		{`SELECT 2 AS id, 7 AS "New", 'emma'::text AS title`, []string{"id", "title", "old", "New"}, []any{int32(2), "emma", nil, int32(7)}},
		{`SELECT 3 AS id, 'it'::text AS title, false AS old`, []string{"id", "title", "old", "New"}, []any{int32(3), "it", false, nil}},
	} {
		require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			return replaceView(t.Context(), tx, "things", version.query)
		}))
		rows, err := conn.Query(t.Context(), `SELECT * FROM things`, pgx.QueryExecModeExec)
		require.NoError(t, err)
		var names []string
		for _, f := range rows.FieldDescriptions() {
			names = append(names, f.Name)
		}
		require.Equal(t, version.columns, names)
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
		require.NoError(t, err)
		require.Equal(t, [][]any{version.row}, all)
	}
}
