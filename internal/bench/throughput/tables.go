package throughput

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/projection"
)

// The tables of the catalog, which a test holds against what it says of itself.
const (
	tableBooks   = "catalog_books"
	tableDeleted = "catalog_deleted"
	tableWords   = "catalog_words"
)

func (t Task) books() string   { return projection.TableName(tableBooks, t.Generation) }
func (t Task) deleted() string { return projection.TableName(tableDeleted, t.Generation) }
func (t Task) words() string   { return projection.TableName(tableWords, t.Generation) }

// consumer is the name of a generation's checkpoints.
func (t Task) consumer() string {
	return projection.BuildConsumer(projection.Catalog{}.Name(), t.Generation)
}

// group is not that of another way: its offsets are where the task begins.
func (t Task) group() string { return t.Topic + "." + string(t.Way) + "." + t.consumer() }

// createTables makes a generation, with the indexes that queries need.
func createTables(ctx context.Context, pool *pgxpool.Pool) (generation int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := projection.LockGenerations(ctx, tx); err != nil {
			return err
		}
		if generation, err = projection.CreateGeneration(ctx, tx, projection.Catalog{}); err != nil {
			return err
		}
		return projection.CreateIndexes(ctx, tx, projection.Catalog{}, generation)
	})
	if err != nil {
		return 0, fmt.Errorf("create tables: %w", err)
	}
	return generation, nil
}

// dropTables drops a generation, also one that views are on, if it is still there.
func dropTables(ctx context.Context, pool *pgxpool.Pool, generation int64) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := projection.LockGenerations(ctx, tx); err != nil {
			return err
		}
		for _, table := range (projection.Catalog{}).Tables() {
			if _, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+projection.TableName(table.Name, generation)+` CASCADE`); err != nil {
				return err
			}
		}
		err := projection.DropGeneration(ctx, tx, projection.Catalog{}.Name(), generation)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("drop tables: %w", err)
	}
	return nil
}

// settle writes to disk what is not there yet, so that no way pays for what the
// one before it left to be done.
func settle(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `CHECKPOINT`)
	var refused *pgconn.PgError
	const notAllowed = "42501" // on a server of somebody else's
	if errors.As(err, &refused) && refused.Code == notAllowed {
		return nil
	}
	return err
}

// Rows says what is in the tables of a generation: two that have the same rows,
// in whatever order, have the same Rows.
type Rows struct {
	Books, Deleted, Words int64
	Hash                  string
}

// RowsError says that two ways did not come to the same rows, so that one of them
// has lost something, or done it twice.
type RowsError struct {
	Way, Than  string
	Have, Want Rows
}

func (e *RowsError) Error() string {
	return fmt.Sprintf("%s came to other rows than %s: %+v, not %+v", e.Way, e.Than, e.Have, e.Want)
}

func readRows(ctx context.Context, pool *pgxpool.Pool, generation int64) (Rows, error) {
	var rows Rows
	t := Task{Generation: generation}
	count := func(table string) string {
		return `(SELECT count(*) AS n, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS hash FROM ` + table + ` AS t)`
	}
	err := pool.QueryRow(ctx, `
		SELECT b.n, d.n, w.n, b.hash || '/' || d.hash || '/' || w.hash
		FROM `+count(t.books())+` AS b, `+count(t.deleted())+` AS d, `+count(t.words())+` AS w`,
	).Scan(&rows.Books, &rows.Deleted, &rows.Words, &rows.Hash)
	if err != nil {
		return Rows{}, fmt.Errorf("count rows: %w", err)
	}
	return rows, nil
}
