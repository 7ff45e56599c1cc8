package throughput

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
	"bookstore/internal/searchtext"
)

// naive is what Watermill's documentation leads to: a handler that gets a message,
// does what it says in a transaction, and returns, which acknowledges it. The
// subscriber delivers the partitions' messages at once, and of each partition one
// after the other.
//
// It is held back by nothing else: connections are pooled, statements prepared
// once, fetches as large as Sarama makes them, and offsets committed in the
// background.
func (w *worker) naive(ctx context.Context) (Outcome, error) {
	config := kafka.DefaultSaramaSubscriberConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers:               w.Brokers,
		Unmarshaler:           kafka.DefaultMarshaler{},
		OverwriteSaramaConfig: config,
		ConsumerGroup:         w.group(),
	}, watermill.NopLogger{})
	if err != nil {
		return Outcome{}, fmt.Errorf("configure subscriber: %w", err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return Outcome{}, fmt.Errorf("configure router: %w", err)
	}
	if err := w.setGroup(ctx); err != nil {
		return Outcome{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := &naiveHandler{worker: w, stop: cancel, left: w.stretch()}
	router.AddConsumerHandler("catalog", w.Topic, subscriber, n.handle)
	if err := router.Run(ctx); err != nil {
		return Outcome{}, fmt.Errorf("run router: %w", err)
	}
	return n.outcome()
}

// setGroup has the consumer group begin where the task does.
func (w *worker) setGroup(ctx context.Context) error {
	if w.From == nil {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	var offsets kadm.Offsets
	for partition, from := range w.From {
		offsets.AddOffset(w.Topic, int32(partition), from, -1)
	}
	committed, err := kadm.NewClient(client).CommitOffsets(ctx, w.group(), offsets)
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		return fmt.Errorf("set the group's offsets: %w", err)
	}
	return nil
}

// naiveHandler notes how far it has come.
type naiveHandler struct {
	*worker
	stop func()

	mu           sync.Mutex
	left         stretch
	began, ended time.Time
	fault        error
}

func (n *naiveHandler) handle(msg *message.Message) error {
	partition, _ := kafka.MessagePartitionFromCtx(msg.Context())
	offset, _ := kafka.MessagePartitionOffsetFromCtx(msg.Context())
	if offset >= n.To[partition] {
		<-msg.Context().Done() // this partition is done, others are not
		return msg.Context().Err()
	}
	n.begin()
	err := n.apply(msg)
	n.end(partition, offset, err)
	return err
}

func (n *naiveHandler) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.began.IsZero() {
		n.began = time.Now()
	}
}

func (n *naiveHandler) end(partition int32, offset int64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		if n.ended.IsZero() { // else it is the end that has interrupted it
			n.fault = errors.Join(n.fault, err)
			n.stop()
		}
		return
	}
	if n.left.reached(partition, offset+1) {
		n.ended = time.Now()
		n.stop()
	}
}

func (n *naiveHandler) outcome() (Outcome, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.fault != nil:
		return Outcome{}, n.fault
	case n.ended.IsZero():
		return Outcome{}, errRouterEnded
	}
	return Outcome{Events: n.Events, Seconds: n.ended.Sub(n.began).Seconds()}, nil
}

// apply does what an event says. The versions in the statements make it harmless
// to do it twice.
func (n *naiveHandler) apply(msg *message.Message) error {
	ctx := msg.Context()
	record := events.Record{Topic: n.Topic, Value: msg.Payload, Headers: make([]events.Header, 0, len(msg.Metadata))}
	record.Key, _ = kafka.MessageKeyFromCtx(ctx)
	for key, value := range msg.Metadata {
		record.Headers = append(record.Headers, events.Header{Key: key, Value: value})
	}
	recorded, err := events.DecodeEvent(record)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, n.pool, func(tx pgx.Tx) error {
		switch e := recorded.Event.(type) {
		case events.BookCreated:
			_, err = tx.Exec(ctx, `
				INSERT INTO `+n.books()+` (id, version, title, author, published_at, description,
					isbn, created_at, updated_at, lexemes)
				SELECT $1, $2, $3, $4, $5, $6, $7, $8, $8, $9
				WHERE NOT EXISTS (SELECT FROM `+n.deleted()+` WHERE id = $1)
				ON CONFLICT (id) DO NOTHING`,
				e.ID, e.Version, e.Title, e.Author, e.PublishedAt, e.Description, e.ISBN, e.CreatedAt, lexemes(e.ID, e.Details))
			if err == nil {
				err = n.learn(ctx, tx, e.Details)
			}
		case events.BookUpdated:
			_, err = tx.Exec(ctx, `
				UPDATE `+n.books()+` SET version = $2, title = $3, author = $4, published_at = $5,
					description = $6, isbn = $7, updated_at = $8, lexemes = $9
				WHERE id = $1 AND version < $2`,
				e.ID, e.Version, e.Title, e.Author, e.PublishedAt, e.Description, e.ISBN, e.UpdatedAt, lexemes(e.ID, e.Details))
			if err == nil {
				err = n.learn(ctx, tx, e.Details)
			}
		case events.BookDeleted:
			_, err = tx.Exec(ctx, `DELETE FROM `+n.books()+` WHERE id = $1`, e.ID)
			if err == nil {
				_, err = tx.Exec(ctx, `INSERT INTO `+n.deleted()+` (id, version) VALUES ($1, $2) ON CONFLICT DO NOTHING`, e.ID, e.Version)
			}
		}
		return err
	})
}

// learn adds a book's words to the vocabulary.
func (n *naiveHandler) learn(ctx context.Context, tx pgx.Tx, d events.Details) error {
	_, err := tx.Exec(ctx, n.insertWords()+` ON CONFLICT (word) DO NOTHING`, vocabulary(wordsOf(d))...)
	return err
}

func lexemes(id int64, d events.Details) string {
	return searchtext.Lexemes(id, searchtext.Text{Title: d.Title, Author: d.Author, Description: d.Description, ISBN: d.ISBN})
}
