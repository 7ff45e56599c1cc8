package projection

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// History is the projection of a book's timeline: a row for each of its events,
// who caused it and what it said, also when the book is gone. Rows are only added.
//
// Queries see it as the views book_history (the rows, with the column generation)
// and history_generation (one row, also while there is no history).
type History struct{}

// Name implements [Projection].
func (History) Name() string { return "history" }

// Version implements [Projection].
func (History) Version() int { return 1 }

// Tables implements [Projection].
func (History) Tables() []Table {
	return []Table{{Name: "history_entries", Key: []string{"book_id", "version"}}}
}

// Indexes implements [Projection]; the primary key is all it needs.
func (History) Indexes(int64) []Index { return nil }

// Create implements [Projection]. It fails where the table exists: what it holds
// is not known to be what the log gives.
func (History) Create(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := execAll(ctx, tx, `CREATE TABLE `+historyEntries(generation)+` (
		book_id        bigint      NOT NULL,
		version        bigint      NOT NULL,
		type           text        NOT NULL, -- created, updated or deleted
		at             timestamptz NOT NULL,
		actor          text        NOT NULL, -- '' where nobody said
		command_id     text        NOT NULL,
		correlation_id text        NOT NULL,
		details        jsonb,                -- null for deleted
		PRIMARY KEY (book_id, version)
	)`)
	if err != nil {
		return fmt.Errorf("create history generation %d: %w", generation, err)
	}
	return nil
}

// Activate implements [Projection]; see [Catalog.Activate] for the order.
func (History) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := replaceView(ctx, tx, "history_generation", fmt.Sprintf(`SELECT %d::bigint AS generation`, generation))
	if err == nil {
		err = replaceView(ctx, tx, "book_history", fmt.Sprintf(`
			SELECT %d::bigint AS generation, book_id, version, type, at, actor, command_id, correlation_id, details
			FROM %s`, generation, historyEntries(generation)))
	}
	if err != nil {
		return fmt.Errorf("activate history generation %d: %w", generation, err)
	}
	return nil
}

func historyEntries(generation int64) string { return tableName("history_entries", generation) }

// What an event did to its book, as the column type has it: without the schema
// version, which says how the event was written and not what happened.
const (
	historyCreated = "created"
	historyUpdated = "updated"
	historyDeleted = "deleted"
)

// Apply implements [Projection]. It fails with [*events.DecodeError] and [*GapError].
func (History) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error) {
	steps, err := decodeSteps(records)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	heads, err := headsOf(ctx, db, `
		SELECT last.book_id, last.version, last.type = '`+historyDeleted+`'
		FROM unnest($1::bigint[]) AS book (id)
		CROSS JOIN LATERAL (
			SELECT book_id, version, type FROM `+historyEntries(generation)+`
			WHERE book_id = book.id ORDER BY version DESC LIMIT 1
		) AS last`, steps)
	if err != nil {
		return nil, err
	}
	fresh, err := advance(heads, steps)
	if err != nil || len(fresh) == 0 {
		return nil, err
	}
	return historyWrites(generation, fresh)
}

func historyWrites(generation int64, steps []step) (*pgx.Batch, error) {
	var (
		books, versions            = make([]int64, len(steps)), make([]int64, len(steps))
		types, actors              = make([]string, len(steps)), make([]string, len(steps))
		commandIDs, correlationIDs = make([]string, len(steps)), make([]string, len(steps))
		times                      = make([]time.Time, len(steps))
		said                       = make([]*string, len(steps))
	)
	for i, s := range steps {
		books[i], versions[i] = s.book, s.version
		types[i], times[i] = historyEvent(s.Event)
		actors[i], correlationIDs[i] = s.Actor, s.CorrelationID
		if s.Cause != nil {
			commandIDs[i] = s.Cause.CommandID
		}
		if d := details(s.Event); d != nil {
			text, err := json.Marshal(d)
			if err != nil {
				return nil, fmt.Errorf("write details of event %s: %w", s.Position, err)
			}
			said[i] = new(string(text))
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		INSERT INTO `+historyEntries(generation)+` (book_id, version, type, at, actor, command_id, correlation_id, details)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
		ON CONFLICT (book_id, version) DO NOTHING`,
		books, versions, types, times, actors, commandIDs, correlationIDs, said)
	return batch, nil
}

func historyEvent(event events.Event) (kind string, at time.Time) {
	switch e := event.(type) {
	case events.BookCreated:
		return historyCreated, e.CreatedAt
	case events.BookUpdated:
		return historyUpdated, e.UpdatedAt
	case events.BookDeleted:
		return historyDeleted, e.DeletedAt
	}
	return "", time.Time{} // decodeSteps lets no other through
}
