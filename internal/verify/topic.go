package verify

import (
	"context"
	"fmt"

	"bookstore/internal/events"
)

// topic is one that is read, from where it begins to where it ended in the snapshot.
type topic struct {
	name        string
	log         Log
	oldest, end events.Offsets
}

// checkBeginnings looks whether a topic is still there from its first record on.
func (v *verification) checkBeginnings(t *topic) {
	for partition, oldest := range t.oldest {
		if oldest > 0 {
			v.beginsLate(t, int32(partition), oldest)
		}
	}
}

// beginsLate takes note that the beginning of a partition was deleted. Events are kept
// for ever. Searches and opens may be deleted when they are old: what was counted of
// them is right as it is, and nobody can say any more whether it is.
func (v *verification) beginsLate(t *topic, partition int32, oldest int64) {
	if t.name == InLog {
		v.differs(Difference{
			Where: InLog, Field: fmt.Sprintf("partition %d", partition),
			Log: fmt.Sprintf("begins at offset %d: the records before it were deleted", oldest),
		})
		return
	}
	for name, model := range v.models {
		if topicOf(name) == t.name && model.NotCompared == "" {
			model.NotCompared = fmt.Sprintf("partition %d of %s begins at offset %d: the records before it were deleted", partition, t.name, oldest)
		}
	}
}

// readWhole calls fn with all records of a topic, and reports offsets that are missing.
func (v *verification) readWhole(ctx context.Context, t *topic, fn func(events.Record)) error {
	next := make(map[int32]int64)
	for partition, oldest := range t.oldest {
		next[int32(partition)] = oldest
	}
	return t.log.Read(ctx, t.end, func(r events.Record) error {
		switch expected := next[r.Partition]; {
		case r.Offset == expected:
		case expected == 0 && t.name != InLog: // deleted since
			v.beginsLate(t, r.Partition, r.Offset)
		default:
			v.differs(Difference{
				Where: t.name, Field: fmt.Sprintf("partition %d", r.Partition),
				Log: fmt.Sprintf("offsets %d to %d are missing", expected, r.Offset-1),
			})
		}
		next[r.Partition] = r.Offset + 1
		fn(r)
		return nil
	})
}
