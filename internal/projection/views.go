package projection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// replaceView makes a view, or points it at what another query returns. Columns
// that a newer version has given it stay, with nothing in them: PostgreSQL takes
// none away from a view, and queries that ask for them must work also after a
// rollback to tables without them.
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
	var kept strings.Builder
	var name, kind string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind}, func() error {
		if !slices.ContainsFunc(made.Fields, func(f pgconn.FieldDescription) bool { return f.Name == name }) {
			fmt.Fprintf(&kept, ", NULL::%s AS %s", kind, pgx.Identifier{name}.Sanitize())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the columns of view %s: %w", view, err)
	}
	if kept.Len() > 0 {
		query = `SELECT made.*` + kept.String() + ` FROM (` + query + `) AS made`
	}
	_, err = tx.Exec(ctx, `CREATE OR REPLACE VIEW `+view+` AS `+query)
	return err
}
