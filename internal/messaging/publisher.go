package messaging

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
)

// Publisher writes to the log. It implements Watermill's [message.Publisher];
// [Writer] is the way past Watermill for those who have [events.Encoded].
//
// Its promises, which are why it is not watermill-kafka's:
//
//   - All messages of a call go out together. The stock publisher makes one round
//     trip for each.
//   - Within a partition nothing is reordered, doubled or left out, whatever
//     happens to the connection: while a batch is undecided nothing later of its
//     partition is sent, and when one is given up, all that is behind it is given
//     up with it.
//   - An error says whether anything may have been written.
//   - A call ends when its context does, and a call that waits for a broker that
//     is away is a waiting caller and nothing else.
//
// Sarama's SyncProducer, on which the stock one stands, keeps none of the last
// three (v1.61.1, async_producer.go). The first message of a SendMessages goes
// out by itself and the others behind it; if the first runs out of retries, or
// its partition has no leader for a moment (retryBatch), the others are still
// sent, so that trying again puts the first behind them. The error is that of
// the last try and hides an earlier one that may have been written. No call takes
// a context, and after three failures a breaker fails all messages of a topic for
// ten seconds, however soon the broker is back. Hence franz-go's producer, which
// the embedded broker brings along anyway.
type Publisher struct {
	client *kgo.Client
	topics sync.Map      // name to *partitioning
	asking chan struct{} // held by who asks for one
	doubts *doubts
}

// Limits of what waits to be sent. When they are reached callers wait, each
// until its context ends.
const (
	maxBufferedRecords = 20_000
	maxBufferedBytes   = 64 << 20
)

// maxBatchBytes is the most that a batch of one partition may have: the default
// of a broker's message.max.bytes, rounded down. A record must fit in with a
// little to spare for the heads of batch and record.
const (
	maxBatchBytes  = 1_000_000
	maxRecordBytes = maxBatchBytes - 1_000
)

// ErrTooLarge says that a record can't be written, now or ever.
var ErrTooLarge = errors.New("record too large for the log")

// NewPublisher returns a publisher that connects when it is first used.
func NewPublisher(cfg Config) (*Publisher, error) {
	client, err := newClient(cfg,
		// Acknowledged means on all replicas in sync: promise 1 rests on it. With it
		// goes idempotence, which is the default and not to be turned off here.
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// Send at once. What is handed over while a request is on its way forms the
		// next batch; waiting for more would cost its whole length on an idle system.
		kgo.ProducerLinger(0),
		// One request at a time, so that they grow with the load, and so that when a
		// broker freezes, one request is in doubt and not five.
		kgo.MaxProduceRequestsInflightPerBroker(1),
		kgo.ProduceRequestTimeout(ackTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), // see partition
		// Most batches are one record, which hardly gets smaller, only later.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(maxBatchBytes),
		kgo.MaxBufferedRecords(maxBufferedRecords),
		kgo.MaxBufferedBytes(maxBufferedBytes),
		// How long to try is said by contexts alone. By default records would fail on
		// the fourth answer of a broker that has just started and knows no topic yet.
		kgo.UnknownTopicRetries(-1),
	)
	if err != nil {
		return nil, err
	}
	return &Publisher{client: client, asking: make(chan struct{}, 1), doubts: newDoubts()}, nil
}

// Publish writes messages and returns when all are acknowledged; [PositionOf]
// then tells where each lies. The first message's context bounds the call.
//
// It fails as [Writer.Append] does.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	records := make([]*kgo.Record, len(messages))
	for i, msg := range messages {
		var err error
		if records[i], err = recordOfMessage(topic, msg); err != nil {
			return err
		}
	}
	if err := p.produce(messages[0].Context(), topic, records); err != nil {
		return err
	}
	for i, msg := range messages {
		msg.SetContext(withPosition(msg.Context(), positionOf(records[i])))
	}
	return nil
}

// Close gives up what is on its way and closes the connections.
func (p *Publisher) Close() error {
	p.client.Close()
	return nil
}

func positionOf(r *kgo.Record) events.Position {
	return events.Position{Partition: r.Partition, Offset: r.Offset}
}

// settleTime is how long before the end of a call its records are withdrawn. In
// that time the producer says which of them were surely not sent.
const settleTime = lastBackoff + 50*time.Millisecond

// produce writes records to a topic and returns when all are acknowledged. After
// an error the records are the producer's.
func (p *Publisher) produce(ctx context.Context, topic string, records []*kgo.Record) error {
	// Checked for all before any is sent, so that no gap is left in a partition.
	if err := checkSizes(records); err != nil {
		return fmt.Errorf("write to topic %s: %w", topic, err)
	}
	failed := func(kind, err error) error {
		return fmt.Errorf("write to topic %s: %w: %w", topic, kind, err)
	}
	withdraw, cancel := withdrawBefore(ctx)
	defer cancel()
	if err := p.partition(withdraw, topic, records); err != nil {
		return failed(events.ErrLogUnavailable, err)
	}

	notWritten := events.ErrLogUnavailable
	for {
		attempt := newAttempt(records, p.doubts)
		if err := p.doubts.clear(withdraw, attempt.places); err != nil {
			return failed(notWritten, err)
		}
		for i, r := range records {
			p.client.Produce(withdraw, r, func(_ *kgo.Record, err error) { attempt.answer(i, err) })
		}
		result := attempt.wait(ctx)
		switch {
		case result.err == nil:
			return nil
		case result.permanent:
			return failed(ErrTooLarge, result.err)
		case result.unsure:
			return failed(events.ErrMaybeWritten, result.err)
		}
		if len(result.unsent) < len(records) {
			notWritten = events.ErrMaybeWritten // the others were
		}
		if withdraw.Err() != nil {
			return failed(notWritten, result.err)
		}
		// Somebody else gave up a record of the same partition, and to leave no gap
		// the producer gave up those behind it: ours are sent again, in their order.
		records = result.unsent
	}
}

// withdrawBefore returns a context that ends a little before ctx does, if ctx
// has a deadline, so that there is time to learn what became of the records.
func withdrawBefore(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if left := time.Until(deadline); !ok || left < 2*settleTime {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-settleTime))
}

// checkSizes fails with ErrTooLarge.
func checkSizes(records []*kgo.Record) error {
	for _, r := range records {
		size := len(r.Key) + len(r.Value)
		for _, h := range r.Headers {
			size += len(h.Key) + len(h.Value) + 2*binary.MaxVarintLen32
		}
		if size > maxRecordBytes {
			return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, maxRecordBytes)
		}
	}
	return nil
}
