package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/testenv"
)

const (
	testPatience = 30 * time.Second
	testTick     = 20 * time.Millisecond
)

// refusing returns a loopback address at which nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// code returns the SQLSTATE of err, empty if the server didn't send it.
func code(err error) string {
	var fromServer *pgconn.PgError
	if errors.As(err, &fromServer) {
		return fromServer.Code
	}
	return ""
}

func TestTimeoutsAreTransient(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	execute(t, pool, "CREATE TABLE books (id int PRIMARY KEY)")

	holder, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback(t.Context())) }()
	_, err = holder.Exec(t.Context(), "LOCK TABLE books")
	require.NoError(t, err)

	for setting, want := range map[string]string{"lock_timeout": "55P03", "statement_timeout": "57014"} {
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SET LOCAL "+setting+" = '10ms'"); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), "SELECT FROM books")
			return err
		})
		require.Equal(t, want, code(err))
		require.True(t, IsTransient(err))
	}

	ctx, cancel := context.WithTimeout(t.Context(), testTick)
	defer cancel()
	_, err = pool.Exec(ctx, "SELECT FROM books")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, IsTransient(err), "our own deadline")
}

func TestCancellingIsNotTransient(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	execute(t, pool, "CREATE TABLE books (id int)")
	holder, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Rollback(t.Context())) }()
	_, err = holder.Exec(t.Context(), "LOCK TABLE books")
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := pool.Exec(ctx, "SELECT FROM books")
		result <- err
	}()
	require.Eventually(t, func() bool {
		return value(t, pool, "SELECT count(*)::text FROM pg_locks WHERE NOT granted AND relation = 'books'::regclass") == "1"
	}, testPatience, testTick)
	cancel()

	err = <-result
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, IsTransient(err))
}

// addX is what two transactions fight over.
const addX = "UPDATE books SET title = title || 'x' WHERE id = $1"

// twoBooks returns a pool on a schema with the books 1 and 2.
func twoBooks(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := openPool(t, testenv.Database(t))
	execute(t, pool, "CREATE TABLE books (id int PRIMARY KEY, title text); INSERT INTO books VALUES (1, ''), (2, '')")
	return pool
}

func TestLosingASerializationIsTransient(t *testing.T) {
	t.Parallel()
	pool := twoBooks(t)
	options := pgx.TxOptions{IsoLevel: pgx.Serializable}
	err := pgx.BeginTxFunc(t.Context(), pool, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SELECT FROM books"); err != nil {
			return err
		}
		if _, err := pool.Exec(t.Context(), addX, 1); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), addX, 1)
		return err
	})
	require.Equal(t, "40001", code(err))
	require.True(t, IsTransient(err))
}

func TestLosingADeadlockIsTransient(t *testing.T) {
	t.Parallel()
	pool := twoBooks(t)

	// Each changes one row, and the other's once the other has changed it.
	var group errgroup.Group
	results := make([]error, 2)
	changed := []chan struct{}{make(chan struct{}), make(chan struct{})}
	for i := range results {
		group.Go(func() error {
			results[i] = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), addX, 1+i)
				close(changed[i])
				if err != nil {
					return err
				}
				<-changed[1-i]
				_, err = tx.Exec(t.Context(), addX, 2-i)
				return err
			})
			return nil
		})
	}
	require.NoError(t, group.Wait())
	err := errors.Join(results...)
	require.Equal(t, "40P01", code(err))
	require.True(t, IsTransient(err))
}

func TestAPlanOfAnOlderSchemaIsTransient(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	execute(t, pool, "CREATE TABLE books (id int)")
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()

	const prepared = "SELECT * FROM books WHERE id > $1"
	_, err = conn.Exec(t.Context(), prepared, 0)
	require.NoError(t, err)
	execute(t, pool, "ALTER TABLE books ADD COLUMN title text")

	_, err = conn.Exec(t.Context(), prepared, 0)
	require.Equal(t, "0A000", code(err))
	require.True(t, IsTransient(err))
	_, err = conn.Exec(t.Context(), prepared, 0)
	require.NoError(t, err, "another try is all it needs")

	require.False(t, IsTransient(&pgconn.PgError{Code: "0A000"}), "what is not supported never will be")
}

