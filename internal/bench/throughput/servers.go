package throughput

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/embedded"
	"bookstore/internal/messaging"
	"bookstore/internal/postgres"
)

// servers are where a run has its log and its tables.
type servers struct {
	name     string // of what the run makes in them; like no other run's
	dir      string
	database string // connection string, with the run's schema first in the search_path
	pool     *pgxpool.Pool
	kafka    messaging.Config
	log      *slog.Logger
	closers  []func(context.Context) error
}

// dirPrefix begins the names of the runs' directories.
const dirPrefix = "bookstore-bench-"

// startServers starts what was not given, and makes a schema.
func startServers(ctx context.Context, cfg Config) (s *servers, err error) {
	s = &servers{
		name: "bench_" + strings.ToLower(rand.Text()[:10]),
		log:  cfg.Logger,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.makeDir(); err != nil {
		return s, err
	}
	if err := s.startKafka(ctx, cfg.Brokers); err != nil {
		return s, err
	}
	server := cfg.Database
	if server == "" {
		if server, err = s.startPostgres(ctx); err != nil {
			return s, err
		}
	}
	return s, s.makeSchema(ctx, server)
}

func (s *servers) onClose(f func(context.Context) error) { s.closers = append(s.closers, f) }

// close takes down what was brought up, last in, first out.
func (s *servers) close(ctx context.Context) error {
	var faults []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		faults = append(faults, s.closers[i](ctx))
	}
	return errors.Join(faults...)
}

// makeDir makes the run's directory and removes those of runs that were killed:
// nobody holds their locks.
func (s *servers) makeDir() error {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*", "LOCK")) // the pattern is well-formed
	for _, file := range locks {
		if lock, err := embedded.LockDir(filepath.Dir(file)); err == nil {
			_ = os.RemoveAll(filepath.Dir(file))
			_ = lock.Release()
		}
	}
	dir, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	s.dir = dir
	s.onClose(func(context.Context) error { return os.RemoveAll(dir) })
	lock, err := embedded.LockDir(dir)
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return lock.Release() })
	return os.Chmod(dir, 0o711) // PostgreSQL's user passes through it, when we are root
}

func (s *servers) startKafka(ctx context.Context, given []string) error {
	s.kafka = messaging.Config{Brokers: given, ClientID: "bookstore-bench", Logger: s.log}
	if len(given) > 0 {
		return nil
	}
	kafka, err := embedded.StartKafka(ctx, embedded.KafkaConfig{DataDir: filepath.Join(s.dir, "kafka"), Logger: s.log})
	if err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	s.onClose(func(context.Context) error { kafka.Close(); return nil })
	s.kafka.Brokers = []string{kafka.Addr()}
	return nil
}

// startPostgres starts the service's own server, with the service's own settings.
func (s *servers) startPostgres(ctx context.Context) (connString string, err error) {
	server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		DataDir: filepath.Join(s.dir, "postgres"), User: "bookstore", Database: "bookstore", Logger: s.log,
	})
	if err != nil {
		return "", fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.onClose(server.Close)
	return server.ConnString(), nil
}

// makeSchema makes a schema of the run's own on a server and connects to it.
func (s *servers) makeSchema(ctx context.Context, server string) error {
	err := execOn(ctx, server,
		`CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public`, // in the run's schema it would go with it
		`CREATE SCHEMA `+s.name)
	if err != nil {
		return fmt.Errorf("make a schema: %w", err)
	}
	s.onClose(func(ctx context.Context) error { return execOn(ctx, server, `DROP SCHEMA `+s.name+` CASCADE`) })

	if s.database, err = withSearchPath(server, s.name+",public"); err != nil {
		return fmt.Errorf("read the connection string: %w", err)
	}
	s.pool, err = postgres.Open(ctx, s.database, postgres.Options{ApplicationName: "bookstore bench"})
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { s.pool.Close(); return nil })
	_, err = postgres.Migrate(ctx, s.pool, s.log)
	return err
}

func execOn(ctx context.Context, server string, statements ...string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// withSearchPath takes a URL or libpq's key=value form.
func withSearchPath(connString, path string) (string, error) {
	if !strings.Contains(connString, "://") {
		return connString + " search_path=" + path, nil
	}
	parsed, err := url.Parse(connString)
	if err != nil {
		return "", err
	}
	query := parsed.Query()
	query.Set("search_path", path)
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}
