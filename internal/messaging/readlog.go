package messaging

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
)

// ReadLog calls fn with the records of a topic, in order within each partition,
// one at a time: in partition p from from[p] to before to[p]. Partitions that
// from does not have are read from their oldest record on; those that to does not
// have are not read. With to nil all are followed until ctx ends, which then is no
// error. Where to lies beyond the end, it waits for the records to come.
//
// It belongs to no group and leaves no trace. It fails with fn's error, or a
// [*LostLogError] if from lies outside of the log; while the broker is away it
// waits, as long as ctx lives.
func ReadLog(ctx context.Context, cfg Config, topic string, from, to events.Offsets, fn func(events.Record) error) error {
	reader, err := newLogReader(ctx, cfg, topic, from, to)
	if err != nil || reader == nil {
		return err
	}
	defer reader.client.Close()
	for len(reader.left) > 0 || to == nil {
		fetches := reader.client.PollRecords(ctx, maxPoll)
		if ctx.Err() != nil {
			if to == nil {
				return nil
			}
			return fmt.Errorf("read topic %s: %w", topic, ctx.Err())
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("read topic %s, partition %d: %w", topic, e.Partition, e.Err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if err := reader.pass(records.Next(), fn); err != nil {
				return err
			}
		}
	}
	return nil
}

// readAhead is how many bytes the client may hold that nobody has asked for yet.
const readAhead = 8 << 20

// maxPoll is how many records are taken over at once.
const maxPoll = 10_000

// logReader reads partitions up to an end each.
type logReader struct {
	client *kgo.Client
	topic  string
	follow bool
	left   map[int32]int64 // the end of each partition that is still read
}

// newLogReader returns nil if there is nothing to read.
func newLogReader(ctx context.Context, cfg Config, topic string, from, to events.Offsets) (*logReader, error) {
	begin, err := beginnings(ctx, cfg, topic, from)
	if err != nil {
		return nil, err
	}
	r := &logReader{topic: topic, follow: to == nil, left: make(map[int32]int64)}
	starts := make(map[int32]kgo.Offset)
	for partition, offset := range begin {
		if !r.follow {
			if int(partition) >= len(to) || offset >= to[partition] {
				continue
			}
			r.left[partition] = to[partition]
		}
		starts[partition] = kgo.NewOffset().At(offset)
	}
	if len(starts) == 0 {
		return nil, nil
	}
	r.client, err = newClient(cfg,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		// By default a reader whose offset is gone goes on a minute back.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// They have offsets too, without which the end would not be seen to be reached.
		kgo.KeepControlRecords(),
		// The client reads ahead of who follows; by default up to 50 MB from each broker.
		kgo.FetchMaxBytes(readAhead),
	)
	return r, err
}

// beginnings returns where to begin in each partition.
func beginnings(ctx context.Context, cfg Config, topic string, from events.Offsets) (map[int32]int64, error) {
	broker, err := NewBroker(cfg)
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	oldest, newest, err := broker.Watermarks(ctx, topic)
	if err != nil {
		return nil, err
	}
	begin := make(map[int32]int64, len(oldest))
	for partition, offset := range oldest {
		begin[int32(partition)] = offset
	}
	for partition, offset := range from {
		begin[int32(partition)] = offset
	}
	return begin, CheckInside(topic, begin, oldest, newest)
}

// pass gives a record to fn, unless its partition has been read to the end.
func (r *logReader) pass(record *kgo.Record, fn func(events.Record) error) error {
	if !r.follow {
		end, reading := r.left[record.Partition]
		if !reading {
			return nil
		}
		if record.Offset >= end-1 {
			delete(r.left, record.Partition)
			r.client.PauseFetchPartitions(map[string][]int32{r.topic: {record.Partition}})
		}
		if record.Offset >= end {
			return nil
		}
	}
	if record.Attrs.IsControl() {
		return nil
	}
	return fn(received(record))
}

func received(r *kgo.Record) events.Record {
	out := events.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
		Key: r.Key, Value: r.Value, Headers: make([]events.Header, len(r.Headers)),
	}
	for i, h := range r.Headers {
		out.Headers[i] = events.Header{Key: h.Key, Value: string(h.Value)}
	}
	return out
}
