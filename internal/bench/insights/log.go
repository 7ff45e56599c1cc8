package insights

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"bookstore/internal/bench/clients"
	"bookstore/internal/embedded"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

// searchLog puts searches on the topic, and knows where it ends.
type searchLog struct {
	topic string
	made  *searches
	log   *slog.Logger

	mu   sync.Mutex
	ends map[int32]int64 // behind the last record of each partition
}

// appendSize is how many records are written together.
const appendSize = 2000

// write makes n searches, the times of which are spread evenly, and returns when all are
// on the log.
func (l *searchLog) write(ctx context.Context, publisher *messaging.Publisher, n int, from, to time.Time) error {
	chunk := make([]events.Encoded, 0, min(n, appendSize))
	for i := range n {
		search, err := l.made.next(events.Instant(from.Add(time.Duration(float64(to.Sub(from)) * float64(i) / float64(n)))))
		if err != nil {
			return err
		}
		if chunk = append(chunk, search); len(chunk) < appendSize && i < n-1 {
			continue
		}
		positions, err := messaging.Writer{Publisher: publisher, Topic: l.topic}.Append(ctx, chunk)
		if err != nil {
			return fmt.Errorf("write searches: %w", err)
		}
		l.written(positions)
		chunk = chunk[:0]
	}
	return nil
}

func (l *searchLog) written(positions []events.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range positions {
		l.ends[p.Partition] = max(l.ends[p.Partition], p.Offset+1)
	}
}

// left is how many records there are from next on.
func (l *searchLog) left(next events.Offsets) (left int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for partition, end := range l.ends {
		var from int64
		if int(partition) < len(next) {
			from = next[partition]
		}
		left += max(0, end-from)
	}
	return left
}

// whileDown writes n searches of some time into the data directory of a service that
// does not run.
func (l *searchLog) whileDown(ctx context.Context, dataDir string, n int, from, to time.Time) (err error) {
	kafka, err := embedded.StartKafka(ctx, embedded.KafkaConfig{DataDir: filepath.Join(dataDir, "kafka"), Logger: l.log})
	if err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	defer kafka.Close()
	publisher, err := messaging.NewPublisher(messaging.Config{Brokers: []string{kafka.Addr()}, ClientID: clientID, Dialer: kafka, Logger: l.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()
	return l.write(ctx, publisher, n, from, to)
}

const clientID = "bookstore-bench"

// pace writes so many searches a second to a broker, evenly in time, and returns how
// many. Where the log is slower than that, or was held up, what is due is written in
// one go.
func (l *searchLog) pace(ctx context.Context, brokers []string, perSecond float64, length time.Duration) (written int, err error) {
	publisher, err := messaging.NewPublisher(messaging.Config{Brokers: brokers, ClientID: clientID, Logger: l.log})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()
	const beat = 10 * time.Millisecond
	began := time.Now()
	for {
		took := min(time.Since(began), length)
		if due := int(perSecond*took.Seconds()) - written; due > 0 {
			now := time.Now()
			if err := l.write(ctx, publisher, due, now, now); err != nil {
				return written, err
			}
			written += due
		} else if took == length {
			return written, nil
		}
		if err := clients.SleepUntil(ctx, began.Add(took.Truncate(beat)+beat)); err != nil {
			return written, err
		}
	}
}
