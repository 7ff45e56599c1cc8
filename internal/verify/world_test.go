package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/testenv"
	"bookstore/internal/verify"
)

// world is a database and a log of the test's own, with the service's write side
// and projections, driven by hand.
type world struct {
	t         *testing.T
	pool      *pgxpool.Pool
	log       topic // of events
	searches  topic
	opens     topic
	publisher *messaging.Publisher
	writer    messaging.Writer // to log
	commands  int64            // how many there have been
	searched  int              // how many searches there have been
}

// topic is the log as verify sees it.
type topic struct {
	cfg  messaging.Config
	name string
}

func (l topic) Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error) {
	broker, err := messaging.NewBroker(l.cfg)
	if err != nil {
		return nil, nil, err
	}
	defer broker.Close()
	return broker.Watermarks(ctx, l.name)
}

func (l topic) Read(ctx context.Context, to events.Offsets, fn func(events.Record) error) error {
	return messaging.ReadLog(ctx, l.cfg, l.name, nil, to, fn)
}

const partitions = 3

func newWorld(t *testing.T) *world {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	kafka, name := messaging.Config{Brokers: testenv.Brokers(t)}, testenv.Name(t)
	w := &world{
		t: t, pool: pool,
		log: topic{kafka, name + "-events"}, searches: topic{kafka, name + "-searches"}, opens: topic{kafka, name + "-opens"},
	}
	names := events.Topics{Commands: name + "-commands", Events: w.log.name, Searches: w.searches.name, Opens: w.opens.name}
	require.NoError(t, messaging.EnsureTopics(t.Context(), kafka, names.Specs(), partitions))
	w.publisher, err = messaging.NewPublisher(kafka)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.publisher.Close()) })
	w.writer = messaging.Writer{Publisher: w.publisher, Topic: w.log.name}
	return w
}

// populated is a world with books 1 (created, updated), 2 (created) and 3
// (created, deleted), and a command that was rejected, all of it projected.
func populated(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.do(
		events.CreateBook{ID: 1, Details: details("Emma")},
		events.CreateBook{ID: 2, Details: details("Dracula")},
		events.CreateBook{ID: 3, Details: details("Walden")},
		events.UpdateBook{ID: 1, Details: details("Emma, revised")},
		events.DeleteBook{ID: 3},
		events.UpdateBook{ID: 99, Details: details("Nobody's")},
	)
	w.project()
	return w
}

func details(title string) events.Details {
	return events.Details{Title: title, Author: "An Author", PublishedAt: "1815", Description: "A book & more."}
}

var began = time.Date(2024, 4, 10, 7, 1, 51, 123456000, time.UTC)

// do has the write side decide commands and publish what follows.
func (w *world) do(commands ...events.Command) {
	w.t.Helper()
	handler := command.NewHandler(w.pool, w.writer, command.NewOutcomes(w.pool))
	for _, c := range commands {
		encoded, err := events.EncodeCommand(events.Envelope{
			ID:     fmt.Sprintf("command-%d", w.commands),
			Source: events.SourceAPI, Time: began.Add(time.Duration(w.commands) * time.Second), Actor: "reader",
		}, c)
		require.NoError(w.t, err)
		r := events.Record{Topic: "commands", Offset: w.commands, Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}
		w.commands++
		writes, publish, err := handler.Apply(w.t.Context(), w.pool, 1, []events.Record{r})
		require.NoError(w.t, err)
		require.NoError(w.t, w.pool.SendBatch(w.t.Context(), writes).Close())
		require.NoError(w.t, publish(w.t.Context()))
	}
}

// project brings the read models up to the end of the log.
func (w *world) project() {
	w.t.Helper()
	w.projectBut(nil)
}

// projectBut parks the records at some positions, and those behind them in their
// book.
func (w *world) projectBut(poison []events.Position) {
	w.t.Helper()
	_, end, err := w.log.Watermarks(w.t.Context())
	require.NoError(w.t, err)
	var apply []events.Record
	var park []parked.New
	held := make(map[string]bool)
	for _, r := range w.records() {
		first := slices.Contains(poison, r.Position())
		if held[string(r.Key)] = held[string(r.Key)] || first; held[string(r.Key)] {
			park = append(park, parked.New{Record: r, Poison: first, Error: "planted"})
		} else {
			apply = append(apply, r)
		}
	}
	w.apply(projection.Catalog{}, apply, park, end)
	w.apply(projection.History{}, apply, park, end)
	for _, p := range insights() {
		w.count(p, nil)
	}
}

