package throughput

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/bench/books"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

// topic is a log of a run: the first events of its history.
type topic struct {
	name       string
	partitions int
	events     int
	// marks are the next offsets after so many events. [servers.fill] fills in those
	// whose keys are there.
	marks map[int]events.Offsets
}

// written takes note of where the event lies that is the nth, from 1 on.
func (t topic) written(n int, at events.Position, next events.Offsets) {
	next[at.Partition] = at.Offset + 1
	if _, wanted := t.marks[n]; wanted {
		t.marks[n] = slices.Clone(next)
	}
}

// appendSize is how many records are written together.
const appendSize = 5000

// fill makes topics and writes the same history to each, as far as it goes there.
func (s *servers) fill(ctx context.Context, catalogue *books.Catalogue, mix books.Mix, topics ...topic) error {
	longest := 0
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.name
		longest = max(longest, t.events)
		spec := events.TopicSpec{Name: t.name, Retention: events.KeepForever, MinRetention: events.KeepForever}
		if err := messaging.EnsureTopics(ctx, s.kafka, []events.TopicSpec{spec}, t.partitions); err != nil {
			return err
		}
	}
	s.onClose(func(ctx context.Context) error { return s.deleteTopics(ctx, names) })
	publisher, err := messaging.NewPublisher(s.kafka)
	if err != nil {
		return err
	}
	defer publisher.Close()

	messages := make([]events.Encoded, 0, appendSize)
	next := make([]events.Offsets, len(topics))
	for i, t := range topics {
		next[i] = make(events.Offsets, t.partitions)
	}
	written := 0
	flush := func() error {
		for i, t := range topics {
			here := messages[:min(len(messages), max(0, t.events-written))]
			positions, err := messaging.Writer{Publisher: publisher, Topic: t.name}.Append(ctx, here)
			if err != nil {
				return err
			}
			for j, at := range positions {
				t.written(written+j+1, at, next[i])
			}
		}
		written += len(messages)
		messages = messages[:0]
		return nil
	}
	for entry, err := range catalogue.History(longest, mix) {
		if err != nil {
			return err
		}
		if messages = append(messages, entry.Message); len(messages) == appendSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (s *servers) deleteTopics(ctx context.Context, names []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	deleted, err := kadm.NewClient(client).DeleteTopics(ctx, names...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("delete topics: %w", err)
	}
	return nil
}
