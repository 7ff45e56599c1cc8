package query_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/query"
	"bookstore/internal/testenv"
)

// partition is where all events of these tests lie; not the first, so that a
// position in the wrong place is noticed.
const partition = 2

// readModel is a real read model, fed by the test instead of by an engine.
type readModel struct {
	t          testing.TB
	pool       *pgxpool.Pool
	catalog    *query.Catalog
	next       int64 // offset of the next event
	nextSearch int64 // offset of the last search
}

func newReadModel(t testing.TB) *readModel {
	t.Helper()
	return newReadModelIn(t, testenv.Database(t))
}

func newReadModelIn(t testing.TB, connString string) *readModel {
	t.Helper()
	pool, err := postgres.Open(t.Context(), connString, postgres.Options{ApplicationName: "query tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	for _, p := range installed {
		_, err := projection.Install(t.Context(), pool, p)
		require.NoError(t, err)
	}
	return &readModel{t: t, pool: pool, catalog: &query.Catalog{Pool: pool, Timeout: 5 * time.Second}}
}

// What queries read: the projections of books' events, and those of other topics.
var (
	projections = []projection.Projection{projection.Catalog{}, projection.History{}}
	installed   = append(projections[:2:2], projection.Opened(), projection.Served(), projection.Trends{}, projection.Interests{})
)

// publish applies events, each at the next offset.
func (m *readModel) publish(all ...events.Event) {
	m.t.Helper()
	m.publishTo(1, all...)
}

func (m *readModel) publishTo(generation int64, all ...events.Event) {
	m.t.Helper()
	records := m.records(all)
	m.next += int64(len(all))
	for _, p := range projections {
		writes, err := p.Apply(m.t.Context(), m.pool, generation, records)
		require.NoError(m.t, err)
		m.commit(p, writes)
	}
}

// park parks events in the place of applying them.
func (m *readModel) park(consumer projection.Projection, generation int64, all ...events.Event) {
	m.t.Helper()
	var lot []parked.New
	for i, r := range m.records(all) {
		lot = append(lot, parked.New{Record: r, Poison: i == 0, Error: "planted"})
	}
	m.next += int64(len(all))
	writes := &pgx.Batch{}
	parked.Queue(writes, consumer.Name(), generation, lot)
	m.commit(consumer, writes)
}

// open applies that readers have opened books, each as often as it is there.
func (m *readModel) open(books ...int64) {
	m.t.Helper()
	var records []events.Record
	for _, id := range books {
		encoded, err := events.EncodeOpened(events.BookOpened{ID: "o", At: dayOne, Book: id})
		require.NoError(m.t, err)
		records = append(records, events.Record{
			Topic: events.DefaultOpensTopic, Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers,
		})
	}
	m.count(projection.Opened(), records)
}

// serve applies that a search was answered with books.
func (m *readModel) serve(books ...int64) {
	m.t.Helper()
	search := events.SearchServed{ID: "s", At: dayOne, Query: "dune", PageSize: len(books), Generation: 1, Position: "0:1"}
	for _, id := range books {
		search.Books = append(search.Books, events.ServedBook{ID: id, CreatedAt: events.ServedTime(dayOne)})
	}
	encoded, err := events.EncodeSearch(search)
	require.NoError(m.t, err)
	m.count(projection.Served(), []events.Record{{
		Topic: events.DefaultSearchesTopic, Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers,
	}})
}

// searched is a search by uid, "" for one who is not known, and what it was answered with.
func searched(uid, typed string, at time.Time, books ...int64) events.SearchServed {
	search := events.SearchServed{ID: "s", At: at, Query: typed, UserID: uid, PageSize: 5, Generation: 1, Position: "0:1"}
	for _, id := range books {
		search.Books = append(search.Books, events.ServedBook{ID: id, CreatedAt: events.ServedTime(dayOne)})
	}
	return search
}

// search applies that a search was answered.
func (m *readModel) search(uid, typed string, at time.Time, books ...int64) {
	m.t.Helper()
	m.searchIn(1, searched(uid, typed, at, books...))
}

// searchIn applies answered searches to a generation, in one batch.
func (m *readModel) searchIn(generation int64, all ...events.SearchServed) {
	m.t.Helper()
	records := make([]events.Record, len(all))
	for i, search := range all {
		encoded, err := events.EncodeSearch(search)
		require.NoError(m.t, err)
		m.nextSearch++
		records[i] = events.Record{
			Topic: events.DefaultSearchesTopic, Partition: partition, Offset: m.nextSearch,
			Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers,
		}
	}
	for _, p := range []projection.Projection{projection.Trends{}, projection.Interests{}} {
		m.countIn(p, generation, records)
	}
}

func (m *readModel) count(p projection.Projection, records []events.Record) {
	m.t.Helper()
	m.countIn(p, 1, records)
}

func (m *readModel) countIn(p projection.Projection, generation int64, records []events.Record) {
	m.t.Helper()
	writes, err := p.Apply(m.t.Context(), m.pool, generation, records)
	require.NoError(m.t, err)
	if writes != nil {
		require.NoError(m.t, m.pool.SendBatch(m.t.Context(), writes).Close())
	}
}

// commit is what an engine does with the writes of a batch.
func (m *readModel) commit(p projection.Projection, writes *pgx.Batch) {
	m.t.Helper()
	writes.Queue(`
		INSERT INTO checkpoints (consumer, partition, next_offset) VALUES ($1, $2, $3)
		ON CONFLICT (consumer, partition) DO UPDATE SET next_offset = excluded.next_offset`,
		p.Name(), partition, m.next)
	require.NoError(m.t, m.pool.SendBatch(m.t.Context(), writes).Close())
}

// records are events as they will lie in the log.
func (m *readModel) records(all []events.Event) []events.Record {
	m.t.Helper()
	records := make([]events.Record, len(all))
	for i, e := range all {
		encoded, err := events.EncodeEvent(events.Envelope{
			ID: "e", Source: events.SourceCommands, Time: dayOne, Actor: "ada", CorrelationID: "request-1",
			Cause: &events.Cause{CommandID: "command-1", Hash: "h"},
		}, e)
		require.NoError(m.t, err)
		records[i] = events.Record{
			Topic: events.DefaultEventsTopic, Partition: partition, Offset: m.next + int64(i),
			Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers,
		}
	}
	return records
}

// activate makes the tables of a generation where they are missing, and points
// the views at it.
func (m *readModel) activate(ctx context.Context, generation int64) error {
	return pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		for _, p := range installed {
			if err := p.Activate(ctx, tx, generation); err != nil {
				return err
			}
		}
		return nil
	})
}

var dayOne = time.Date(2024, 4, 10, 7, 1, 51, 987654000, time.UTC)

// book is the creation of a book.
func book(id int64, title, author, description string) events.BookCreated {
	return events.BookCreated{
		ID: id, Version: 1, CreatedAt: dayOne,
		Details: events.Details{Title: title, Author: author, PublishedAt: "1965", Description: description},
	}
}

// publicLog keeps searches or opens as a spool would, and fails when it is told to.
type publicLog[T any] struct {
	mu       sync.Mutex
	appended []T
	fails    error
}

func (l *publicLog[T]) Append(one T) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		return l.fails
	}
	l.appended = append(l.appended, one)
	return nil
}

func (l *publicLog[T]) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fails = err
}

// take returns what was appended since the last call.
func (l *publicLog[T]) take() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.appended
	l.appended = nil
	return taken
}

// logLines is a place for log lines that a test reads while others write.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logLines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), "\n")
}
