package messaging

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
)

// closeTimeout is how long a router may take to let its messages go. With the
// broker frozen, leaving the group takes until Sarama's timeouts have passed;
// nothing depends on it, as the group notices by itself.
const closeTimeout = 10 * time.Second

// Router carries records from topics to consumers, through Watermill's router
// and its middleware. See [Consumer] for what it promises them.
type Router struct {
	cfg       Config
	watermill *message.Router
	broker    *Broker
	followers []*follower
	ran       atomic.Bool
}

// NewRouter returns a router without consumers. The metrics bookstore_consumer_*
// are registered with registerer. The caller closes the router, also if it never
// ran.
func NewRouter(cfg Config, registerer prometheus.Registerer) (*Router, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	inner, err := message.NewRouter(message.RouterConfig{CloseTimeout: closeTimeout}, watermillLogger{log: cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("configure router: %w", err)
	}
	metrics, err := newMetrics(registerer)
	if err != nil {
		return nil, fmt.Errorf("register metrics of consumers: %w", err)
	}
	inner.AddMiddleware(chain(cfg.Logger, metrics)...)
	broker, err := NewBroker(cfg)
	if err != nil {
		return nil, err
	}
	return &Router{cfg: cfg, watermill: inner, broker: broker}, nil
}

// AddConsumer adds a consumer, to be called before [Router.Run]. The name, unique
// in the router, is that in metrics and logs. Consumers of a group, in this
// process and others, share the topic's partitions. A group has one topic.
func (r *Router) AddConsumer(name, topic, group string, c Consumer) error {
	if slices.ContainsFunc(r.followers, func(f *follower) bool { return f.name == name }) {
		return fmt.Errorf("there is a consumer %s already", name) // Watermill would panic
	}
	f := &follower{
		name: name, topic: topic, group: group, consumer: c, broker: r.broker,
		log: r.cfg.Logger.With("consumer", name, "topic", topic, "group", group),
	}
	r.followers = append(r.followers, f)
	r.watermill.AddConsumerHandler(name, topic, newSubscriber(r.cfg, f), f.handle)
	return nil
}

// Run delivers records until ctx ends or the router is closed. It does not need
// the broker to be there.
func (r *Router) Run(ctx context.Context) error {
	r.ran.Store(true)
	if err := r.watermill.Run(ctx); err != nil {
		return fmt.Errorf("run router: %w", err)
	}
	return nil
}

// Close lets go of all partitions and returns when no consumer is called any
// more. Records that were taken over are the consumers'; the others are delivered
// again, to whoever is assigned their partitions next. It gives up after ten
// seconds, if the broker does not answer.
func (r *Router) Close() error {
	defer r.broker.Close()
	if !r.ran.Load() {
		return nil // Watermill would wait for consumers that never began
	}
	if err := r.watermill.Close(); err != nil {
		return fmt.Errorf("close router: %w", err)
	}
	return nil
}

// States returns how the consumers are doing, by name.
func (r *Router) States() []ConsumerState {
	states := make([]ConsumerState, len(r.followers))
	for i, f := range r.followers {
		states[i] = f.state()
	}
	slices.SortFunc(states, func(a, b ConsumerState) int { return cmp.Compare(a.Name, b.Name) })
	return states
}
