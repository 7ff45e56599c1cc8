package projection

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PendingListKB is how much a GIN index of a projection collects before an insertion
// merges it, in kB. A list is unsorted, and every part of a search reads all of it: 1 ms
// for 2 MB, measured. A long one is merged with less work for each row: 130 µs at 0.5 MB,
// 90 at 2, 50 at 8, in an index on a million books.
const PendingListKB = 2 << 10

// MergePending merges what the GIN indexes of a projection's attached generations
// have collected, so that searches don't read it again and again once nothing more
// comes. PostgreSQL itself would do so when it vacuums.
//
// It changes no row, and may be done by several at once: they take turns.
func MergePending(ctx context.Context, pool *pgxpool.Pool, projection string) error {
	_, err := pool.Exec(ctx, `
		SELECT gin_clean_pending_list(index.oid::regclass)
		FROM generations CROSS JOIN unnest(tables) AS name
		JOIN pg_index ON pg_index.indrelid = to_regclass(quote_ident(name))
		JOIN pg_class AS index ON index.oid = pg_index.indexrelid
		JOIN pg_am ON pg_am.oid = index.relam AND pg_am.amname = 'gin'
		WHERE projection = $1 AND attached`, projection)
	if err != nil {
		return fmt.Errorf("merge the pending lists of %s: %w", projection, err)
	}
	return nil
}
