package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bookstore/internal/projection"
)

// readPosition reads which generation of a projection is active and how far it
// has come.
func readPosition(ctx context.Context, tx pgx.Tx, name string, model *ReadModel) error {
	err := tx.QueryRow(ctx, `SELECT generation FROM generations WHERE projection = $1 AND state = 'active'`, name).
		Scan(&model.Generation)
	if errors.Is(err, pgx.ErrNoRows) || isUndefinedTable(err) {
		return fmt.Errorf("find projection %s: %w", name, ErrNoReadModel)
	}
	if err != nil {
		return fmt.Errorf("find projection %s: %w", name, err)
	}
	model.Position, err = projection.Checkpoints(ctx, tx, name)
	return err
}

func isUndefinedTable(err error) bool {
	const undefinedTable = "42P01"
	var fromServer *pgconn.PgError
	return errors.As(err, &fromServer) && fromServer.Code == undefinedTable
}

// eachBook calls fn with the rows of the catalog, those of ids only unless ids is nil.
func (v *verification) eachBook(ctx context.Context, tx pgx.Tx, ids []int64, fn func(book)) error {
	rows, err := tx.Query(ctx, `
		SELECT generation, id, version, title, author, published_at, description, isbn, created_at, updated_at
		FROM books WHERE $1::bigint[] IS NULL OR id = ANY($1)`, ids)
	if err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	var generation int64
	var b book
	into := []any{&generation, &b.id, &b.version, &b.Title, &b.Author, &b.PublishedAt, &b.Description, &b.ISBN, &b.createdAt, &b.updatedAt}
	_, err = pgx.ForEachRow(rows, into, func() error {
		fn(b)
		return sameGeneration(generation, v.report.Catalog)
	})
	if err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	return v.checkActive(ctx, tx, InCatalog)
}

// eachEntry calls fn with the rows of the history, by book and version; those of
// ids only unless ids is nil.
func (v *verification) eachEntry(ctx context.Context, tx pgx.Tx, ids []int64, fn func(entry)) error {
	rows, err := tx.Query(ctx, `
		SELECT generation, book_id, version, type, at, actor, command_id, correlation_id, details
		FROM book_history WHERE $1::bigint[] IS NULL OR book_id = ANY($1)
		ORDER BY book_id, version`, ids)
	if err != nil {
		return fmt.Errorf("read the history: %w", err)
	}
	var generation int64
	var e entry
	var said []byte
	into := []any{&generation, &e.book, &e.version, &e.kind, &e.at, &e.actor, &e.commandID, &e.correlationID, &said}
	_, err = pgx.ForEachRow(rows, into, func() error {
		row := e
		if row.hasDetails = said != nil; row.hasDetails {
			if err := json.Unmarshal(said, &row.Details); err != nil {
				return fmt.Errorf("details of book %d, version %d: %w", e.book, e.version, err)
			}
		}
		fn(row)
		return sameGeneration(generation, v.report.History)
	})
	if err != nil {
		return fmt.Errorf("read the history: %w", err)
	}
	return v.checkActive(ctx, tx, InHistory)
}

// checkActive notices a switch also where no rows were read: tables that are newer
// than the snapshot look empty in it.
func (v *verification) checkActive(ctx context.Context, tx pgx.Tx, model string) error {
	var generation int64
	if err := tx.QueryRow(ctx, `SELECT generation FROM `+model+`_generation`).Scan(&generation); err != nil {
		return fmt.Errorf("find out the generation of %s: %w", model, err)
	}
	return sameGeneration(generation, *v.models[model])
}

// sameGeneration notices a switch. The views are not part of the snapshot: it is
// the newest definition of a view that a query reads through.
func sameGeneration(generation int64, model ReadModel) error {
	if generation != model.Generation {
		return ErrSwitched
	}
	return nil
}
