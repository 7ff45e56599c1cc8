package messaging

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
)

// OldestTimestamp returns the earliest timestamp among the first records of each
// partition at or after from: since when the oldest record that a consumer at
// from has yet to read has been waiting. found is false where there is none.
// Partitions that from does not have count from their oldest record on.
//
// It reads those records from the broker, outside of any group: a few
// milliseconds, and a connection of its own. It returns when ctx ends.
func (b *Broker) OldestTimestamp(ctx context.Context, topic string, from events.Offsets) (at time.Time, found bool, err error) {
	oldest, newest, err := b.Watermarks(ctx, topic)
	if err != nil {
		return time.Time{}, false, err
	}
	waiting := make(map[int32]kgo.Offset)
	for partition, first := range oldest {
		if partition < len(from) {
			first = max(first, from[partition])
		}
		if first < newest[partition] {
			waiting[int32(partition)] = kgo.NewOffset().At(first)
		}
	}
	if len(waiting) == 0 {
		return time.Time{}, false, nil
	}
	at, err = bound(ctx, func() (time.Time, error) { return b.earliestFirst(ctx, topic, waiting) })
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read the first records of topic %s that wait: %w", topic, err)
	}
	return at, true, nil
}

// enoughForOne is how much is fetched of a partition at once: one record is all
// that is wanted, and one that is larger comes alone (KIP-74).
const enoughForOne = 64 << 10

// earliestFirst reads one record at each of the given places, all of which have
// one, and returns the earliest of their timestamps.
func (b *Broker) earliestFirst(ctx context.Context, topic string, places map[int32]kgo.Offset) (time.Time, error) {
	client, err := kgo.NewClient(append(slices.Clone(b.client.Opts()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: places}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // else a record that is gone would become another one
		kgo.FetchMaxPartitionBytes(enoughForOne),
		kgo.KeepControlRecords(), // they may be all there is
	)...)
	if err != nil {
		return time.Time{}, err
	}
	defer client.Close()
	var earliest time.Time
	for read := make(map[int32]bool); len(read) < len(places); {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return time.Time{}, context.Cause(ctx)
		}
		for _, e := range fetches.Errors() {
			return time.Time{}, fmt.Errorf("partition %d: %w", e.Partition, e.Err)
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) == 0 || read[p.Partition] {
				return
			}
			read[p.Partition] = true
			if first := p.Records[0].Timestamp; earliest.IsZero() || first.Before(earliest) {
				earliest = first
			}
		})
	}
	return earliest, nil
}
