package relevance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/bench/scratch"
	"bookstore/internal/embedded"
	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// library is a read model of all books, in a server of its own.
type library struct {
	pool    *pgxpool.Pool
	closers []func(context.Context) error
}

// openLibrary starts a server and loads the books.
func openLibrary(ctx context.Context, books []Book, log *slog.Logger) (l *library, err error) {
	l = &library{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close(context.WithoutCancel(ctx)))
		}
	}()
	dir, err := scratch.New(os.TempDir())
	if err != nil {
		return l, err
	}
	l.onClose(func(context.Context) error { return dir.Remove() })
	server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		DataDir: dir.Join("postgres"), User: "bookstore", Database: "bookstore", Ephemeral: true, Logger: log,
	})
	if err != nil {
		return l, fmt.Errorf("start PostgreSQL: %w", err)
	}
	l.onClose(server.Close)
	l.pool, err = postgres.Open(ctx, server.ConnString(), postgres.Options{ApplicationName: "bookstore bench", MaxConns: int32(askers())})
	if err != nil {
		return l, err
	}
	l.onClose(func(context.Context) error { l.pool.Close(); return nil })
	if _, err = postgres.Migrate(ctx, l.pool, log); err != nil {
		return l, err
	}
	return l, l.load(ctx, books)
}

func (l *library) onClose(f func(context.Context) error) { l.closers = append(l.closers, f) }

// close takes down what was brought up, last in, first out.
func (l *library) close(ctx context.Context) error {
	var faults []error
	for _, f := range slices.Backward(l.closers) {
		faults = append(faults, f(ctx))
	}
	return errors.Join(faults...)
}

// loadBatch is how many books are applied together.
const loadBatch = 1000

// load creates the books by the service's own projection.
func (l *library) load(ctx context.Context, books []Book) error {
	// Nobody has opened or been served a book, but searches look.
	for _, popularity := range []projection.Projection{projection.Opened(), projection.Served()} {
		if _, err := projection.Install(ctx, l.pool, popularity); err != nil {
			return err
		}
	}
	p := projection.Catalog{}
	generation, err := projection.Install(ctx, l.pool, p)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(books, loadBatch) {
		records, err := creations(batch)
		if err != nil {
			return err
		}
		writes, err := p.Apply(ctx, l.pool, generation, records)
		if err != nil {
			return fmt.Errorf("load books: %w", err)
		}
		if err := l.pool.SendBatch(ctx, writes).Close(); err != nil {
			return fmt.Errorf("load books: %w", err)
		}
	}
	if _, err := l.pool.Exec(ctx, `VACUUM ANALYZE`); err != nil {
		return fmt.Errorf("load books: %w", err)
	}
	return nil
}

// creations are the books as the log would have them.
func creations(books []Book) ([]events.Record, error) {
	created := time.Date(2024, 4, 10, 7, 1, 51, 0, time.UTC)
	records := make([]events.Record, len(books))
	for i, b := range books {
		message, err := events.EncodeEvent(
			events.Envelope{ID: strconv.FormatInt(b.ID, 10), Source: events.SourceCommands, Time: created},
			events.BookCreated{ID: b.ID, Version: 1, Details: b.Details, CreatedAt: created})
		if err != nil {
			return nil, err
		}
		records[i] = events.Record{
			Topic: events.DefaultEventsTopic, Offset: b.ID - 1,
			Key: message.Key, Value: message.Value, Headers: message.Headers,
		}
	}
	return records, nil
}