// insights are the projections of what is searched and opened.
func insights() []projection.Projection {
	return []projection.Projection{projection.Served(), projection.Opened(), projection.Trends{}, projection.Interests{}}
}

// count brings one of the insights from where it is to the end of its topic. What it
// can't read is parked, and so is what is said to be poison.
func (w *world) count(p projection.Projection, poison []events.Position) {
	w.t.Helper()
	topic := w.searches
	if p.Source() == projection.Opens {
		topic = w.opens
	}
	_, end, err := topic.Watermarks(w.t.Context())
	require.NoError(w.t, err)
	reached, err := projection.Checkpoints(w.t.Context(), w.pool, p.Name())
	require.NoError(w.t, err)
	var apply []events.Record
	var park []parked.New
	for _, r := range topic.records(w.t) {
		if int(r.Partition) < len(reached) && r.Offset < reached[r.Partition] {
			continue
		}
		_, err := p.Apply(w.t.Context(), w.pool, 1, []events.Record{r})
		if err != nil || slices.Contains(poison, r.Position()) {
			park = append(park, parked.New{Record: r, Bookless: true, Poison: true, Error: "planted"})
		} else {
			apply = append(apply, r)
		}
	}
	w.apply(p, apply, park, end)
}

// apply does what an engine does with a batch.
func (w *world) apply(p projection.Projection, apply []events.Record, park []parked.New, end events.Offsets) {
	w.t.Helper()
	generation, err := projection.Install(w.t.Context(), w.pool, p)
	require.NoError(w.t, err)
	writes, err := p.Apply(w.t.Context(), w.pool, generation, apply)
	require.NoError(w.t, err)
	if writes == nil {
		writes = &pgx.Batch{}
	}
	parked.Queue(writes, p.Name(), generation, park)
	for partition, next := range end {
		writes.Queue(`
			INSERT INTO checkpoints (consumer, partition, next_offset) VALUES ($1, $2, $3)
			ON CONFLICT (consumer, partition) DO UPDATE SET next_offset = excluded.next_offset`,
			p.Name(), partition, next)
	}
	require.NoError(w.t, w.pool.SendBatch(w.t.Context(), writes).Close())
}

func (w *world) records() []events.Record {
	w.t.Helper()
	return w.log.records(w.t)
}

func (l topic) records(t *testing.T) []events.Record {
	t.Helper()
	_, end, err := l.Watermarks(t.Context())
	require.NoError(t, err)
	var records []events.Record
	require.NoError(t, l.Read(t.Context(), end, func(r events.Record) error {
		records = append(records, r)
		return nil
	}))
	return records
}

// append puts something on the log behind the write side's back.
func (w *world) append(messages ...events.Encoded) {
	w.t.Helper()
	_, err := w.writer.Append(w.t.Context(), messages)
	require.NoError(w.t, err)
}

// forged is an event that no command asked for.
func (w *world) forged(event events.Event) events.Encoded {
	w.t.Helper()
	encoded, err := events.EncodeEvent(events.Envelope{
		ID: "forged", Source: events.SourceCommands, Time: began,
		Cause: &events.Cause{CommandID: "forged", Hash: "none"},
	}, event)
	require.NoError(w.t, err)
	return encoded
}

func (w *world) exec(sql string) {
	w.t.Helper()
	tag, err := w.pool.Exec(w.t.Context(), sql)
	require.NoError(w.t, err)
	require.NotZero(w.t, tag.RowsAffected(), "nothing was planted")
}

func (w *world) verify() (verify.Report, []verify.Difference) {
	w.t.Helper()
	differences := []verify.Difference{}
	var plain int64
	report, err := verify.Run(w.t.Context(), verify.Config{
		Pool: w.pool, Log: w.log, Searches: w.searches, Opens: w.opens,
		Differs: func(d verify.Difference) {
			differences = append(differences, d)
			if d.Field != verify.FieldParked {
				plain++
			}
		},
	})
	require.NoError(w.t, err)
	require.Equal(w.t, plain, report.Differences)
	require.Equal(w.t, len(differences) == 0, report.Equal())
	return report, differences
}

// partitionOf returns where the events of a book are.
func (w *world) partitionOf(book int64) int32 {
	w.t.Helper()
	for _, r := range w.records() {
		if string(r.Key) == strconv.FormatInt(book, 10) {
			return r.Partition
		}
	}
	require.Fail(w.t, "no event of the book")
	return 0
}
