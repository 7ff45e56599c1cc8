package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"bookstore/internal/events"
)

// Consumer is what follows a topic. It keeps its own position; Kafka's group
// only shares out the partitions.
type Consumer interface {
	// Assign takes over partitions and says where to begin in each. A partition
	// that is left out begins at the oldest record there is. The assignment holds
	// until Revoke, or until giveUp is called, which may be done at any time, also
	// more than once, and does not block: then Revoke follows, and Assign anew.
	// If Assign fails nothing is delivered; it is called again, after a while.
	Assign(ctx context.Context, partitions []int32, giveUp func()) (next map[int32]int64, err error)
	// Revoke lets go of what was assigned. No Handle is running or comes after.
	Revoke(partitions []int32)
	// Handle takes a record over. Records of a partition come one after the other,
	// in order; those of different partitions at once. It is called again after an
	// error. It may wait, but not after ctx has ended, which it does with the
	// assignment.
	Handle(ctx context.Context, r events.Record) error
}

// ConsumerState is how a consumer is doing.
type ConsumerState struct {
	Name, Topic, Group string
	// Joined says that the group has given it its partitions, which may be none.
	Joined     bool
	Partitions []int32
	// Err is why it gets nothing; nil when all is well. See [LostLogError].
	Err error
}

// LostLogError says that a consumer's position lies outside of the log: records
// that it has not seen are gone, or the log is not the one that it has seen.
// Nothing is delivered until that is resolved by a person, as any place to go on
// from would hide it.
type LostLogError struct {
	Topic      string
	Partition  int32
	Checkpoint int64 // the offset that was asked for
	Oldest     int64 // the first that there is
	Newest     int64 // the one that comes next
}

func (e *LostLogError) Error() string {
	if e.Checkpoint > e.Newest {
		return fmt.Sprintf("the log of %s/%d ends at %d, before the position %d that was already reached: it was lost or replaced",
			e.Topic, e.Partition, e.Newest, e.Checkpoint)
	}
	return fmt.Sprintf("the log of %s/%d begins at %d, behind the position %d that was reached: what lay between was deleted unseen",
		e.Topic, e.Partition, e.Oldest, e.Checkpoint)
}

// CheckInside fails with a [*LostLogError] if a position lies outside of the log.
func CheckInside(topic string, next map[int32]int64, oldest, newest events.Offsets) error {
	for partition, offset := range next {
		if int(partition) >= len(newest) {
			return fmt.Errorf("topic %s has %d partitions, not a partition %d", topic, len(newest), partition)
		}
		if offset < oldest[partition] || offset > newest[partition] {
			return &LostLogError{
				Topic: topic, Partition: partition, Checkpoint: offset,
				Oldest: oldest[partition], Newest: newest[partition],
			}
		}
	}
	return nil
}

// follower is one consumer's place in the router: what connects the sessions of
// the group with the messages that come through Watermill.
type follower struct {
	name, topic, group string

	consumer Consumer
	broker   *Broker
	log      *slog.Logger
	setups   pace

	mu      sync.Mutex
	current *assignment   // nil between sessions
	err     error         // why it gets nothing
	retry   time.Duration // the last pause between tries to take partitions over
}

func (f *follower) state() ConsumerState {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := ConsumerState{Name: f.name, Topic: f.topic, Group: f.group, Joined: f.current != nil, Err: f.err}
	if f.current != nil {
		s.Partitions = slices.Clone(f.current.partitions)
	}
	return s
}

func (f *follower) assignment() *assignment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// handle is the end of the way of a message through Watermill's router.
func (f *follower) handle(msg *message.Message) error {
	a := f.assignment()
	ctx, leave, ok := a.enter(msg.Context())
	if !ok {
		// The assignment is over. To Watermill the message is done with, else it
		// would offer it again and again and so never end the session. It will be
		// delivered to the next owner, from the position the consumer keeps.
		return nil
	}
	defer leave()
	err := f.consumer.Handle(ctx, RecordOf(msg))
	if err != nil && ctx.Err() != nil {
		return nil // as above
	}
	return err
}

// joined notes that records flow.
func (f *follower) joined(a *assignment) {
	f.mu.Lock()
	recovered := f.err != nil
	f.current, f.err, f.retry = a, nil, 0
	f.mu.Unlock()
	if recovered {
		f.log.Info("consumer is getting on again", "partitions", a.partitions)
	} else {
		f.log.Debug("consumer got its partitions", "partitions", a.partitions)
	}
}

// left notes that the assignment is over and returns it.
func (f *follower) left() *assignment {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.current
	f.current = nil
	return a
}

// failed notes why no records flow, and logs it when that is news.
func (f *follower) failed(err error) {
	f.mu.Lock()
	news := f.err == nil || f.err.Error() != err.Error()
	if f.err != nil && errors.Is(err, f.err) {
		news = false // Watermill passes on what it got from us
	} else {
		f.err = err
	}
	f.mu.Unlock()

	var lost *LostLogError
	switch {
	case !news:
	case errors.As(err, &lost):
		f.log.Error("consumer stands still: its position is not in the log", "partition", lost.Partition,
			"position", lost.Checkpoint, "oldest", lost.Oldest, "newest", lost.Newest)
	default:
		f.log.Warn("consumer can't get on; trying again", "error", err)
	}
}

// retryPause is how long to wait after a failed try to take partitions over.
func (f *follower) retryPause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retry = min(max(2*f.retry, firstRetry), lastRetry)
	return f.retry
}

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)
