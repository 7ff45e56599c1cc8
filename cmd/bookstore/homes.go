package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/postgres"
	"bookstore/internal/runfile"
)

// answerTimeout is how long a tool waits for PostgreSQL or Kafka before it says
// that nothing answers.
const answerTimeout = 5 * time.Second

// openDatabase connects to the PostgreSQL of the configuration, or to the embedded
// one of the service that runs in its data directory.
func openDatabase(ctx context.Context, cfg config.Config) (*pgxpool.Pool, error) {
	connString := cfg.DB.ConnString()
	if cfg.EmbeddedPostgres() {
		running, err := runfile.Read(cfg.App.DataDir)
		if errors.Is(err, runfile.ErrNotRunning) {
			return nil, fmt.Errorf("the database is the embedded one (db.host is empty), and no service runs in %s: start it with 'bookstore', or set db.host", cfg.App.DataDir)
		}
		if err != nil {
			return nil, err
		}
		connString = running.Database
	}
	pool, err := postgres.Open(ctx, connString, postgres.Options{ApplicationName: "bookstore tool"})
	if err != nil {
		return nil, err
	}
	pingCtx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := pool.Ping(pingCtx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("PostgreSQL does not answer (%w): start the service, or check db.host and the settings below it", err)
	}
	return pool, nil
}

// openLog reaches the Kafka of the configuration, or the embedded one of the
// service that runs on this machine.
func openLog(ctx context.Context, cfg config.Config) (messaging.Config, error) {
	kafka := messaging.Config{Brokers: cfg.MQ.Brokers, ClientID: "bookstore-tool"}
	if cfg.EmbeddedKafka() {
		running, err := runfile.Read(cfg.App.DataDir)
		switch {
		case err == nil:
			kafka.Brokers = running.Brokers
		case errors.Is(err, runfile.ErrNotRunning) && cfg.Embedded.KafkaPort != 0:
			kafka.Brokers = []string{net.JoinHostPort("localhost", strconv.Itoa(cfg.Embedded.KafkaPort))}
		case errors.Is(err, runfile.ErrNotRunning):
			return kafka, fmt.Errorf("the broker is the embedded one (mq.brokers is empty), and no service runs in %s: start it with 'bookstore', or set mq.brokers", cfg.App.DataDir)
		default:
			return kafka, err
		}
	}
	broker, err := messaging.NewBroker(kafka)
	if err != nil {
		return kafka, err
	}
	defer broker.Close()
	pingCtx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := broker.Ping(pingCtx); err != nil {
		if ctx.Err() != nil {
			return kafka, ctx.Err()
		}
		return kafka, fmt.Errorf("no Kafka answers at %s: start the service, or check mq.brokers", strings.Join(kafka.Brokers, ", "))
	}
	return kafka, nil
}

// topicsOf returns the names of the topics.
func topicsOf(cfg config.Config) events.Topics {
	topics := events.DefaultTopics()
	topics.Searches = cfg.MQ.Topic
	return topics
}

// topicLog is a topic that tools read.
type topicLog struct {
	kafka messaging.Config
	topic string
}

// Watermarks returns where each partition begins and ends.
func (l topicLog) Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error) {
	broker, err := messaging.NewBroker(l.kafka)
	if err != nil {
		return nil, nil, err
	}
	defer broker.Close()
	return broker.Watermarks(ctx, l.topic)
}

// Read calls fn with all records from the oldest to before to.
func (l topicLog) Read(ctx context.Context, to events.Offsets, fn func(events.Record) error) error {
	return messaging.ReadLog(ctx, l.kafka, l.topic, nil, to, fn)
}
