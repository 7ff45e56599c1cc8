package messaging

import (
	"context"
	"slices"
	"sync"
	"time"

	"bookstore/internal/events"
)

// headsInterval is how old a head may be, and how often the broker is asked.
const headsInterval = time.Second

// Heads knows about where topics end, a second ago, so that lag can be told
// without asking the broker each time. With the broker away it knows what it
// knew last.
type Heads struct {
	broker *Broker
	topics []string

	mu     sync.Mutex
	newest map[string]events.Offsets
}

// NewHeads returns a Heads that knows nothing until [Heads.Run].
func NewHeads(broker *Broker, topics ...string) *Heads {
	return &Heads{broker: broker, topics: topics, newest: make(map[string]events.Offsets)}
}

// Run keeps the heads fresh until ctx ends.
func (h *Heads) Run(ctx context.Context) {
	tick := time.NewTicker(headsInterval)
	defer tick.Stop()
	for {
		for _, topic := range h.topics {
			h.refresh(ctx, topic)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *Heads) refresh(ctx context.Context, topic string) {
	ctx, cancel := context.WithTimeout(ctx, headsInterval)
	defer cancel()
	newest, err := h.broker.ends(ctx, topic)
	if err != nil {
		return // that the broker is away is said by those who need it
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest[topic] = newest
}

// Newest returns the offsets that the next records of a topic will get; nil while
// that is not known.
func (h *Heads) Newest(topic string) events.Offsets {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.newest[topic])
}
