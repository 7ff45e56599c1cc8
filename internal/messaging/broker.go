package messaging

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
)

// Broker answers questions about the log. It connects when it is first used.
type Broker struct {
	client *kgo.Client
	admin  *kadm.Client
}

// NewBroker returns a Broker; the caller closes it.
func NewBroker(cfg Config) (*Broker, error) {
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	return &Broker{client: client, admin: kadm.NewClient(client)}, nil
}

// Close closes the connections.
func (b *Broker) Close() { b.client.Close() }

// Ping says whether a broker answers, within ctx.
func (b *Broker) Ping(ctx context.Context) error {
	_, err := bound(ctx, func() (struct{}, error) { return struct{}{}, b.client.Ping(ctx) })
	if err != nil {
		return fmt.Errorf("ping Kafka: %w: %w", events.ErrLogUnavailable, err)
	}
	return nil
}

// Watermarks returns, for each partition of a topic, the offset of the oldest
// record there is and the one that the next record will get.
func (b *Broker) Watermarks(ctx context.Context, topic string) (oldest, newest events.Offsets, err error) {
	first, err := bound(ctx, func() (kadm.ListedOffsets, error) { return b.admin.ListStartOffsets(ctx, topic) })
	if err == nil {
		oldest, err = offsetsOf(topic, first)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask where topic %s begins: %w", topic, err)
	}
	newest, err = b.ends(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	return oldest, newest, nil
}

// ends is the second half of Watermarks.
func (b *Broker) ends(ctx context.Context, topic string) (newest events.Offsets, err error) {
	last, err := bound(ctx, func() (kadm.ListedOffsets, error) { return b.admin.ListEndOffsets(ctx, topic) })
	if err == nil {
		newest, err = offsetsOf(topic, last)
	}
	if err != nil {
		return nil, fmt.Errorf("ask where topic %s ends: %w", topic, err)
	}
	return newest, nil
}

func offsetsOf(topic string, listed kadm.ListedOffsets) (events.Offsets, error) {
	if err := listed.Error(); err != nil {
		return nil, err
	}
	offsets := make(events.Offsets, len(listed[topic]))
	for partition, o := range listed[topic] {
		if int(partition) >= len(offsets) {
			return nil, fmt.Errorf("partition %d of %d", partition, len(offsets))
		}
		offsets[partition] = o.Offset
	}
	return offsets, nil
}

// leave ends a member's part in a consumer group.
func (b *Broker) leave(ctx context.Context, group, member string) error {
	left, err := bound(ctx, func() (kadm.LeaveGroupResponses, error) {
		return b.admin.LeaveGroup(ctx, kadm.LeaveGroup(group).InstanceIDs(member))
	})
	if err == nil {
		err = left[member].Err
	}
	if err != nil {
		return fmt.Errorf("leave group %s: %w", group, err)
	}
	return nil
}
