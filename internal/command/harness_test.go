package command_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/testenv"
)

const (
	// patience bounds every wait of a test for something that must happen.
	patience = 20 * time.Second
	// pollEvery is how often a test looks at what nobody tells it of.
	pollEvery = 2 * time.Millisecond
)

var quiet = slog.New(slog.DiscardHandler)

// database returns a pool on a migrated schema of the test's own.
func database(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, testenv.Database(t))
}

func open(t testing.TB, connString string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), connString, postgres.Options{ApplicationName: "command tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, quiet)
	require.NoError(t, err)
	return pool
}

// eventLog is an events topic of one partition, in memory.
type eventLog struct {
	// before, when set, may refuse a batch.
	before func(batch []events.Encoded) error
	// appended, when set, is told of each record, in order.
	appended func(events.Record)

	mu   sync.Mutex
	held []events.Encoded
}

// Append implements [command.Log].
func (l *eventLog) Append(_ context.Context, batch []events.Encoded) ([]events.Position, error) {
	if l.before != nil {
		if err := l.before(batch); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	positions := make([]events.Position, len(batch))
	for i, e := range batch {
		positions[i].Offset = int64(len(l.held))
		l.held = append(l.held, e)
		if l.appended != nil {
			l.appended(events.Record{Offset: positions[i].Offset, Key: e.Key, Value: e.Value, Headers: e.Headers})
		}
	}
	return positions, nil
}

func (l *eventLog) all() []events.Encoded {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]events.Encoded(nil), l.held...)
}

// decoded reads the log as a consumer does.
func (l *eventLog) decoded(t require.TestingT) []events.Recorded {
	var all []events.Recorded
	for i, e := range l.all() {
		recorded, err := events.DecodeEvent(events.Record{Offset: int64(i), Key: e.Key, Value: e.Value, Headers: e.Headers})
		require.NoError(t, err)
		all = append(all, recorded)
	}
	return all
}

// told lists the events of the log in short: "7 created 1".
func (l *eventLog) told(t require.TestingT) []string {
	var all []string
	for _, r := range l.decoded(t) {
		all = append(all, short(r.Event))
	}
	return all
}

func short(event events.Event) string {
	switch e := event.(type) {
	case events.BookCreated:
		return fmt.Sprintf("%d created %d", e.ID, e.Version)
	case events.BookUpdated:
		return fmt.Sprintf("%d updated %d", e.ID, e.Version)
	case events.BookDeleted:
		return fmt.Sprintf("%d deleted %d", e.ID, e.Version)
	case events.CommandRejected:
		return fmt.Sprintf("%d rejected at %d: %s", e.ID, e.CurrentVersion, e.Code)
	}
	return "?"
}

// requireHistories checks what consumers rely on: whatever is there twice is so
// to the byte, and each book's versions come without a hole.
func (l *eventLog) requireHistories(t require.TestingT) {
	first := map[string]events.Encoded{}
	versions := map[int64]int64{}
	all := l.all()
	for i, r := range l.decoded(t) {
		if earlier, again := first[r.ID]; again {
			require.Equal(t, earlier, all[i], "event %s is there twice and differs", r.ID)
			continue
		}
		first[r.ID] = all[i]
		if e, changes := r.Event.(events.BookEvent); changes {
			versions[e.Book()]++
			require.Equal(t, versions[e.Book()], e.BookVersion(), "book %d has a hole", e.Book())
		}
	}
}

// process is one that decides commands.
type process struct {
	*command.Handler
	outcomes *command.Outcomes
	pool     *pgxpool.Pool
}

func newProcess(pool *pgxpool.Pool, log command.Log) *process {
	outcomes := command.NewOutcomes(pool)
	return &process{Handler: command.NewHandler(pool, log, outcomes), outcomes: outcomes, pool: pool}
}

// decide makes the decisions on a batch, commits them and returns what is left to
// do, as the engine would.
func (p *process) decide(batch ...events.Record) (after func(context.Context) error, err error) {
	ctx := context.Background()
	writes, after, err := p.Apply(ctx, p.pool, 1, batch)
	if err != nil || writes == nil {
		return after, err
	}
	return after, p.pool.SendBatch(ctx, writes).Close()
}

// handle plays the engine for a batch that nothing stands against.
func (p *process) handle(t require.TestingT, batch ...events.Record) {
	after, err := p.decide(batch...)
	require.NoError(t, err)
	if after != nil {
		require.NoError(t, after(context.Background()))
	}
}

// commandLog is a commands topic in the making.
type commandLog struct {
	mu   sync.Mutex
	ends map[int32]int64
	ids  int
}

// put appends a command and returns its record. Without an id it gets a new one.
func (l *commandLog) put(t require.TestingT, partition int32, id string, c events.Command) events.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == "" {
		l.ids++
		id = fmt.Sprintf("command-%d", l.ids)
	}
	return l.append(t, partition, events.Envelope{
		ID: id, Source: events.SourceAPI, Time: dayOne.Add(time.Duration(l.ids) * time.Second),
		CorrelationID: "correlation-" + id, Actor: "ada", Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}, c)
}

// append must be called with the lock held.
func (l *commandLog) append(t require.TestingT, partition int32, envelope events.Envelope, c events.Command) events.Record {
	encoded, err := events.EncodeCommand(envelope, c)
	require.NoError(t, err)
	if l.ends == nil {
		l.ends = map[int32]int64{}
	}
	offset := l.ends[partition]
	l.ends[partition]++
	return events.Record{Partition: partition, Offset: offset, Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}
}

var dayOne = time.Date(2024, 4, 10, 7, 1, 51, 123456000, time.UTC)

// Commands with details that are in order.

func create(id int64) events.CreateBook { return events.CreateBook{ID: id, Details: details("first")} }

func update(id int64, ifMatch ...int64) events.UpdateBook {
	return events.UpdateBook{ID: id, Details: details("another"), IfMatch: ifMatch}
}

func remove(id int64, ifMatch ...int64) events.DeleteBook {
	return events.DeleteBook{ID: id, IfMatch: ifMatch}
}

func details(edition string) events.Details {
	return events.Details{Title: "Tales & Sketches, " + edition, Author: "Émile O'Brien", PublishedAt: "-0043-03-15", Description: "a\nb"}
}

// await waits for a signal that must come.
func await[T any](t require.TestingT, signal <-chan T, what string) (value T) {
	select {
	case value = <-signal:
	case <-time.After(patience):
		require.FailNow(t, "waited in vain", what)
	}
	return value
}

// decisions returns how many rows there are, and how many of them are not noted
// as published.
func decisions(t require.TestingT, pool *pgxpool.Pool) (all, unpublished int) {
	require.NoError(t, pool.QueryRow(context.Background(), `
		SELECT count(*), count(*) FILTER (WHERE event_offset IS NULL) FROM decisions`).Scan(&all, &unpublished))
	return all, unpublished
}

// outboxBytes returns the bytes that wait to be published, by command.
func outboxBytes(t require.TestingT, pool *pgxpool.Pool) [][]byte {
	rows, err := pool.Query(context.Background(), `SELECT event_value FROM decisions WHERE event_offset IS NULL ORDER BY partition, command_offset`)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	require.NoError(t, err)
	return found
}

// contains says whether one of a log's events has these bytes as its value.
func contains(all []events.Encoded, value []byte) bool {
	for _, e := range all {
		if bytes.Equal(e.Value, value) {
			return true
		}
	}
	return false
}
