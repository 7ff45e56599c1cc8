package query

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"bookstore/internal/events"
)

// Entry is a step in a book's history: who did what, and what the book was after it.
type Entry struct {
	Version       int64           `json:"version"`
	Type          string          `json:"type"`           // created, updated or deleted
	At            time.Time       `json:"at"`             // RFC 3339, UTC
	Actor         string          `json:"actor"`          // "" where nobody said
	CommandID     string          `json:"command_id"`     // what GET /api/commands/{id} knows it by
	CorrelationID string          `json:"correlation_id"` // of the request that asked for it
	Details       *events.Details `json:"details"`        // null for deleted
	// ParkedEvents is how many events of the book, behind all that are here, could
	// not be applied. It is the same in all entries, and absent where there are none.
	ParkedEvents int64 `json:"parked_events,omitempty"`
}

// Timeline is a part of a book's history.
type Timeline struct {
	Entries []Entry // never nil
	More    bool    // there are entries behind these
	Snapshot
}

// History returns limit steps of a book's history from offset on, the first
// first. It is there also when the book is gone; it fails with [ErrNotFound]
// where there never was such a book, with [*ParkedError] where not even its first
// event could be applied. The snapshot is set also then.
func (c *Catalog) History(ctx context.Context, id int64, offset, limit int) (Timeline, error) {
	timeline := Timeline{Entries: make([]Entry, 0, min(limit+1, 16))}
	var parked parked
	sql := `
		SELECT snapshot.*, entry.*, parked.* FROM ` + snapshotOf("history") + `
		CROSS JOIN ` + parkedOf("history", "$1") + `
		LEFT JOIN (
			SELECT version, type, at, actor, command_id, correlation_id, details
			FROM book_history WHERE book_id = $1 ORDER BY version LIMIT $2 OFFSET $3
		) AS entry ON true ORDER BY entry.version`
	err := c.read(ctx, sql, []any{id, limit + 1, offset}, func(row pgx.CollectableRow) error {
		var e Entry
		var details []byte
		var position offsetsScanner
		err := row.Scan(&timeline.Generation, &position.partitions, &position.next,
			(*zeronull.Int8)(&e.Version), (*zeronull.Text)(&e.Type), (*zeronull.Timestamptz)(&e.At), (*zeronull.Text)(&e.Actor),
			(*zeronull.Text)(&e.CommandID), (*zeronull.Text)(&e.CorrelationID), &details,
			&parked.events, (*zeronull.Timestamptz)(&parked.since))
		if err != nil {
			return err
		}
		timeline.Offsets = position.offsets()
		if e.Version == 0 {
			return nil
		}
		if details != nil {
			if err := json.Unmarshal(details, &e.Details); err != nil {
				return fmt.Errorf("read details of version %d: %w", e.Version, err)
			}
		}
		e.At, e.ParkedEvents = e.At.UTC(), parked.events
		timeline.Entries = append(timeline.Entries, e)
		return nil
	})
	switch {
	case err != nil:
		return Timeline{}, fmt.Errorf("read history of book %d: %w", id, err)
	case len(timeline.Entries) == 0 && offset == 0 && parked.events > 0:
		return timeline, fmt.Errorf("read history of book %d: %w", id, parked.error(id))
	case len(timeline.Entries) == 0 && offset == 0:
		return timeline, fmt.Errorf("read history of book %d: %w", id, ErrNotFound)
	case len(timeline.Entries) > limit:
		timeline.Entries, timeline.More = timeline.Entries[:limit], true
	}
	return timeline, nil
}
