package command

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// Decision is what became of a command.
type Decision struct {
	CommandID   string
	CommandType string
	CommandHash string
	BookID      int64
	Version     int64                // of the book after the decision; 0 where there is none
	Rejection   events.RejectionCode // "" for accepted
	Deleted     bool                 // the book, after the decision
	CreatedAt   time.Time            // the book; zero where there is none
	DecidedAt   time.Time

	// Published says whether the decision's event is known to be on the log, at
	// Event. Until then the decision stands, and consumers may not see it yet.
	Published bool
	Event     events.Position
}

// Accepted says whether the command changed its book.
func (d Decision) Accepted() bool { return d.Rejection == "" }

// decided is a decision on its way into the database and onto the log.
type decided struct {
	Decision
	command events.Position
	event   events.Encoded
}

// decide makes the decision and its event.
func decide(book Book, issued events.Issued) (decided, Book, error) {
	event := Decide(book, issued)
	after := Evolve(book, event)
	d := decided{
		Decision: Decision{
			CommandID:   issued.ID,
			CommandType: issued.Command.CommandType(),
			CommandHash: events.CommandHash(issued.Command),
			BookID:      issued.Command.Book(),
			Version:     after.Version,
			Deleted:     after.Deleted,
			CreatedAt:   after.CreatedAt,
			DecidedAt:   events.Instant(issued.Time),
		},
		command: issued.Position,
	}
	if rejected, ok := event.(events.CommandRejected); ok {
		d.Rejection = rejected.Code
	}
	var err error
	d.event, err = events.EncodeEvent(events.Envelope{
		// One command makes one event, so the event takes the command's id: with the
		// source it is unique, and deciding again gives the same bytes.
		ID:            issued.ID,
		Source:        events.SourceCommands,
		Time:          issued.Time,
		Traceparent:   storable(issued.Traceparent),
		CorrelationID: storable(issued.CorrelationID),
		Actor:         storable(issued.Actor),
		Cause:         &events.Cause{CommandID: issued.ID, Hash: d.CommandHash, Position: issued.Position},
	}, event)
	return d, after, err
}

// storable replaces what the outbox's JSON or PostgreSQL can't keep in a text. Our
// API sends none of that; somebody else's command may. An event that had it would
// be published with other bytes from the outbox than at first, and no read model
// could store it.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// known is what the write side already knows that a batch of commands needs.
type known struct {
	commands map[string]bool
	books    map[int64]Book
	// unpublished are the books whose last event is decided and not known to be on
	// the log: another partition's owner has yet to publish it.
	unpublished map[int64]bool
}

// readKnown reads, in one round trip, which of the commands are decided and how
// their books stand.
func readKnown(ctx context.Context, db postgres.Reader, commands []events.Issued) (known, error) {
	k := known{commands: make(map[string]bool), books: make(map[int64]Book), unpublished: make(map[int64]bool)}
	commandIDs := make([]string, len(commands))
	for i, issued := range commands {
		commandIDs[i] = issued.ID
		k.books[issued.Command.Book()] = Book{}
	}
	bookIDs := slices.Sorted(maps.Keys(k.books))
	b := &pgx.Batch{}
	b.Queue(`SELECT command_id FROM decisions WHERE command_id = ANY($1)`, commandIDs).Query(func(rows pgx.Rows) error {
		var id string
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			k.commands[id] = true
			return nil
		})
		return err
	})
	b.Queue(selectHeads, bookIDs).Query(func(rows pgx.Rows) error { return scanHeads(rows, k) })
	if err := db.SendBatch(ctx, b).Close(); err != nil {
		return known{}, fmt.Errorf("read decisions: %w", err)
	}
	return k, nil
}

// selectHeads finds how books stand: the accepted decision with the highest
// version, by an index that has it first.
const selectHeads = `
	SELECT head.book_id, head.version, head.deleted, head.created_at, head.event_offset IS NULL
	FROM unnest($1::bigint[]) AS wanted (book_id), LATERAL (
		SELECT d.book_id, d.version, d.deleted, d.created_at, d.event_offset FROM decisions d
		WHERE d.book_id = wanted.book_id AND d.rejection IS NULL
		ORDER BY d.version DESC LIMIT 1
	) AS head`

