package compare

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// shape is what PostgreSQL knows of a table.
type shape struct {
	name     string // quoted
	exists   bool
	columns  map[string]column
	expected int64 // rows, estimated
}

// column is a column of a table.
type column struct {
	name      string
	sqlType   string // as a cast has it
	collation uint32 // 0: the type has none
	notNull   bool
	primary   bool // part of the primary key
}

// quoted returns the column's name as SQL has it.
func (c column) quoted() string { return quote(c.name) }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// readShape looks a table up in the search_path. One that is missing is no error.
func readShape(ctx context.Context, tx pgx.Tx, table string) (shape, error) {
	s := shape{name: quote(table)}
	var oid *uint32
	if err := tx.QueryRow(ctx, `SELECT to_regclass($1)::oid`, s.name).Scan(&oid); err != nil {
		return shape{}, fmt.Errorf("look up table %s: %w", table, err)
	}
	if oid == nil {
		return s, nil
	}
	s.exists = true
	var err error
	if s.columns, err = readColumns(ctx, tx, *oid); err != nil {
		return shape{}, fmt.Errorf("look up columns of table %s: %w", table, err)
	}
	if s.expected, err = estimateRows(ctx, tx, s.name); err != nil {
		return shape{}, fmt.Errorf("estimate rows of table %s: %w", table, err)
	}
	return s, nil
}

func readColumns(ctx context.Context, tx pgx.Tx, table uint32) (map[string]column, error) {
	// indkey also has the columns that an index merely includes, behind the key's.
	rows, err := tx.Query(ctx, `
		SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attcollation, a.attnotnull,
			coalesce(a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts-1]), false)
		FROM pg_attribute AS a
		LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped`, table)
	if err != nil {
		return nil, err
	}
	columns := map[string]column{}
	var c column
	_, err = pgx.ForEachRow(rows, []any{&c.name, &c.sqlType, &c.collation, &c.notNull, &c.primary}, func() error {
		columns[c.name] = c
		return nil
	})
	return columns, err
}

// estimateRows asks the planner: it counts with the table's size of this moment,
// while what pg_class has on rows is as old as the last ANALYZE.
func estimateRows(ctx context.Context, tx pgx.Tx, quotedTable string) (int64, error) {
	var plans []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	if err := tx.QueryRow(ctx, explain(quotedTable)).Scan(&plans); err != nil {
		return 0, err
	}
	var rows int64
	for _, p := range plans {
		rows += int64(p.Plan.Rows)
	}
	return rows, nil
}
