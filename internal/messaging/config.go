package messaging

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"golang.org/x/net/proxy"
)

// Config says how to reach Kafka. Everything but Brokers may be left out.
type Config struct {
	Brokers  []string // host:port; one that answers is enough to find the others
	ClientID string   // names this process in the broker's logs and quotas
	// Dialer opens all connections; nil: directly. Tests disturb the network here.
	Dialer proxy.Dialer
	Logger *slog.Logger // nil: silent
}

const defaultClientID = "bookstore"

// dialTimeout bounds the opening of one connection. A broker in the same data
// centre answers in a millisecond; what takes longer than this is away.
const dialTimeout = 2 * time.Second

var errNoBrokers = errors.New("messaging.Config.Brokers is empty")

// complete fills in what was left out.
func (c Config) complete() (Config, error) {
	if len(c.Brokers) == 0 {
		return c, errNoBrokers
	}
	if c.ClientID == "" {
		c.ClientID = defaultClientID
	}
	if c.Dialer == nil {
		c.Dialer = &net.Dialer{Timeout: dialTimeout}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// dial gives the dialer a context where it takes one.
func (c Config) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if d, ok := c.Dialer.(proxy.ContextDialer); ok {
		return d.DialContext(ctx, network, addr)
	}
	return c.Dialer.Dial(network, addr)
}
