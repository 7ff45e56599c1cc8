package search

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"bookstore/internal/bench/books"
	"bookstore/internal/config"
	"bookstore/internal/embedded"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

// writeLog writes the creation of so many books into the data directory of a
// service that is yet to start, as a service that has run there would have left it:
// each book's command, and the event that answers it.
func writeLog(ctx context.Context, dataDir string, catalogue *books.Catalogue, n int, log *slog.Logger) (err error) {
	kafka, err := embedded.StartKafka(ctx, embedded.KafkaConfig{DataDir: filepath.Join(dataDir, "kafka"), Logger: log})
	if err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	defer kafka.Close()
	cfg := messaging.Config{Brokers: []string{kafka.Addr()}, ClientID: "bookstore-bench", Dialer: kafka, Logger: log}
	topics := events.DefaultTopics()
	if err := messaging.EnsureTopics(ctx, cfg, topics.Specs(), config.Default().MQ.Partitions); err != nil {
		return err
	}
	publisher, err := messaging.NewPublisher(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()
	w := logWriter{
		catalogue: catalogue,
		commands:  messaging.Writer{Publisher: publisher, Topic: topics.Commands},
		events:    messaging.Writer{Publisher: publisher, Topic: topics.Events},
	}
	for first := 1; first <= n; first += appendSize {
		if err := w.append(ctx, first, min(appendSize, n+1-first)); err != nil {
			return err
		}
	}
	return nil
}

// appendSize is how many records are written together.
const appendSize = 5000

type logWriter struct {
	catalogue        *books.Catalogue
	commands, events messaging.Writer
}

// append writes the books from an id on.
func (w logWriter) append(ctx context.Context, first, n int) error {
	creations := make([]events.CreateBook, n)
	messages := make([]events.Encoded, n)
	for i := range creations {
		id := int64(first + i)
		creations[i] = events.CreateBook{ID: id, Details: w.catalogue.Book(id)}
		var err error
		messages[i], err = events.EncodeCommand(events.Envelope{
			ID: name("command", id), Source: events.SourceAPI, Time: createdAt(id),
		}, creations[i])
		if err != nil {
			return err
		}
	}
	positions, err := w.commands.Append(ctx, messages)
	if err != nil {
		return fmt.Errorf("write commands: %w", err)
	}
	for i, c := range creations {
		messages[i], err = events.EncodeEvent(events.Envelope{
			ID: name("event", c.ID), Source: events.SourceCommands, Time: createdAt(c.ID),
			Cause: &events.Cause{CommandID: name("command", c.ID), Hash: events.CommandHash(c), Position: positions[i]},
		}, events.BookCreated{ID: c.ID, Version: 1, Details: c.Details, CreatedAt: createdAt(c.ID)})
		if err != nil {
			return err
		}
	}
	if _, err := w.events.Append(ctx, messages); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

// name is the id of a book's command or event.
func name(of string, id int64) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, binary.BigEndian.AppendUint64([]byte(of), uint64(id))).String()
}

// createdAt is some twenty books a second.
func createdAt(id int64) time.Time {
	return time.Date(2024, 4, 10, 7, 1, 51, 0, time.UTC).Add(time.Duration(id) * 51_317 * time.Microsecond)
}
