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

// subscriber is watermill-kafka's, made anew whenever it has lost its connection.
//
// Left to itself, the stock one fails to subscribe while the broker is away, which
// ends Watermill's router; after an error it reconnects at once, as fast as the
// machine can if the error comes back; and each time it leaves a goroutine behind
// until it is closed (v3.1.2, consumeMessages).
type subscriber struct {
	cfg      Config
	follower *follower
	member   string // its name in the group

	closing context.Context
	close   context.CancelFunc
	running sync.WaitGroup
}

const (
	// reconnectPause is how long to wait after a lost connection.
	reconnectPause = 250 * time.Millisecond
	// redeliverPause is how long a message waits after its handler has failed.
	redeliverPause = 250 * time.Millisecond
)

func newSubscriber(cfg Config, f *follower) *subscriber {
	s := &subscriber{cfg: cfg, follower: f, member: cfg.ClientID + "-" + rand.Text()}
	s.closing, s.close = context.WithCancel(context.Background())
	return s
}

// Subscribe implements [message.Subscriber]. It never fails: it connects in the
// background, as often as need be.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	s.running.Go(func() {
		defer close(out)
		stop := context.AfterFunc(ctx, s.close)
		defer stop()
		for s.closing.Err() == nil {
			if err := s.deliver(topic, out); err != nil && s.closing.Err() == nil {
				s.follower.failed(err)
			}
			wait(s.closing, reconnectPause)
		}
		s.leave()
	})
	return out, nil
}

// deliver passes messages on until the connection is lost or s is closed.
func (s *subscriber) deliver(topic string, out chan<- *message.Message) error {
	broken := make(chan error, 1)
	stock, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers:               s.cfg.Brokers,
		Unmarshaler:           unmarshaler{},
		OverwriteSaramaConfig: saramaConfig(s.cfg, s.member),
		ConsumerGroup:         s.follower.group,
		NackResendSleep:       redeliverPause,
		ReconnectRetrySleep:   reconnectPause,
		Tracer:                sessions{follower: s.follower},
	}, watermillLogger{log: s.follower.log, told: s.teller(broken)})
	if err != nil {
		return fmt.Errorf("configure subscriber to %s: %w", topic, err)
	}
	defer stock.Close() // it has no error to return

	in, err := stock.Subscribe(s.closing, topic)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	for {
		select {
		case msg, ok := <-in:
			if !ok {
				return nil
			}
			select {
			case out <- msg:
			case <-s.closing.Done(): // the stock subscriber forgets it then, too
				return nil
			}
		case err := <-broken:
			return err
		case <-s.closing.Done():
			return nil
		}
	}
}

// teller returns what listens to the errors that the stock subscriber logs.
func (s *subscriber) teller(broken chan<- error) func(string, error) {
	return func(msg string, err error) {
		if s.follower.assignment() != nil {
			return // within a session Sarama tries again by itself, and ends it if that is no use
		}
		select {
		case broken <- fmt.Errorf("%s: %w", msg, err):
		default: // one is enough
		}
	}
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

// Close implements [message.Subscriber]. It returns when the group is left and
// no message is under way.
func (s *subscriber) Close() error {
	s.close()
	s.running.Wait()
	return nil
}
