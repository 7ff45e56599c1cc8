package messaging

import (
	"time"

	"github.com/IBM/sarama"
)

// saramaConfig is for Watermill's subscriber, the one user of Sarama here. The
// member is its name in the group, like no other's.
func saramaConfig(cfg Config, member string) *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = cfg.ClientID
	// The highest there is: Sarama asks each broker which versions it takes and
	// lowers its requests accordingly. Its default, 2.8, sends requests that Kafka
	// 4 has only just kept.
	c.Version = sarama.MaxVersion

	c.Net.Proxy.Enable = true
	c.Net.Proxy.Dialer = cfg.Dialer
	c.Net.DialTimeout = dialTimeout
	c.Net.WriteTimeout = dialTimeout
	// This one bounds every answer, so it must be longer than a rebalance, during
	// which JoinGroup waits for the other members. It is how long a frozen broker
	// keeps a consumer waiting before it tries a new connection.
	c.Net.ReadTimeout = rebalanceTimeout + 2*time.Second

	c.Metadata.Full = false // only our topic's
	// A topic made by accident has the broker's defaults: deleted after 7 days.
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.Retry.Max = 3
	c.Metadata.Retry.Backoff = 100 * time.Millisecond

	// One byte is enough to answer a fetch: a record is delivered when it is there.
	c.Consumer.Fetch.Min = 1
	// How long a fetch waits on an idle topic. It delays no record, but a partition
	// that is newly assigned or let go waits for the fetch under way to return.
	c.Consumer.MaxWaitTime = 250 * time.Millisecond
	c.Consumer.Retry.Backoff = 250 * time.Millisecond
	c.Consumer.Return.Errors = true // to Watermill, which reads and logs them

	// The group's offsets are for onlookers (kafka-consumer-groups.sh): where to
	// begin is said by Consumer.Assign. Should that ever be bypassed, begin at the
	// oldest record: doing twice what was done is harmless, a gap is not.
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = true // off, Watermill would commit after each message
	c.Consumer.Offsets.AutoCommit.Interval = time.Second
	c.Consumer.Offsets.Retry.Max = 1
	// The default jumps to Initial when the log no longer has the offset. We stop
	// and say so: see LostLogError.
	c.Consumer.Group.ResetInvalidOffsets = false

	// A killed process's partitions move to others after the session timeout, plus
	// what the others need to notice and to let go. Six seconds is the least that
	// Apache Kafka allows by default (group.min.session.timeout.ms).
	c.Consumer.Group.Session.Timeout = sessionTimeout
	c.Consumer.Group.Heartbeat.Interval = time.Second
	c.Consumer.Group.Rebalance.Timeout = rebalanceTimeout
	c.Consumer.Group.Rebalance.Retry.Backoff = 250 * time.Millisecond
	// After a broken connection Watermill joins the group afresh. With a name it is
	// known again and has its partitions at once; without, they would wait for its
	// former self's session timeout. The price: Sarama does not say goodbye for
	// members with names, so that we must (see subscriber).
	c.Consumer.Group.InstanceId = member
	// Eager, not cooperative: each rebalance is a new session, whose Setup asks the
	// consumer anew where to begin. In a cooperative one Setup runs only once, and
	// partitions that come later would begin at the group's offset. One topic per
	// group: range spreads its partitions evenly.
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}

	return c
}

const (
	sessionTimeout = 6 * time.Second
	// rebalanceTimeout is how long a member may take to let its partitions go
	// before the group goes on without it.
	rebalanceTimeout = 8 * time.Second
)
