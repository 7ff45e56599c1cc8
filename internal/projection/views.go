package projection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// replaceView makes a view, or points it at what another query returns.
//
// PostgreSQL replaces a view only by one that begins with the same columns in the same
// order. So those that it has come first, with nothing in them where the query does not
// give them: queries that ask for them must work also after a rollback to tables without
// them. What is new comes behind.
func replaceView(ctx context.Context, tx pgx.Tx, view, query string) error {
	made, err := tx.Prepare(ctx, "", query)
	if err != nil {
		return fmt.Errorf("describe view %s: %w", view, err)
	}
	rows, err := tx.Query(ctx, `
		SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum`, view)
	if err != nil {
		return err
	}
	left := made.Fields
	var columns, inOrder []string
	for _, f := range made.Fields {
		inOrder = append(inOrder, pgx.Identifier{f.Name}.Sanitize())
	}
	var name, kind string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind}, func() error {
		column := pgx.Identifier{name}.Sanitize()
		if i := slices.IndexFunc(left, func(f pgconn.FieldDescription) bool { return f.Name == name }); i >= 0 {
			left = slices.Delete(slices.Clone(left), i, i+1)
		} else {
			column = `NULL::` + kind + ` AS ` + column
		}
		columns = append(columns, column)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the columns of view %s: %w", view, err)
	}
	for _, f := range left {
		columns = append(columns, pgx.Identifier{f.Name}.Sanitize())
	}
	if !slices.Equal(columns, inOrder) {
		query = `SELECT ` + strings.Join(columns, ", ") + ` FROM (` + query + `) AS made`
	}
	_, err = tx.Exec(ctx, `CREATE OR REPLACE VIEW `+view+` AS `+query)
	return err
}
