package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/testenv"
	"bookstore/internal/verify"
)

// bookstore is a log and a database of the test's own, for one service or for
// several that share them.
type bookstore struct {
	brokers  []string
	topics   events.Topics
	database string
}

func newBookstore(t testing.TB) bookstore {
	t.Helper()
	return bookstore{brokers: testenv.Brokers(t), topics: topicsOf(testenv.Name(t)), database: testenv.Database(t)}
}

// topicsOf are the topics of a bookstore that shares its broker with others.
func topicsOf(prefix string) events.Topics {
	return events.Topics{Commands: prefix + "-commands", Events: prefix + "-events", Searches: prefix + "-searches", Opens: prefix + "-opens"}
}

// shutdownBound is how long a service in a test may take to end.
const shutdownBound = 30 * time.Second

// start runs a service in this process, with every role unless change says
// otherwise.
func (b bookstore) start(t testing.TB, change func(*config.Config, *app.Options)) *app.App {
	t.Helper()
	cfg := config.Default()
	cfg.App.Port = 0
	cfg.App.DataDir = t.TempDir()
	cfg.MQ.Brokers = b.brokers
	options := app.Options{Topics: b.topics, Database: b.database, Logger: quietLogger(t)}
	if change != nil {
		change(&cfg, &options)
	}
	a, err := app.Start(t.Context(), cfg, options)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownBound)
		defer cancel()
		require.NoError(t, a.Close(ctx))
	})
	return a
}

// roles is a change for start.
func roles(given ...config.Role) func(*config.Config, *app.Options) {
	return func(cfg *config.Config, _ *app.Options) { cfg.App.Roles = given }
}

func (b bookstore) kafka() messaging.Config { return messaging.Config{Brokers: b.brokers} }

// readTopic returns what a topic holds from the given position on, and where it
// ends.
func (b bookstore) readTopic(ctx context.Context, topic string, from events.Offsets) ([]events.Record, events.Offsets, error) {
	end, err := b.end(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	var records []events.Record
	err = messaging.ReadLog(ctx, b.kafka(), topic, from, end, func(r events.Record) error {
		records = append(records, r)
		return nil
	})
	return records, end, err
}

// end returns where a topic ends.
func (b bookstore) end(ctx context.Context, topic string) (events.Offsets, error) {
	broker, err := messaging.NewBroker(b.kafka())
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	_, newest, err := broker.Watermarks(ctx, topic)
	return newest, err
}

// searches returns the searches on the topic, each with the record that it was
// read from.
func (b bookstore) searches(t testing.TB, from events.Offsets) ([]published, events.Offsets) {
	t.Helper()
	records, end, err := b.readTopic(t.Context(), b.topics.Searches, from)
	require.NoError(t, err)
	found := make([]published, len(records))
	for i, r := range records {
		search, err := events.DecodeSearch(r)
		require.NoError(t, err)
		found[i] = published{search, r}
	}
	return found, end
}

// published is a search on the topic.
type published struct {
	events.SearchServed
	record events.Record
}

// connect returns a pool to the bookstore's database.
func (b bookstore) connect(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), b.database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// requireVerified compares the database with the log, as "bookstore verify" does.
func (b bookstore) requireVerified(t testing.TB, pool *pgxpool.Pool) verify.Report {
	t.Helper()
	var differences []verify.Difference
	report, err := verify.Run(t.Context(), b.verification(pool, func(d verify.Difference) { differences = append(differences, d) }))
	require.NoError(t, err)
	require.Empty(t, differences)
	return report
}

// verification is one of all that the bookstore has.
func (b bookstore) verification(pool *pgxpool.Pool, differs func(verify.Difference)) verify.Config {
	return verify.Config{
		Pool: pool, Differs: differs,
		Log: topicLog{b, b.topics.Events}, Searches: topicLog{b, b.topics.Searches}, Opens: topicLog{b, b.topics.Opens},
	}
}

// topicLog is a topic as verify wants it.
type topicLog struct {
	bookstore
	topic string
}

func (l topicLog) Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error) {
	broker, err := messaging.NewBroker(l.kafka())
	if err != nil {
		return nil, nil, err
	}
	defer broker.Close()
	return broker.Watermarks(ctx, l.topic)
}

func (l topicLog) Read(ctx context.Context, to events.Offsets, fn func(events.Record) error) error {
	return messaging.ReadLog(ctx, l.kafka(), l.topic, nil, to, fn)
}

// behind returns how many records the consumers of the log have still to apply, and
// decisions the write side to publish. It looks in the order in which a command goes
// its way, so that none slips through between two looks.
func (b bookstore) behind(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	undecided, err := b.unapplied(ctx, pool, b.topics.Commands, "commands")
	if err != nil {
		return 0, err
	}
	var unpublished int64
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM decisions WHERE event_offset IS NULL`).Scan(&unpublished); err != nil {
		return 0, err
	}
	unapplied, err := b.unapplied(ctx, pool, b.topics.Events, "catalog", "history")
	return undecided + unpublished + unapplied, err
}

// unapplied returns how many records of a topic consumers have still to apply.
func (b bookstore) unapplied(ctx context.Context, pool *pgxpool.Pool, topic string, consumers ...string) (behind int64, err error) {
	end, err := b.end(ctx, topic)
	if err != nil {
		return 0, err
	}
	for _, consumer := range consumers {
		for partition, newest := range end {
			var next int64
			err := pool.QueryRow(ctx, `SELECT coalesce((SELECT next_offset FROM checkpoints
				WHERE consumer = $1 AND partition = $2), 0)`, consumer, partition).Scan(&next)
			if err != nil {
				return 0, err
			}
			behind += newest - next
		}
	}
	return behind, nil
}

// awaitApplied waits until everything is decided, published and applied.
func (b bookstore) awaitApplied(t testing.TB, pool *pgxpool.Pool, within time.Duration) {
	t.Helper()
	await(t, within, "the consumers do not catch up", func() bool {
		behind, err := b.behind(t.Context(), pool)
		return err == nil && behind == 0
	})
}
