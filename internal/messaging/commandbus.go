package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/sony/gobreaker/v2"

	"bookstore/internal/events"
)

const (
	// sendTimeout is how long a command may take to be in the log. In that time the
	// publisher tries again as often as it can, so that a broker that is restarted
	// on the spot is not noticed.
	sendTimeout = 2 * time.Second
	// failuresToOpen is how many commands in a row must fail until others are
	// refused without trying.
	failuresToOpen = 2
	// retryAfter is how long they are refused before one is let through to see.
	retryAfter = 500 * time.Millisecond
)

// CommandBus sends commands into the log, through Watermill's command bus and a
// circuit breaker: with the log away, those who wait for it are told at once
// instead of queueing up.
type CommandBus struct {
	bus     *cqrs.CommandBus
	breaker *gobreaker.CircuitBreaker[struct{}]
}

// NewCommandBus returns a command bus onto a topic.
func NewCommandBus(publisher message.Publisher, topic string, logger *slog.Logger) (*CommandBus, error) {
	bus, err := cqrs.NewCommandBusWithConfig(publisher, cqrs.CommandBusConfig{
		GeneratePublishTopic: func(cqrs.CommandBusGeneratePublishTopicParams) (string, error) { return topic, nil },
		Marshaler:            commandMarshaler{},
		Logger:               watermillLogger{log: logger},
	})
	if err != nil {
		return nil, fmt.Errorf("configure command bus: %w", err)
	}
	breaker := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        topic,
		MaxRequests: 1,
		Timeout:     retryAfter,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		// A command that can't be encoded says nothing about the log; one whose sender
		// has left neither.
		IsSuccessful: func(err error) bool { return !passes(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, errSenderLeft) },
		OnStateChange: func(topic string, _, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				logger.Warn("the log can't be reached; commands are refused", "topic", topic)
			case gobreaker.StateClosed:
				logger.Info("the log can be reached again; commands are taken", "topic", topic)
			case gobreaker.StateHalfOpen: // one is let through to see
			}
		},
	})
	return &CommandBus{bus: bus, breaker: breaker}, nil
}

// errSenderLeft marks commands whose context ended before their time was up.
var errSenderLeft = errors.New("the sender did not wait")

// passes says whether an error is the log's, and so passes with time.
func passes(err error) bool {
	return errors.Is(err, events.ErrLogUnavailable) || errors.Is(err, events.ErrMaybeWritten)
}

// Send puts a command into the log and returns when it is acknowledged there, at
// the latest after two seconds.
//
// Its errors are [events.ErrLogUnavailable], wrapped: it was not written, now or
// ever; [events.ErrMaybeWritten], wrapped: it may have been, or may yet be; or
// another, of a command that can't be written.
func (b *CommandBus) Send(ctx context.Context, command events.Issued) error {
	_, err := b.breaker.Execute(func() (struct{}, error) {
		limited, cancel := context.WithTimeout(ctx, sendTimeout)
		defer cancel()
		err := b.bus.Send(limited, command)
		if passes(err) && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errSenderLeft, err)
		}
		return struct{}{}, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return fmt.Errorf("send command %s: %w: %w", command.ID, events.ErrLogUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("send command %s: %w", command.ID, err)
	}
	return nil
}

// commandMarshaler implements [cqrs.CommandEventMarshaler] for [events.Issued].
type commandMarshaler struct{}

// Marshal implements [cqrs.CommandEventMarshaler].
func (commandMarshaler) Marshal(v any) (*message.Message, error) {
	issued, ok := v.(events.Issued)
	if !ok {
		return nil, fmt.Errorf("marshal command: %T is not events.Issued", v)
	}
	encoded, err := events.EncodeCommand(issued.Envelope, issued.Command)
	if err != nil {
		return nil, err
	}
	return newMessage(encoded), nil
}

// Unmarshal implements [cqrs.CommandEventMarshaler].
func (commandMarshaler) Unmarshal(msg *message.Message, v any) error {
	into, ok := v.(*events.Issued)
	if !ok {
		return fmt.Errorf("unmarshal command: %T is not *events.Issued", v)
	}
	issued, err := events.DecodeCommand(RecordOf(msg))
	if err != nil {
		return err
	}
	*into = issued
	return nil
}

// Name implements [cqrs.CommandEventMarshaler].
func (commandMarshaler) Name(v any) string {
	if issued, ok := v.(events.Issued); ok {
		return issued.Command.CommandType()
	}
	return fmt.Sprintf("%T", v)
}

// NameFromMessage implements [cqrs.CommandEventMarshaler].
func (commandMarshaler) NameFromMessage(msg *message.Message) string {
	return msg.Metadata.Get(events.HeaderType)
}
