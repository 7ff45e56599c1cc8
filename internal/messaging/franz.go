package messaging

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Timeouts of franz-go's clients: a broker that accepts connections and never
// answers is noticed after the sum of the two, and its connection replaced.
const (
	// ackTimeout is how long a broker may wait for its followers (the "timeout"
	// field of a produce request). On a healthy cluster they need milliseconds.
	ackTimeout = 2 * time.Second
	// answerTimeout is how long any answer may take on top of that.
	answerTimeout = 1 * time.Second
)

// Backoff between tries. The last one is what a broker's return goes unnoticed
// for at worst; connecting four times a second to nobody costs nothing.
const (
	firstBackoff = 25 * time.Millisecond
	lastBackoff  = 250 * time.Millisecond
)

// newClient returns a franz-go client, which connects when it is first used and
// again whenever it must: it never fails because the broker is away.
func newClient(cfg Config, options ...kgo.Opt) (*kgo.Client, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	common := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID(cfg.ClientID),
		kgo.Dialer(cfg.dial),
		kgo.WithLogger(franzLogger{cfg.Logger}),
		kgo.RequestTimeoutOverhead(answerTimeout),
		kgo.RetryBackoffFn(backoff),
		// The default, 5 s, is how long a moved or returned leader would stay unknown.
		kgo.MetadataMinAge(lastBackoff),
	}
	client, err := kgo.NewClient(append(common, options...)...)
	if err != nil {
		return nil, fmt.Errorf("configure Kafka client: %w", err)
	}
	return client, nil
}

func backoff(tries int) time.Duration {
	return min(firstBackoff<<min(tries, 8), lastBackoff)
}

// franzLogger writes what franz-go has to say at debug level: it retries by
// itself, and what comes of that is logged by whoever asked, once.
type franzLogger struct{ log *slog.Logger }

// Level implements [kgo.Logger].
func (l franzLogger) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

// Log implements [kgo.Logger].
func (l franzLogger) Log(_ kgo.LogLevel, msg string, keyvals ...any) {
	l.log.Debug("kafka client", append([]any{"said", msg}, keyvals...)...)
}

// bound calls fn and returns at the latest when ctx ends. A franz-go client heeds
// a context while it waits for an answer, but not while it opens a connection,
// which a frozen broker draws out for seconds. What is left behind ends by itself
// then.
func bound[T any](ctx context.Context, fn func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := fn()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
