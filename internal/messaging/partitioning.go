package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
)

// partitioning says where the records of a topic go: by their key, the way all
// of Kafka's clients do it unless told otherwise.
type partitioning struct {
	count int // see TopicFault for what a change would do
	byKey kgo.TopicPartitioner
}

// partition sets the partition of each record. We do it, and not the producer, to
// know it before it has the records: see doubts.
func (p *Publisher) partition(ctx context.Context, topic string, records []*kgo.Record) error {
	to, err := p.partitioning(ctx, topic)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Key == nil {
			r.Key = []byte{} // to the partitioner, nil means "anywhere"
		}
		r.Partition = int32(to.byKey.Partition(r, to.count))
	}
	return nil
}

// partitioning asks the broker the first time.
func (p *Publisher) partitioning(ctx context.Context, topic string) (*partitioning, error) {
	for {
		if known, ok := p.topics.Load(topic); ok {
			return known.(*partitioning), nil
		}
		select {
		case p.asking <- struct{}{}: // one at a time: with the broker frozen it takes long
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for its partitions: %w", context.Cause(ctx))
		}
		count, err := bound(ctx, func() (int, error) {
			defer func() { <-p.asking }()
			return p.countPartitions(ctx, topic)
		})
		if err == nil {
			p.topics.Store(topic, &partitioning{count: count, byKey: byKey(topic)})
			continue
		}
		wait(ctx, lastBackoff)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ask for its partitions: %w", err)
		}
	}
}

func (p *Publisher) countPartitions(ctx context.Context, topic string) (int, error) {
	topics, err := kadm.NewClient(p.client).ListTopics(ctx, topic)
	if err != nil {
		return 0, err
	}
	details := topics[topic]
	if details.Err != nil {
		return 0, details.Err
	}
	if len(details.Partitions) == 0 {
		return 0, errNoPartitions
	}
	return len(details.Partitions), nil
}

var errNoPartitions = errors.New("the topic has no partitions yet")

// byKey is the partitioner that producers in all languages share: murmur2 of the
// key, as in Kafka's Java client.
func byKey(topic string) kgo.TopicPartitioner {
	return kgo.StickyKeyPartitioner(nil).ForTopic(topic)
}

// PartitionOfBook returns a function that says on which of so many partitions the
// records of a book lie.
func PartitionOfBook(partitions int) func(bookID int64) int {
	partitioner := byKey("")
	return func(bookID int64) int {
		return partitioner.Partition(&kgo.Record{Key: events.BookKey(bookID)}, partitions)
	}
}
