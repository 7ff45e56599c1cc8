package messaging

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

// subscriber is watermill-kafka's, except that it also starts while the broker is
// away: the stock one then fails to subscribe, which ends Watermill's router.
type subscriber struct {
	stock    *kafka.Subscriber
	follower *follower
	member   string // its name in the group

	closing context.Context
	close   context.CancelFunc
	running sync.WaitGroup
}

const (
	// reconnectPause is how long the stock subscriber waits after a failed try to
	// reconnect, and we after a failed try to subscribe. It can't be interrupted
	// there, so it is also how long Close may take.
	reconnectPause = 250 * time.Millisecond
	// redeliverPause is how long a message waits after its handler has failed.
	redeliverPause = 250 * time.Millisecond
)

func newSubscriber(cfg Config, f *follower) (*subscriber, error) {
	s := &subscriber{follower: f, member: cfg.ClientID + "-" + rand.Text()}
	s.closing, s.close = context.WithCancel(context.Background())
	var err error
	s.stock, err = kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers:               cfg.Brokers,
		Unmarshaler:           unmarshaler{},
		OverwriteSaramaConfig: saramaConfig(cfg, s.member),
		ConsumerGroup:         f.group,
		NackResendSleep:       redeliverPause,
		ReconnectRetrySleep:   reconnectPause,
		Tracer:                sessions{follower: f, closing: s.closing, connects: &pace{}, setups: &pace{}},
	}, watermillLogger{log: f.log, told: s.told})
	if err != nil {
		return nil, fmt.Errorf("configure subscriber to %s: %w", f.topic, err)
	}
	return s, nil
}

// told notes a fault of the stock subscriber, unless it comes of closing.
func (s *subscriber) told(msg string, err error) {
	if s.closing.Err() == nil && s.follower.assignment() == nil {
		s.follower.failed(fmt.Errorf("%s: %w", msg, err))
	}
}

// Subscribe implements [message.Subscriber]. It never fails: it connects in the
// background, as often as need be.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	s.running.Go(func() {
		defer close(out)
		in := s.connect(ctx, topic)
		if in == nil {
			return
		}
		for msg := range in {
			select {
			case out <- msg:
			case <-s.closing.Done(): // the stock subscriber has forgotten it already
			case <-ctx.Done():
			}
		}
		s.leave()
	})
	return out, nil
}

// leaveTimeout bounds the goodbye to the group. Without one the partitions move
// after the session timeout.
const leaveTimeout = time.Second

// leave tells the group to give the partitions to others.
func (s *subscriber) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := s.follower.broker.leave(ctx, s.follower.group, s.member); err != nil {
		s.follower.log.Debug("left the group without its notice", "error", err)
	}
}

// connect subscribes, and returns nil if that is not wanted any more.
func (s *subscriber) connect(ctx context.Context, topic string) <-chan *message.Message {
	for ctx.Err() == nil && s.closing.Err() == nil {
		in, err := s.stock.Subscribe(ctx, topic)
		if err == nil {
			return in
		}
		s.told("subscribe", err)
		wait(s.closing, reconnectPause)
	}
	return nil
}

// Close implements [message.Subscriber]. It returns when the group is left and
// no message is under way.
func (s *subscriber) Close() error {
	s.close()
	err := s.stock.Close()
	s.running.Wait()
	return err
}