func scanHeads(rows pgx.Rows, k known) error {
	var id int64
	var book Book
	var unpublished bool
	_, err := pgx.ForEachRow(rows, []any{&id, &book.Version, &book.Deleted, &book.CreatedAt, &unpublished}, func() error {
		book.CreatedAt = book.CreatedAt.UTC()
		k.books[id] = book
		if unpublished {
			k.unpublished[id] = true
		}
		return nil
	})
	return err
}

// readBook returns how a book stands.
func readBook(ctx context.Context, db postgres.Reader, id int64) (Book, error) {
	k := known{books: make(map[int64]Book), unpublished: make(map[int64]bool)}
	rows, err := db.Query(ctx, selectHeads, []int64{id})
	if err == nil {
		err = scanHeads(rows, k)
	}
	if err != nil {
		return Book{}, fmt.Errorf("read how book %d stands: %w", id, err)
	}
	return k.books[id], nil
}

// insertDecisions writes decisions with the events that are yet to be published.
// onConflict is empty or an ON CONFLICT clause.
func insertDecisions(b *pgx.Batch, decisions []decided, onConflict string) error {
	n := len(decisions)
	var (
		ids, types, hashes = make([]string, n), make([]string, n), make([]string, n)
		partitions         = make([]int32, n)
		offsets            = make([]int64, n)
		books, versions    = make([]int64, n), make([]int64, n)
		rejections         = make([]*string, n)
		deleted            = make([]bool, n)
		created            = make([]*time.Time, n)
		at                 = make([]time.Time, n)
		values, headers    = make([][]byte, n), make([][]byte, n)
	)
	for i, d := range decisions {
		ids[i], types[i], hashes[i] = d.CommandID, d.CommandType, d.CommandHash
		partitions[i], offsets[i] = d.command.Partition, d.command.Offset
		books[i], versions[i], deleted[i], at[i] = d.BookID, d.Version, d.Deleted, d.DecidedAt
		if !d.Accepted() {
			code := string(d.Rejection)
			rejections[i] = &code
		}
		if !d.CreatedAt.IsZero() {
			created[i] = &d.CreatedAt
		}
		var err error
		values[i] = d.event.Value
		if headers[i], err = json.Marshal(d.event.Headers); err != nil {
			return fmt.Errorf("encode headers of command %s: %w", d.CommandID, err)
		}
	}
	b.Queue(`
		INSERT INTO decisions (command_id, command_type, command_hash, partition, command_offset, book_id, version,
			rejection, deleted, created_at, decided_at, event_value, event_headers)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::text[], $9::bool[], $10::timestamptz[], $11::timestamptz[], $12::bytea[], $13::bytea[]) `+onConflict,
		ids, types, hashes, partitions, offsets, books, versions, rejections, deleted, created, at, values, headers)
	return nil
}

const selectDecision = `
	SELECT command_id, command_type, command_hash, book_id, version, coalesce(rejection, ''), deleted,
		coalesce(created_at, '0001-01-01 00:00Z'), decided_at, event_offset IS NOT NULL, coalesce(event_partition, 0), coalesce(event_offset, 0)
	FROM decisions`

func scanDecision(row pgx.CollectableRow) (Decision, error) {
	var d Decision
	err := row.Scan(&d.CommandID, &d.CommandType, &d.CommandHash, &d.BookID, &d.Version, &d.Rejection, &d.Deleted,
		&d.CreatedAt, &d.DecidedAt, &d.Published, &d.Event.Partition, &d.Event.Offset)
	d.CreatedAt, d.DecidedAt = d.CreatedAt.UTC(), d.DecidedAt.UTC()
	return d, err
}

// readDecisions returns the decisions on those of the commands that are decided.
func readDecisions(ctx context.Context, db postgres.Reader, commandIDs []string) ([]Decision, error) {
	rows, err := db.Query(ctx, selectDecision+` WHERE command_id = ANY($1)`, commandIDs)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	decisions, err := pgx.CollectRows(rows, scanDecision)
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return decisions, nil
}
