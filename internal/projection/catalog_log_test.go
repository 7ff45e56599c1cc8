package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/testenv"
)

// database returns a pool on a migrated schema of the test's own.
func database(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "projection tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return pool
}

// create makes the tables of a generation.
func create(t require.TestingT, pool *pgxpool.Pool, p projection.Projection, generation int64) {
	require.NoError(t, pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		if err := p.Create(context.Background(), tx, generation); err != nil {
			return err
		}
		return projection.CreateIndexes(context.Background(), tx, p, generation)
	}))
}

// apply does what the engine does with a batch, but for the checkpoint.
func apply(pool *pgxpool.Pool, p projection.Projection, generation int64, records []events.Record) error {
	ctx := context.Background()
	writes, err := p.Apply(ctx, pool, generation, records)
	if err != nil || writes == nil {
		return err
	}
	return pool.SendBatch(ctx, writes).Close()
}

// dayOne is when the logs of the tests begin.
var dayOne = time.Date(2024, 4, 10, 7, 1, 51, 123456000, time.UTC)

// log is a log in the making, of one partition.
type log struct{ records []events.Record }

// add encodes an event at the log's end.
func (l *log) add(t require.TestingT, event events.Event) {
	offset := int64(len(l.records))
	encoded, err := events.EncodeEvent(events.Envelope{
		ID:            fmt.Sprintf("event-%d", offset),
		Source:        events.SourceCommands,
		Time:          dayOne,
		CorrelationID: fmt.Sprintf("correlation-%d", offset),
		Actor:         "ada",
		Cause:         &events.Cause{CommandID: fmt.Sprintf("command-%d", offset), Hash: "h", Position: events.Position{Offset: offset}},
	}, event)
	require.NoError(t, err)
	l.put(events.Record{Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers})
}

// put places a record at the log's end.
func (l *log) put(r events.Record) {
	r.Topic, r.Offset = events.DefaultEventsTopic, int64(len(l.records))
	l.records = append(l.records, r)
}

// Events of a book with details that name its version.

func created(id int64) events.BookCreated {
	return events.BookCreated{ID: id, Version: 1, Details: detailsOf(id, 1), CreatedAt: at(1)}
}

func updated(id, version int64) events.BookUpdated {
	return events.BookUpdated{ID: id, Version: version, Details: detailsOf(id, version), UpdatedAt: at(version)}
}

func deleted(id, version int64) events.BookDeleted {
	return events.BookDeleted{ID: id, Version: version, DeletedAt: at(version)}
}

func rejected(id int64) events.CommandRejected {
	return events.CommandRejected{ID: id, CommandType: events.TypeUpdateBook, Code: events.RejectedVersion, RejectedAt: dayOne}
}

func at(version int64) time.Time { return dayOne.Add(time.Duration(version) * time.Minute) }

func detailsOf(id, version int64) events.Details {
	d := events.Details{
		Title:       fmt.Sprintf("Book %d, edition %d", id, version),
		Author:      "Émile O'Brien",
		PublishedAt: strconv.FormatInt(1800+version, 10),
		Description: `quotes " ' \ and {braces}, NULL`,
	}
	if version%2 == 0 {
		d.ISBN = fmt.Sprintf("978%010d", id*1000+version)
	}
	return d
}
