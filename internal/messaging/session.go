package messaging

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"bookstore/internal/events"
)

// sessions stands between Sarama's consumer group and Watermill's handler of it.
// Watermill has no notion of positions and assignments; what it offers is a place
// for a tracer to wrap that handler, and this is put there.
//
// It relies on the order in which Sarama calls a handler: Setup, then one
// ConsumeClaim per partition, and after all of them have returned, Cleanup.
type sessions struct{ follower *follower }

// WrapConsumerGroupHandler implements kafka.SaramaTracer.
func (s sessions) WrapConsumerGroupHandler(inner sarama.ConsumerGroupHandler) sarama.ConsumerGroupHandler {
	return groupHandler{follower: s.follower, inner: inner}
}

// WrapConsumer implements kafka.SaramaTracer.
func (sessions) WrapConsumer(c sarama.Consumer) sarama.Consumer { return c }

// WrapPartitionConsumer implements kafka.SaramaTracer.
func (sessions) WrapPartitionConsumer(c sarama.PartitionConsumer) sarama.PartitionConsumer { return c }

// WrapSyncProducer implements kafka.SaramaTracer.
func (sessions) WrapSyncProducer(_ *sarama.Config, p sarama.SyncProducer) sarama.SyncProducer {
	return p
}

type groupHandler struct {
	follower *follower
	inner    sarama.ConsumerGroupHandler
}

// Setup implements [sarama.ConsumerGroupHandler]. Nothing is delivered before it
// returns, and nothing at all if it fails.
func (h groupHandler) Setup(session sarama.ConsumerGroupSession) error {
	f := h.follower
	// A consumer that gives up each assignment at once must not do so thousands of
	// times a second.
	f.setups.wait(session.Context())

	a := newAssignment(session.Context(), slices.Sorted(slices.Values(session.Claims()[f.topic])))
	next, err := f.takeOver(a)
	if err != nil {
		a.end()
		if session.Context().Err() != nil {
			return err // the group has moved on meanwhile: no fault, and no time to lose
		}
		f.failed(err)
		wait(session.Context(), f.retryPause())
		return err
	}
	for partition, offset := range next {
		// Mark moves forwards only and Reset backwards only, from where the group
		// believes we are: one of the two does it.
		session.MarkOffset(f.topic, partition, offset, "")
		session.ResetOffset(f.topic, partition, offset, "")
	}
	f.joined(a)
	return h.inner.Setup(session)
}

// takeOver lets the consumer say where to begin, and makes sure that the log has
// that place.
func (f *follower) takeOver(a *assignment) (map[int32]int64, error) {
	if len(a.partitions) == 0 {
		return nil, nil
	}
	asked, err := f.consumer.Assign(a.ctx, slices.Clone(a.partitions), a.giveUp)
	if err != nil {
		return nil, fmt.Errorf("assign partitions %v of %s: %w", a.partitions, f.topic, err)
	}
	next, err := f.locate(a, asked)
	if err != nil {
		f.consumer.Revoke(slices.Clone(a.partitions))
		return nil, err
	}
	return next, nil
}

// locate completes and checks where to begin.
func (f *follower) locate(a *assignment, asked map[int32]int64) (map[int32]int64, error) {
	oldest, newest, err := f.broker.Watermarks(a.ctx, f.topic)
	if err != nil {
		return nil, err
	}
	next := fromOldest(a.partitions, oldest)
	maps.Copy(next, asked)
	return next, CheckInside(f.topic, next, oldest, newest)
}

func fromOldest(partitions []int32, oldest events.Offsets) map[int32]int64 {
	next := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		if int(p) < len(oldest) {
			next[p] = oldest[p]
		}
	}
	return next
}

// ConsumeClaim implements [sarama.ConsumerGroupHandler]. One goroutine per
// partition, which waits for each message to be acknowledged: at most one is
// under way, and so the order is kept.
func (h groupHandler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	a := h.follower.assignment()
	messages := make(chan *sarama.ConsumerMessage)
	done := make(chan struct{})
	forwarded := make(chan struct{})
	go func() {
		defer close(forwarded)
		defer close(messages)
		forward(claim.Messages(), messages, a.ctx.Done(), done)
	}()
	// Watermill's handler only looks at the channel, and returns when it is closed.
	err := h.inner.ConsumeClaim(session, boundedClaim{claim, messages})
	close(done)
	<-forwarded
	return err
}

// forward passes messages on until one of the others is closed. Sarama closes its
// channel too, but not while it tries to reach a broker, and not when the
// consumer gives up.
func forward(from <-chan *sarama.ConsumerMessage, to chan<- *sarama.ConsumerMessage, over, done <-chan struct{}) {
	for {
		select {
		case m, ok := <-from:
			if !ok {
				return
			}
			select {
			case to <- m:
			case <-over:
				return
			case <-done:
				return
			}
		case <-over:
			return
		case <-done:
			return
		}
	}
}

// boundedClaim is a claim whose messages end with its assignment.
type boundedClaim struct {
	sarama.ConsumerGroupClaim
	messages <-chan *sarama.ConsumerMessage
}

// Messages implements [sarama.ConsumerGroupClaim].
func (c boundedClaim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

// Cleanup implements [sarama.ConsumerGroupHandler]. It is also called after a
// Setup that failed.
func (h groupHandler) Cleanup(session sarama.ConsumerGroupSession) error {
	if a := h.follower.left(); a != nil {
		a.end()
		if len(a.partitions) > 0 {
			h.follower.consumer.Revoke(slices.Clone(a.partitions))
		}
	}
	return h.inner.Cleanup(session)
}

// pace keeps things a minimal time apart.
type pace struct{ last time.Time }

const minApart = 200 * time.Millisecond

// wait returns at the earliest minApart after it did last. It is not safe for
// concurrent use.
func (p *pace) wait(ctx context.Context) {
	wait(ctx, time.Until(p.last.Add(minApart)))
	p.last = time.Now()
}

// wait waits, but not beyond ctx.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
