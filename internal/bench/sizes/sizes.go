package sizes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Relation is a table or an index.
type Relation struct {
	Name  string `json:"name"`
	Of    string `json:"of,omitempty"` // the table; "" for a table itself
	Bytes int64  `json:"bytes"`        // on disk; of a table with what is stored out of line, without its indexes
}

// Read returns the size of the database in bytes, and of what it is made of,
// the largest first.
func Read(ctx context.Context, pool *pgxpool.Pool) (database int64, relations []Relation, err error) {
	if err := pool.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&database); err != nil {
		return 0, nil, fmt.Errorf("read the database's size: %w", err)
	}
	rows, err := pool.Query(ctx, `
		SELECT c.relname, coalesce(t.relname, ''), pg_table_size(c.oid) AS bytes
		FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid LEFT JOIN pg_class AS t ON t.oid = i.indrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'm', 'i')
		ORDER BY bytes DESC, c.relname`)
	if err != nil {
		return 0, nil, fmt.Errorf("read the sizes of tables: %w", err)
	}
	relations, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Relation])
	if err != nil {
		return 0, nil, fmt.Errorf("read the sizes of tables: %w", err)
	}
	return database, relations, nil
}
