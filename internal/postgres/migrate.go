package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"path"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"bookstore/migrations"
)

// Migration is a step that was applied.
type Migration struct {
	Version int64         // the number its file begins with
	File    string        // its file in package migrations
	Took    time.Duration // how long it ran
}

// ErrNoSchema says that no schema of the connection's search_path exists, so
// that there is no place for the tables.
var ErrNoSchema = errors.New("no schema of the search_path exists")

// MigrationError says which step failed.
type MigrationError struct {
	File string // its file in package migrations
	Err  error  // what the server said
}

func (e *MigrationError) Error() string {
	return fmt.Sprintf("apply migration %s: %v", e.File, e.Err)
}

// Unwrap returns what the server said.
func (e *MigrationError) Unwrap() error { return e.Err }

// NewerSchemaError says that a newer binary has changed the schema. This one
// doesn't know what its queries would meet there.
type NewerSchemaError struct {
	Schema int64 // version of the schema
	Binary int64 // highest version this binary knows
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database's schema is at version %d and this program knows only up to %d: run a newer program", e.Schema, e.Binary)
}

// Migrate brings the schema up to date and returns the steps it applied, in
// order, also those before the one that failed. Tables, and goose's record of
// the steps (goose_db_version), go into the first schema of the search_path that
// exists.
//
// It connects by itself, with the pool's settings: a lock or a SET that a step
// leaves behind must not turn up in somebody's later query. While another
// process migrates it waits, for as long as ctx allows, looking once a second.
//
// Errors: *NewerSchemaError; ErrNoSchema; *MigrationError for a step that failed,
// which has changed nothing (unless its file says NO TRANSACTION) and is tried
// again at the next call; the connection's, for which IsTransient holds.
func Migrate(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) ([]Migration, error) {
	return migrate(ctx, pool, migrations.FS, logger)
}

func migrate(ctx context.Context, pool *pgxpool.Pool, steps fs.FS, logger *slog.Logger) (applied []Migration, err error) {
	db := stdlib.OpenDB(*pool.Config().ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()

	locker, err := schemaLocker(ctx, db)
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, steps,
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true), // other packages' steps are not ours
		goose.WithLogger(goose.NopLogger()),   // logged below, one line per step
	)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}

	applied, upErr := up(ctx, provider)
	for _, m := range applied {
		logger.InfoContext(ctx, "migration applied", "version", m.Version, "file", m.File, "took", m.Took)
	}
	// Only now: a newer binary may have migrated while this one waited for the
	// lock. It comes before upErr, which on a newer schema is goose's puzzlement
	// over steps it doesn't know.
	var newer *NewerSchemaError
	if err := refuseNewer(ctx, provider); errors.As(err, &newer) || upErr == nil {
		return applied, err
	}
	return applied, upErr
}

// up applies what is missing.
func up(ctx context.Context, provider *goose.Provider) ([]Migration, error) {
	results, err := provider.Up(ctx)
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		results = partial.Applied
		err = &MigrationError{File: path.Base(partial.Failed.Source.Path), Err: partial.Err}
	} else if err != nil {
		err = fmt.Errorf("apply migrations: %w", err)
	}

	applied := make([]Migration, 0, len(results))
	for _, result := range results {
		applied = append(applied, Migration{
			Version: result.Source.Version,
			File:    path.Base(result.Source.Path),
			Took:    result.Duration,
		})
	}
	return applied, err
}

func refuseNewer(ctx context.Context, provider *goose.Provider) error {
	schema, binary, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if schema > binary {
		return &NewerSchemaError{Schema: schema, Binary: binary}
	}
	return nil
}

// schemaLocker returns an advisory lock for the migrations of the current
// schema. It differs from schema to schema so that services, and tests, that
// share a database don't wait for one another.
func schemaLocker(ctx context.Context, db *sql.DB) (lock.SessionLocker, error) {
	var schema sql.NullString
	if err := db.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return nil, fmt.Errorf("ask PostgreSQL for the schema to migrate: %w", err)
	}
	if !schema.Valid {
		return nil, fmt.Errorf("migrate: %w", ErrNoSchema)
	}
	id := fnv.New64a()
	_, _ = id.Write([]byte("bookstore migrations in " + schema.String)) // a hash never fails

	const everySecond, forAYear = 1, 365 * 24 * 3600 // ctx ends the wait before that
	return lock.NewPostgresSessionLocker(
		lock.WithLockID(int64(id.Sum64())),
		lock.WithLockTimeout(everySecond, forAYear),
	)
}
