package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// Connections of the two pools. Consumers and queries have one each, so that a
// flood of searches can't keep the read model from moving.
var (
	workConns  = int32(4*runtime.GOMAXPROCS(0) + 8)
	queryConns = int32(4*runtime.GOMAXPROCS(0) + 4)
)

// openDatabase connects, waiting for a database that is away, and brings its
// schema up to date.
func (a *App) openDatabase(ctx context.Context) error {
	var err error
	if a.pool, err = a.openPool(ctx, "bookstore", workConns); err != nil {
		return err
	}
	if a.queryPool, err = a.openPool(ctx, "bookstore queries", queryConns); err != nil {
		return err
	}
	return a.whenReachable(ctx, "the database", func() error {
		if err := postgres.CheckVersion(ctx, a.pool); err != nil {
			return err
		}
		_, err := postgres.Migrate(ctx, a.pool, a.log)
		return err
	})
}

func (a *App) openPool(ctx context.Context, name string, conns int32) (*pgxpool.Pool, error) {
	pool, err := postgres.Open(ctx, a.homes.database, postgres.Options{ApplicationName: name, MaxConns: conns})
	if err != nil {
		return nil, err
	}
	a.onClose("close the pool "+name, func(context.Context) error {
		pool.Close()
		return nil
	})
	return pool, nil
}

// openLog connects to Kafka, waiting for a broker that is away, and makes sure
// that the topics are as the promises need them.
func (a *App) openLog(ctx, background context.Context) error {
	var err error
	if a.broker, err = messaging.NewBroker(a.kafka); err != nil {
		return err
	}
	a.onClose("disconnect from the log", func(context.Context) error {
		a.broker.Close()
		return nil
	})
	err = a.whenReachable(ctx, "the log", func() error {
		return messaging.EnsureTopics(ctx, a.kafka, a.topics.Specs(), a.cfg.MQ.Partitions)
	})
	if err != nil {
		return err
	}
	for _, p := range []**messaging.Publisher{&a.to.commands, &a.to.events, &a.to.searches, &a.to.opens} {
		publisher, err := messaging.NewPublisher(a.kafka)
		if err != nil {
			return err
		}
		*p = publisher
		a.onClose("close a publisher", func(context.Context) error { return publisher.Close() })
	}
	a.heads = messaging.NewHeads(a.broker, a.topics.Commands, a.topics.Events, a.topics.Searches, a.topics.Opens)
	a.run(func() { a.heads.Run(background) })
	return nil
}

// publishers has one for each topic: a publisher sends one request at a time, and
// an event that somebody waits for must not wait for commands or searches.
type publishers struct{ commands, events, searches, opens *messaging.Publisher }

// whenReachable tries f until it gets an answer, good or bad.
func (a *App) whenReachable(ctx context.Context, what string, f func() error) error {
	const pause = 500 * time.Millisecond
	for tries := 0; ; tries++ {
		err := f()
		if err == nil {
			if tries > 0 {
				a.log.Info("reached at last", "store", what)
			}
			return nil
		}
		if !postgres.IsTransient(err) && !errors.Is(err, events.ErrLogUnavailable) {
			return err
		}
		if tries == 0 {
			a.log.Warn("out of reach; trying on", "store", what, "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting for %s: %w", what, err)
		}
	}
}

// checkLog refuses to start on a log that has lost what the database has seen,
// or that begins after what the database still needs: following it would
// silently leave books out.
//
// The events are needed from the first one on, whatever the database has seen: what
// is restored or rebuilt from the rest would be wrong, and nobody would be told. Of
// what was searched and opened operators may keep less: what has been counted stays
// so, and only what was never counted must still be there.
func (a *App) checkLog(ctx context.Context) error {
	if err := a.checkWhole(ctx); err != nil {
		return err
	}
	consumers, err := a.consumersByTopic(ctx)
	if err != nil {
		return err
	}
	for topic, consumers := range consumers {
		if err := a.checkConsumers(ctx, topic, consumers); err != nil {
			return err
		}
	}
	return nil
}

