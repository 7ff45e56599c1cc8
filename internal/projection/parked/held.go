package parked

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// Held is what a consumer must know before it applies records: which lines there
// are, and which records were given up. The zero value knows of none. It is not
// safe for concurrent use, and a copy is the same Held.
type Held struct {
	lines     map[line]struct{}
	discarded map[events.Position]struct{}
}

// line is what names one. The log tells no key from an empty one.
type line struct {
	generation int64
	partition  int32
	key        string
	keyless    bool
}

// ReadHeld reads what is held of some partitions, in all generations of a
// consumer. It stays true for as long as the caller owns the partitions and
// tells it of what it does itself.
//
// A generation that is being built has another owner. Before that one parks a
// record it must read again: the record may have been discarded since.
func ReadHeld(ctx context.Context, db postgres.Reader, consumer string, partitions []int32) (Held, error) {
	var h Held
	rows, err := db.Query(ctx, `
		SELECT DISTINCT generation, partition, record_key, CASE WHEN discarded_at IS NOT NULL THEN record_offset END
		FROM parked_records WHERE consumer = $1 AND partition = ANY ($2)`, consumer, partitions)
	if err != nil {
		return Held{}, fmt.Errorf("read what is parked of %s: %w", consumer, err)
	}
	var generation int64
	var partition int32
	var key []byte
	var discarded *int64
	_, err = pgx.ForEachRow(rows, []any{&generation, &partition, &key, &discarded}, func() error {
		if discarded != nil {
			h.AddDiscarded(events.Position{Partition: partition, Offset: *discarded})
		} else {
			h.Add(generation, partition, key)
		}
		return nil
	})
	if err != nil {
		return Held{}, fmt.Errorf("read what is parked of %s: %w", consumer, err)
	}
	return h, nil
}

// Empty says whether nothing is held and nothing was given up.
func (h Held) Empty() bool { return len(h.lines) == 0 && len(h.discarded) == 0 }

// Key says whether records of a key are parked in a generation, so that the next
// one must be parked too.
func (h Held) Key(generation int64, partition int32, key []byte) bool {
	if len(h.lines) == 0 {
		return false
	}
	_, held := h.lines[line{generation, partition, string(key), key == nil}]
	return held
}

// Discarded says whether a record was given up: no generation applies or parks it,
// whichever it was discarded in.
func (h Held) Discarded(p events.Position) bool {
	if len(h.discarded) == 0 {
		return false
	}
	_, discarded := h.discarded[p]
	return discarded
}

// Add notes that a record of the key has been parked.
func (h *Held) Add(generation int64, partition int32, key []byte) {
	h.addLine(line{generation, partition, string(key), key == nil})
}

func (h *Held) addLine(l line) {
	if h.lines == nil {
		h.lines = make(map[line]struct{})
	}
	h.lines[l] = struct{}{}
}

// Remove notes that no record of the key is parked any more.
func (h *Held) Remove(generation int64, partition int32, key []byte) {
	delete(h.lines, line{generation, partition, string(key), key == nil})
}

// AddDiscarded notes that a record has been given up.
func (h *Held) AddDiscarded(p events.Position) {
	if h.discarded == nil {
		h.discarded = make(map[events.Position]struct{})
	}
	h.discarded[p] = struct{}{}
}

// Replace forgets all that was known of some partitions and takes over what other
// knows; other is left as it is.
func (h *Held) Replace(partitions []int32, other Held) {
	maps.DeleteFunc(h.lines, func(l line, _ struct{}) bool { return slices.Contains(partitions, l.partition) })
	maps.DeleteFunc(h.discarded, func(p events.Position, _ struct{}) bool { return slices.Contains(partitions, p.Partition) })
	for l := range other.lines {
		h.addLine(l)
	}
	for p := range other.discarded {
		h.AddDiscarded(p)
	}
}
