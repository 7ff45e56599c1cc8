package messaging

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
)

// metadataKey holds the record's key in a Watermill message, which has no place
// for one. It never becomes a header: no CloudEvents attribute starts with "_".
const metadataKey = "_record_key"

// newMessage turns a message of the contract into one of Watermill. The UUID is
// the CloudEvents id; the stock marshaler would add a header of its own for it.
func newMessage(e events.Encoded) *message.Message {
	msg := message.NewMessage("", e.Value)
	msg.Metadata = make(message.Metadata, len(e.Headers)+1) // to grow it twice for each message took longer than to fill it
	for _, h := range e.Headers {
		msg.Metadata.Set(h.Key, h.Value)
	}
	msg.UUID = msg.Metadata.Get(events.HeaderID)
	msg.Metadata.Set(metadataKey, string(e.Key))
	return msg
}

// headersOf returns the metadata as headers, sorted, so that the same message
// always gives the same bytes.
func headersOf(metadata message.Metadata) []events.Header {
	headers := make([]events.Header, 0, len(metadata))
	for key, value := range metadata {
		if key != metadataKey {
			headers = append(headers, events.Header{Key: key, Value: value})
		}
	}
	slices.SortFunc(headers, func(a, b events.Header) int { return cmp.Compare(a.Key, b.Key) })
	return headers
}

// newRecord makes what is sent.
func newRecord(topic string, e events.Encoded) *kgo.Record {
	r := &kgo.Record{Topic: topic, Key: e.Key, Value: e.Value, Headers: make([]kgo.RecordHeader, len(e.Headers))}
	for i, h := range e.Headers {
		r.Headers[i] = kgo.RecordHeader{Key: h.Key, Value: []byte(h.Value)}
	}
	return r
}

// recordOfMessage is newMessage's inverse.
func recordOfMessage(topic string, msg *message.Message) (*kgo.Record, error) {
	key, ok := msg.Metadata[metadataKey]
	if !ok {
		return nil, fmt.Errorf("message %s has no record key: it would land in any partition, out of order", msg.UUID)
	}
	return newRecord(topic, events.Encoded{Key: []byte(key), Value: msg.Payload, Headers: headersOf(msg.Metadata)}), nil
}

// unmarshaler reads messages for Watermill's subscriber. It fails for none:
// what is wrong with a record is for the consumer to say, who can park it.
type unmarshaler struct{}

// Unmarshal implements [kafka.Unmarshaler].
func (unmarshaler) Unmarshal(m *sarama.ConsumerMessage) (*message.Message, error) {
	e := events.Encoded{Key: m.Key, Value: m.Value, Headers: make([]events.Header, len(m.Headers))}
	for i, h := range m.Headers {
		e.Headers[i] = events.Header{Key: string(h.Key), Value: string(h.Value)}
	}
	return newMessage(e), nil
}

// RecordOf returns the record that a received message was read from. Its
// headers are sorted by name; of headers that share a name only the last is
// kept, as Watermill's metadata is a map.
func RecordOf(msg *message.Message) events.Record {
	ctx := msg.Context()
	r := events.Record{
		Topic:   message.SubscribeTopicFromCtx(ctx),
		Value:   msg.Payload,
		Headers: headersOf(msg.Metadata),
	}
	r.Partition, _ = kafka.MessagePartitionFromCtx(ctx)
	r.Offset, _ = kafka.MessagePartitionOffsetFromCtx(ctx)
	r.Timestamp, _ = kafka.MessageTimestampFromCtx(ctx)
	r.Key, _ = kafka.MessageKeyFromCtx(ctx)
	return r
}

type positionKey struct{}

// PositionOf returns where a message that was published lies in its topic.
func PositionOf(msg *message.Message) (events.Position, bool) {
	p, ok := msg.Context().Value(positionKey{}).(events.Position)
	return p, ok
}

func withPosition(ctx context.Context, p events.Position) context.Context {
	return context.WithValue(ctx, positionKey{}, p)
}