// checkConsumers reads the positions before it reads where the log ends: other
// processes go on meanwhile, and a position that was read later could lie behind an
// end that was read before.
func (a *App) checkConsumers(ctx context.Context, topic string, consumers []string) error {
	reached := make(map[string]map[int32]int64, len(consumers))
	for _, consumer := range consumers {
		next, err := projection.Checkpoints(ctx, a.pool, consumer)
		if err != nil {
			return err
		}
		reached[consumer] = make(map[int32]int64, len(next))
		for partition, offset := range next {
			reached[consumer][int32(partition)] = offset
		}
	}
	oldest, newest, err := a.broker.Watermarks(ctx, topic)
	if err != nil {
		return err
	}
	for _, consumer := range consumers {
		if err := messaging.CheckInside(topic, reached[consumer], oldest, newest); err != nil {
			return fmt.Errorf("%s can't go on: %w; bring back the log that belongs to this database, or start on an empty database",
				consumer, err)
		}
	}
	return nil
}

// checkWhole fails with a [*messaging.LostLogError] where the log of events has lost
// its beginning.
func (a *App) checkWhole(ctx context.Context) error {
	oldest, newest, err := a.broker.Watermarks(ctx, a.topics.Events)
	if err != nil {
		return err
	}
	beginning := make(map[int32]int64, len(oldest))
	for partition := range oldest {
		beginning[int32(partition)] = 0
	}
	if err := messaging.CheckInside(a.topics.Events, beginning, oldest, newest); err != nil {
		return fmt.Errorf("nothing could be rebuilt from the log of events: %w; bring back the whole log", err)
	}
	return nil
}

// consumersByTopic are those whose positions must lie in the log: the command
// handler, the read models, and the generations that are being built of books'
// histories. One that is being built of searches or opens may have been paused for
// longer than these are kept: the rebuild says so, and is no reason not to start.
func (a *App) consumersByTopic(ctx context.Context) (map[string][]string, error) {
	rows, err := a.pool.Query(ctx, `SELECT DISTINCT consumer FROM checkpoints`)
	if err != nil {
		return nil, fmt.Errorf("find the consumers: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find the consumers: %w", err)
	}
	found := map[string][]string{a.topics.Commands: {consumerCommands}}
	for _, consumer := range all {
		name, _, building := strings.Cut(consumer, "/")
		for _, p := range projections {
			if p.Name() == name && (!building || p.Source().OfBooks()) {
				topic := a.topicOf(p.Source())
				found[topic] = append(found[topic], consumer)
			}
		}
	}
	return found, nil
}

// restoreWriteSide rebuilds the write side's state from the log, when the log has
// one and the database has none.
func (a *App) restoreWriteSide(ctx context.Context) error {
	began := time.Now()
	restored, err := command.Restore(ctx, command.RestoreConfig{
		Pool: a.pool, Consumer: consumerCommands,
		Events: func(ctx context.Context, fn func(events.Record) error) error {
			return a.readLog(ctx, a.topics.Events, nil, fn)
		},
		Commands: func(ctx context.Context, from events.Offsets, fn func(events.Record) error) error {
			return a.readLog(ctx, a.topics.Commands, from, fn)
		},
	})
	if err != nil {
		return err
	}
	if restored.Skipped > 0 {
		a.log.Warn("left out records of the events topic that are no decisions of this service", "records", restored.Skipped, "first", restored.FirstSkipped)
	}
	if restored.Decisions > 0 {
		a.log.Info("restored the write side from the log", "decisions", restored.Decisions, "highest_id", restored.HighestID, "took", time.Since(began))
	}
	return nil
}

// readLog reads a topic up to where it ends now.
func (a *App) readLog(ctx context.Context, topic string, from events.Offsets, fn func(events.Record) error) error {
	oldest, newest, err := a.broker.Watermarks(ctx, topic)
	if err != nil {
		return err
	}
	// What was decided and has been deleted since need not be read.
	begin := slices.Clone(oldest)
	for partition, offset := range from {
		if partition < len(begin) {
			begin[partition] = max(begin[partition], offset)
		}
	}
	return messaging.ReadLog(ctx, a.kafka, topic, begin, newest, fn)
}
