package messaging

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
)

// Writer appends to one topic of the log.
type Writer struct {
	Publisher *Publisher
	Topic     string
}

// Append writes messages together and returns where each one lies, when all are
// acknowledged. It tries for as long as ctx lives, in the given order within a
// partition, through any number of broken connections; so a caller that must not
// lose anything gives it a context that ends with the process, and one that has
// somebody waiting gives it a deadline.
//
// Its errors are [events.ErrLogUnavailable], wrapped: none was written;
// [events.ErrMaybeWritten], wrapped: some may have been, or may yet be, before
// anything appended later to the same partitions; or [ErrTooLarge], wrapped: none
// was written, and trying again is no use. A context without a deadline leaves no
// time to find out, so that its end always is ErrMaybeWritten.
func (w Writer) Append(ctx context.Context, messages []events.Encoded) ([]events.Position, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = newRecord(w.Topic, m)
	}
	if err := w.Publisher.produce(ctx, w.Topic, records); err != nil {
		return nil, err
	}
	positions := make([]events.Position, len(records))
	for i, r := range records {
		positions[i] = positionOf(r)
	}
	return positions, nil
}