// TestALostServerIsTransient takes the server away in the ways it goes away in
// practice.
func TestALostServerIsTransient(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	pool := openPool(t, server.ConnString())
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), server.ConnString())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}

	// Ended between two queries: the next one finds a dead socket or the server's
	// farewell, whichever comes first, and the one after it a closed connection.
	idle := connect()
	execute(t, pool, fmt.Sprintf("SELECT pg_terminate_backend(%d, 10000)", idle.PgConn().PID()))
	_, err := idle.Exec(t.Context(), "SELECT 1")
	require.Error(t, err)
	require.True(t, IsTransient(err), "%v", err)
	_, err = idle.Exec(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, pgconn.ErrConnClosed)
	require.True(t, IsTransient(err))

	// Ended in the middle of one.
	busy := connect()
	_, err = busy.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")
	require.Equal(t, "57P01", code(err))
	require.True(t, IsTransient(err))

	// One process of the server crashes: its client hears nothing, the others
	// are thrown out, and newcomers are turned away until it has recovered.
	crashed, bystander := connect(), connect()
	require.NoError(t, syscall.Kill(int(crashed.PgConn().PID()), syscall.SIGKILL))
	for _, conn := range []*pgx.Conn{crashed, bystander} {
		_, err = conn.Exec(t.Context(), "SELECT pg_sleep(60)")
		require.Error(t, err)
		require.True(t, IsTransient(err), "%v", err)
	}
	require.Eventually(t, func() bool {
		err := pool.Ping(t.Context())
		require.True(t, err == nil || IsTransient(err), "%v", err)
		return err == nil
	}, testPatience, testTick, "a pool recovers by itself")

	require.NoError(t, server.Close(t.Context()))
	err = pool.Ping(t.Context())
	require.Error(t, err)
	require.True(t, IsTransient(err), "%v", err)
	_, err = pgx.Connect(t.Context(), server.ConnString())
	require.Error(t, err)
	require.True(t, IsTransient(err), "%v", err)
}

func TestAServerThatHangsUpIsTransient(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	_, err = pgx.Connect(t.Context(), "postgres://u@"+listener.Addr().String()+"/d?sslmode=disable")
	require.Error(t, err)
	require.True(t, IsTransient(err), "%v", err)
}

func TestWhatTheDataOrTheStatementIsToBlameForIsNotTransient(t *testing.T) {
	t.Parallel()
	dsn := testenv.Database(t)
	pool := openPool(t, dsn)
	execute(t, pool, "CREATE TABLE books (id int PRIMARY KEY, title text NOT NULL CHECK (title <> ''))")
	for statement, want := range map[string]string{
		"INSERT INTO books VALUES (1, NULL)":      "23502",
		"INSERT INTO books VALUES (1, '')":        "23514",
		"SELECT 1/0":                              "22012",
		"SELECT 'x'::int":                         "22P02",
		"SELECT FROM absent":                      "42P01",
		"SELEC":                                   "42601",
		"SET ROLE absent":                         "22023",
		"SELECT FROM books FOR UPDATE OF nowhere": "42P01",
	} {
		_, err := pool.Exec(t.Context(), statement)
		require.Equal(t, want, code(err), statement)
		require.False(t, IsTransient(err), statement)
	}

	_, err := pool.Exec(t.Context(), "SELECT $1::text", "a\x00b")
	require.Error(t, err)
	require.False(t, IsTransient(err))
	err = pool.QueryRow(t.Context(), "SELECT FROM books").Scan()
	require.ErrorIs(t, err, pgx.ErrNoRows)
	require.False(t, IsTransient(err))
	require.False(t, IsTransient(nil))

	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	config.Database = "absent"
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.Equal(t, "3D000", code(err))
	require.False(t, IsTransient(err), "connected, and told why not")
}

// TestCodes covers what no test can bring about at will.
func TestCodes(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]bool{
		"08006": true, "53300": true, "53100": true, "40003": true, "57P02": true, "57P03": true, "25006": true, "25P03": true,
		"40002": false, "57P04": false, "28P01": false, "XX001": false, "": false, "0": false,
	} {
		t.Run(strconv.Quote(state), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, IsTransient(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: state})))
		})
	}
}

func TestIsUniqueViolation(t *testing.T) {
	t.Parallel()
	pool := openPool(t, testenv.Database(t))
	execute(t, pool, "CREATE TABLE books (id int CONSTRAINT one_of_each UNIQUE); INSERT INTO books VALUES (1)")

	_, err := pool.Exec(t.Context(), "INSERT INTO books VALUES (1)")
	err = fmt.Errorf("wrapped: %w", err)
	require.True(t, IsUniqueViolation(err, "one_of_each"))
	require.False(t, IsUniqueViolation(err, "another"))
	require.False(t, IsUniqueViolation(err, ""))
	require.False(t, IsTransient(err))
	require.False(t, IsUniqueViolation(nil, ""))

	_, err = pool.Exec(t.Context(), "SELECT 1/0")
	require.False(t, IsUniqueViolation(err, ""))
}
