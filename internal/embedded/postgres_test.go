package embedded_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"bookstore/internal/embedded"
)

func postgresConfig(dir string) embedded.PostgresConfig {
	return embedded.PostgresConfig{
		DataDir:  dir,
		User:     "bookstore",
		Database: "books",
		Logger:   slog.New(slog.DiscardHandler),
	}
}

func startPostgres(t *testing.T, cfg embedded.PostgresConfig) *embedded.Postgres {
	t.Helper()
	server, err := embedded.StartPostgres(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close(context.Background()) })

	return server
}

// query runs one statement over a connection of its own and returns its only
// value, or "" when it has none.
func query(ctx context.Context, dsn, sql string, args ...any) (string, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var value string
	if rows.Next() {
		if err := rows.Scan(&value); err != nil {
			return "", err
		}
	}
	rows.Close()

	return value, rows.Err()
}

func mustQuery(t *testing.T, dsn, sql string, args ...any) string {
	t.Helper()
	value, err := query(t.Context(), dsn, sql, args...)
	require.NoError(t, err)

	return value
}

// postmasterPID is the process id of the server in dir.
func postmasterPID(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "cluster", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)

	return pid
}

func TestPostgresKeepsDataOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := startPostgres(t, postgresConfig(dir))
	mustQuery(t, server.ConnString(), "CREATE TABLE books (title text)")
	mustQuery(t, server.ConnString(), "INSERT INTO books VALUES ('Čapek')")
	require.NoError(t, server.Err())
	require.NoError(t, server.Close(t.Context()))
	<-server.Done()
	require.NoError(t, server.Close(t.Context()), "closing twice")

	// What a killed first start leaves beside the cluster goes.
	halfMade := filepath.Join(dir, "initdb-123")
	require.NoError(t, os.Mkdir(halfMade, 0o700))
	again := startPostgres(t, postgresConfig(dir))
	require.Equal(t, "Čapek", mustQuery(t, again.ConnString(), "SELECT title FROM books"))
}

func TestPostgresIsDurableAndKnowsLetters(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, postgresConfig(t.TempDir()))
	for sql, want := range map[string]string{
		"SHOW fsync":                                   "on",
		"SHOW synchronous_commit":                      "on",
		"SHOW full_page_writes":                        "on",
		"SHOW data_checksums":                          "on",
		"SHOW server_encoding":                         "UTF8",
		"SHOW listen_addresses":                        "",
		"SHOW timezone":                                "UTC",
		"SELECT lower('ÄŁÇ')":                          "äłç",
		"SELECT to_tsvector('simple', 'ČAPEK!')::text": "'čapek':1",
		"SELECT (to_tsvector('simple', 'Ærø') @@ to_tsquery('simple', 'ærø'))::text": "true",
	} {
		require.Equal(t, want, mustQuery(t, server.ConnString(), sql), sql)
	}
}

func TestPostgresInAwkwardPlaces(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"spaces and quotes":                  `it's a "data" dir [*]`,
		"a comma, which separates hosts":     "a,b",
		"deeper than a socket's path may be": strings.Repeat("deep/", 40) + "dir",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(publicDir(t), dir)
			server := startPostgres(t, postgresConfig(dir))
			require.Equal(t, "1", mustQuery(t, server.ConnString(), "SELECT '1'"))

			printed, err := exec.Command("sh", "-c", server.PsqlLine()+" -Atc 'SELECT current_database()'").CombinedOutput()
			require.NoError(t, err, string(printed))
			require.Equal(t, "books\n", string(printed))
		})
	}
}

func TestPostgresOverTCPAsksForAPassword(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	cfg := postgresConfig(t.TempDir())
	cfg.Port = port

	_, err = embedded.StartPostgres(t.Context(), cfg)
	var inUse *embedded.PortInUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, "embedded.postgres_port", inUse.Key)
	require.NoError(t, free.Close())

	server := startPostgres(t, cfg)
	require.Equal(t, "1", mustQuery(t, server.ConnStringTCP(), "SELECT '1'"))
	require.Equal(t, "1", mustQuery(t, server.ConnString(), "SELECT '1'"), "the socket has the port in its name")

	info, err := os.Stat(filepath.Join(cfg.DataDir, "password"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	wrong, err := url.Parse(server.ConnStringTCP())
	require.NoError(t, err)
	wrong.User = url.UserPassword("bookstore", "guessed")
	_, err = query(t.Context(), wrong.String(), "SELECT '1'")
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "28P01", refused.Code, "invalid_password")
}

func TestPostgresIsStartedAgainWhenItDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := startPostgres(t, postgresConfig(dir))
	mustQuery(t, server.ConnString(), "CREATE TABLE books AS SELECT 'kept' AS title")

	for range 2 {
		first := postmasterPID(t, dir)
		require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
		require.Eventually(t, func() bool {
			title, err := query(t.Context(), server.ConnString(), "SELECT title FROM books")
			return err == nil && title == "kept" && postmasterPID(t, dir) != first
		}, 30*time.Second, 10*time.Millisecond)
	}
	require.NoError(t, server.Err())
}

func TestPostgresTakesAStalePidFileForWhatItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, startPostgres(t, postgresConfig(dir)).Close(t.Context()))

	// After a reboot the number belongs to some other process: ours.
	file := filepath.Join(dir, "cluster", "postmaster.pid")
	content := strconv.Itoa(os.Getpid()) + "\n" + filepath.Join(dir, "cluster") + "\n"
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))

	startPostgres(t, postgresConfig(dir))
}
