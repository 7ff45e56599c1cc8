package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Reader is the part of a connection or pool that reads: what a consumer may do
// to the database while it makes the writes that the engine will commit.
type Reader interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}
