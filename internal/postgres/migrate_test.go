package postgres

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/testenv"
	"bookstore/migrations"
)

// steps makes a file system of numbered migrations.
func steps(sql ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for i, statements := range sql {
		name := "0000" + string(rune('1'+i)) + "_step.sql"
		files[name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + statements)}
	}
	return files
}

const (
	createBooks = "CREATE TABLE books (id int PRIMARY KEY);"
	fillBooks   = "INSERT INTO books VALUES (1);"
)

func versions(applied []Migration) []int64 {
	var numbers []int64
	for _, m := range applied {
		numbers = append(numbers, m.Version)
	}
	return numbers
}

func TestMigrateTheServicesOwnSteps(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	files, err := migrations.FS.ReadDir(".")
	require.NoError(t, err)

	applied, err := Migrate(t.Context(), pool, quiet)
	require.NoError(t, err)
	require.Len(t, applied, len(files))

	again, err := Migrate(t.Context(), pool, quiet)
	require.NoError(t, err)
	require.Empty(t, again)
}

func TestMigrateAppliesWhatIsMissing(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))

	applied, err := migrate(t.Context(), pool, steps(createBooks), logger)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, versions(applied))
	require.Equal(t, "00001_step.sql", applied[0].File)
	require.Positive(t, applied[0].Took)

	applied, err = migrate(t.Context(), pool, steps(createBooks, fillBooks), logger)
	require.NoError(t, err)
	require.Equal(t, []int64{2}, versions(applied))
	require.Equal(t, 2, strings.Count(log.String(), "\n"), "one line a step:\n%s", log.String())

	log.Reset()
	_, err = migrate(t.Context(), pool, steps(createBooks, fillBooks), logger)
	require.NoError(t, err)
	require.Empty(t, log.String())
}

func TestMigrateStaysInItsSchema(t *testing.T) {
	t.Parallel()
	first, second := openPool(t, testenv.Database(t)), openPool(t, testenv.Database(t))
	for _, pool := range []*pgxpool.Pool{first, second} {
		applied, err := migrate(t.Context(), pool, steps(createBooks), quiet)
		require.NoError(t, err)
		require.Len(t, applied, 1, "the other schema's record was taken for this one's")
		const tables = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = current_schema()"
		require.Equal(t, "books goose_db_version", value(t, pool, tables))
	}
}

func TestMigrateFailsWithoutASchema(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(testenv.Database(t))
	require.NoError(t, err)
	query := dsn.Query()
	query.Set("search_path", "absent")
	dsn.RawQuery = query.Encode()

	_, err = migrate(t.Context(), openPool(t, dsn.String()), steps(createBooks), quiet)
	require.ErrorIs(t, err, ErrNoSchema)
}

func TestMigrateTwiceAtOnce(t *testing.T) {
	t.Parallel()
	dsn := testenv.Database(t)

	var group errgroup.Group
	counts := make([]int, 4)
	for i := range counts {
		pool := openPool(t, dsn)
		group.Go(func() error {
			applied, err := migrate(t.Context(), pool, steps(createBooks, fillBooks), quiet)
			counts[i] = len(applied)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.ElementsMatch(t, []int{2, 0, 0, 0}, counts, "one does it all")
	require.Equal(t, "1", value(t, openPool(t, dsn), "SELECT count(*)::text FROM books"))
}

func TestMigrateRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	_, err := migrate(t.Context(), pool, steps(createBooks, fillBooks), quiet)
	require.NoError(t, err)

	var newer *NewerSchemaError
	_, err = migrate(t.Context(), pool, steps(createBooks), quiet)
	require.ErrorAs(t, err, &newer)
	require.Equal(t, NewerSchemaError{Schema: 2, Binary: 1}, *newer)

	// A binary of another branch: it has a step that the schema lacks, and the
	// schema has a later one that it lacks.
	execute(t, pool, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9, true)")
	_, err = migrate(t.Context(), pool, steps(createBooks, fillBooks, "SELECT 1;"), quiet)
	require.ErrorAs(t, err, &newer)
	require.Equal(t, NewerSchemaError{Schema: 9, Binary: 3}, *newer)
}

func TestMigrateReportsTheStepThatFailed(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))

	applied, err := migrate(t.Context(), pool, steps(createBooks, fillBooks+"SELECT 1/0;"), quiet)
	var division *pgconn.PgError
	require.ErrorAs(t, err, &division)
	require.Equal(t, "22012", division.Code)
	var failed *MigrationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "00002_step.sql", failed.File)
	require.False(t, IsTransient(err))
	require.Equal(t, []int64{1}, versions(applied))
	require.Equal(t, "0", value(t, pool, "SELECT count(*)::text FROM books"), "a failed step changes nothing")

	applied, err = migrate(t.Context(), pool, steps(createBooks, fillBooks), quiet)
	require.NoError(t, err)
	require.Equal(t, []int64{2}, versions(applied))
}

func TestMigrateLeavesNothingOnThePoolsConnections(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	_, err := migrate(t.Context(), pool, steps("SET statement_timeout = '1h';"), quiet)
	require.NoError(t, err)
	require.Equal(t, "0", value(t, pool, "SHOW statement_timeout"))
	require.Zero(t, pool.Stat().AcquiredConns())
}

func TestMigrateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dsn := testenv.Database(t)
	pool := openPool(t, dsn)
	ctx, cancel := context.WithCancel(t.Context())

	result := make(chan error, 1)
	go func() {
		_, err := migrate(ctx, pool, steps("SELECT pg_sleep(60);"), quiet)
		result <- err
	}()
	require.Eventually(t, func() bool {
		return value(t, pool, "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'") == "1"
	}, testPatience, testTick)
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)

	// The lock went with the connection: the next one gets it.
	applied, err := migrate(t.Context(), pool, steps(createBooks), quiet)
	require.NoError(t, err)
	require.Len(t, applied, 1)
}
