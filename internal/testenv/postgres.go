package testenv

import (
	"context"
	"log/slog"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/embedded"
)

// Database returns a connection URL to this binary's PostgreSQL whose
// search_path is a schema of the test's own, empty and dropped at its end,
// followed by public, which has the extensions pg_trgm and unaccent. The test
// closes its connections before its end (t.Cleanup runs last in, first out).
func Database(t testing.TB) string {
	t.Helper()
	requireMain(t)
	server, err := shared.sharedPostgres()
	require.NoError(t, err, "start PostgreSQL for tests")

	schema := Name(t)
	execSQL(t, server.ConnString(), "CREATE SCHEMA "+schema)
	t.Cleanup(func() { execSQL(t, server.ConnString(), "DROP SCHEMA "+schema+" CASCADE") })

	return withSearchPath(t, server.ConnString(), schema+",public")
}

// Postgres returns a server of the test's own, for tests that stop or kill it.
func Postgres(t testing.TB) *embedded.Postgres {
	t.Helper()
	dir, err := shared.workDir()
	require.NoError(t, err)
	requireMain(t)

	server, err := startPostgres(filepath.Join(dir.path, Name(t)))
	require.NoError(t, err, "start PostgreSQL for one test")
	t.Cleanup(func() { _ = server.Close(context.Background()) })

	return server
}

func requireMain(t testing.TB) {
	t.Helper()
	require.True(t, shared.inMain, "the package needs func TestMain(m *testing.M) { testenv.Main(m) }")
}

func (e *environment) sharedPostgres() (*embedded.Postgres, error) {
	e.once.postgres.Do(func() {
		var dir *workDir
		if dir, e.pgErr = e.workDir(); e.pgErr != nil {
			return
		}
		e.postgres, e.pgErr = startPostgres(filepath.Join(dir.path, "postgres"))
	})

	return e.postgres, e.pgErr
}

func startPostgres(dir string) (*embedded.Postgres, error) {
	ctx := context.Background()
	server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		DataDir:   dir,
		User:      "bookstore",
		Database:  "bookstore",
		Ephemeral: true,
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}

	conn, err := pgx.Connect(ctx, server.ConnString())
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE EXTENSION pg_trgm SCHEMA public; CREATE EXTENSION unaccent SCHEMA public")

	return server, err
}

func execSQL(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx := context.Background() // t.Context() has ended when cleanups run
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	require.NoError(t, err)
}

func withSearchPath(t testing.TB, dsn, searchPath string) string {
	t.Helper()
	parsed, err := url.Parse(dsn)
	require.NoError(t, err)
	query := parsed.Query()
	query.Set("search_path", searchPath)
	parsed.RawQuery = query.Encode()

	return parsed.String()
}
