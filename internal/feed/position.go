package feed

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"bookstore/internal/events"
)

// PositionError says that something is no position in the log at all. Its text completes
// the name of where it stood, for the client.
type PositionError struct {
	Partitions int // of the log
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("must be the id of an event of this stream: %d whole numbers with commas between them", e.Partitions)
}

// LostError says that a position is not in the log, which therefore is not the one that
// it was taken from, or has lost something. Its text completes the name of where the
// position stood, for the client.
type LostError struct {
	Partition      int
	Offset         int64 // the next that was asked for
	Oldest, Newest int64 // what the log has: from Oldest to before Newest
}

func (e *LostError) Error() string {
	return fmt.Sprintf("is at %d in partition %d, where the log has the records from %d to before %d: it is not the log that this position is of; begin anew, with from=beginning or without a position",
		e.Offset, e.Partition, e.Oldest, e.Newest)
}

// parsePosition is the inverse of [events.Offsets.String]. It fails with a
// [*PositionError].
func parsePosition(s string, partitions int) (events.Offsets, error) {
	parts := strings.Split(s, ",")
	if len(parts) != partitions {
		return nil, &PositionError{partitions}
	}
	position := make(events.Offsets, partitions)
	for partition, part := range parts {
		offset, err := strconv.ParseUint(part, 10, 63)
		if err != nil {
			return nil, &PositionError{partitions}
		}
		position[partition] = int64(offset)
	}
	return position, nil
}

// contains fails with a [*LostError] where a position is not in the log, and with
// whatever the log does where that is not known.
func (h *Hub) contains(ctx context.Context, position events.Offsets) error {
	oldest, next := h.seen()
	if inside(position, oldest, next) == nil {
		return nil
	}
	// Records may have come that the hub has not seen yet, and another one has.
	return h.look(ctx, position)
}

// look is what contains does when it can't know: it asks the log.
func (h *Hub) look(ctx context.Context, position events.Offsets) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	oldest, newest, err := h.log.Watermarks(ctx)
	if err != nil {
		return err
	}
	h.learn(oldest)
	return inside(position, oldest, newest)
}

// inside fails with a [*LostError] where a position is not between two others.
func inside(position, oldest, next events.Offsets) error {
	for partition, offset := range position {
		if partition >= len(next) {
			return &LostError{Partition: partition, Offset: offset}
		}
		if offset < oldest[partition] || offset > next[partition] {
			return &LostError{Partition: partition, Offset: offset, Oldest: oldest[partition], Newest: next[partition]}
		}
	}
	return nil
}
