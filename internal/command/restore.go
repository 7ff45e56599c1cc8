package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// ReadLog calls a function with each record of a topic between two positions, in
// the order of each partition.
type ReadLog func(ctx context.Context, fn func(events.Record) error) error

// RestoreConfig says where the write side's state is restored from and to.
type RestoreConfig struct {
	Pool     *pgxpool.Pool
	Consumer string  // whose checkpoints say which commands are decided
	Events   ReadLog // the whole log of events
	// Commands reads the commands from these positions on: those that are accepted
	// and not decided yet.
	Commands func(ctx context.Context, from events.Offsets, fn func(events.Record) error) error
}

// Restored is what [Restore] found.
type Restored struct {
	Decisions int64 // 0 where there was nothing to restore
	HighestID int64 // book id that is in use

	// Skipped is how many records of the events topic are nobody's decision: put there
	// by others, and naming no command. FirstSkipped says where the first one is and
	// why; nil where there are none.
	Skipped      int64
	FirstSkipped *events.DecodeError
}

// Restore rebuilds the write side's state from the log, when the database has
// none: the decisions, where deciding goes on, and above which id new books
// begin. An event names the command that it answers, so the log alone is enough.
//
// A record that somebody else put onto the events topic, and that can't be read or
// names no command, never was a decision: it is skipped, and counted. One that the
// command handler wrote and this program can't read is refused, with an
// [*UnreadableEventError]: without it nobody knows how its book stands, and the next
// command for it would be decided wrongly, for ever.
//
// All of it is one transaction: killed in the middle, the next start begins
// again. Several processes may try at once; one does it.
func Restore(ctx context.Context, cfg RestoreConfig) (Restored, error) {
	var restored Restored
	// Looked at without a lock first, so that a start beside a busy process does
	// not hold it up.
	present, err := hasState(ctx, cfg.Pool, cfg)
	if err == nil && present {
		return Restored{}, nil
	}
	err = pgx.BeginFunc(ctx, cfg.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE decisions IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		if present, err := hasState(ctx, tx, cfg); err != nil || present {
			return err
		}
		// The server ends transactions that pause; this one pauses while the log is read.
		if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
			return err
		}
		r := restoring{tx: tx, books: make(map[int64]Book)}
		if err := cfg.Events(ctx, func(record events.Record) error { return r.event(ctx, record) }); err != nil {
			return err
		}
		if err := r.flush(ctx); err != nil {
			return err
		}
		if err := r.findNext(ctx, cfg); err != nil {
			return err
		}
		restored = Restored{Decisions: r.decisions, HighestID: r.highestID, Skipped: r.skipped, FirstSkipped: r.firstSkipped}
		return r.finish(ctx, cfg)
	})
	if err != nil {
		return Restored{}, fmt.Errorf("restore the write side from the log: %w", err)
	}
	return restored, nil
}

func hasState(ctx context.Context, db postgres.Reader, cfg RestoreConfig) (bool, error) {
	rows, err := db.Query(ctx, `
		SELECT EXISTS (SELECT FROM decisions) OR EXISTS (
			SELECT FROM checkpoints WHERE consumer = $1 AND next_offset > 0)`, cfg.Consumer)
	if err != nil {
		return false, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
}

// restoring is a restore on its way. It keeps each book's head in memory, about
// 60 bytes a book.
type restoring struct {
	tx        pgx.Tx
	books     map[int64]Book
	progress  []progress     // by partition of the commands
	next      events.Offsets // where deciding goes on, by partition
	highestID int64
	decisions int64
	pending   []decided

	skipped      int64
	firstSkipped *events.DecodeError
}

// UnreadableEventError says that an event on the log is of the command handler's own
// making and can't be read by this program: a newer one wrote it, or its bytes are
// damaged. The program that wrote it can restore; so can a database that has the
// decision.
type UnreadableEventError struct{ Err *events.DecodeError }

func (e *UnreadableEventError) Error() string {
	return "an event of the write side's own can't be read, and how its book stands depends on it: " + e.Err.Error()
}

// Unwrap returns the [*events.DecodeError].
func (e *UnreadableEventError) Unwrap() error { return e.Err }

// restoreBatch is how many decisions are inserted at once.
const restoreBatch = 2000

func (r *restoring) event(ctx context.Context, record events.Record) error {
	recorded, err := events.DecodeEvent(record)
	var unreadable *events.DecodeError
	switch {
	case errors.As(err, &unreadable):
		return r.skip(record, unreadable)
	case err != nil:
		return err
	case recorded.Cause == nil:
		// Read models follow it all the same, so the book's id is in use.
		r.highestID = max(r.highestID, recorded.Event.Book())
		return r.skip(record, &events.DecodeError{Topic: record.Topic, Position: record.Position(), Reason: "the event names no command"})
	}
	r.decided(recorded.Cause.Position)
	id := recorded.Event.Book()
	book := r.books[id]
	d := decided{
		Decision: Decision{
			CommandID: recorded.Cause.CommandID, CommandHash: recorded.Cause.Hash,
			BookID: id, DecidedAt: recorded.Time, Published: true, Event: recorded.Position,
		},
		command: recorded.Cause.Position,
	}
	switch e := recorded.Event.(type) {
	case events.CommandRejected:
		d.CommandType, d.Rejection = e.CommandType, e.Code
	case events.BookEvent:
		if e.BookVersion() <= book.Version {
			return nil // published twice
		}
		book = Evolve(book, e)
		r.books[id] = book
		r.highestID = max(r.highestID, id)
		d.CommandType = commandBehind(e)
	}
	d.Version, d.Deleted, d.CreatedAt = book.Version, book.Deleted, book.CreatedAt
	r.pending = append(r.pending, d)
	if len(r.pending) < restoreBatch {
		return nil
	}
	return r.flush(ctx)
}

// skip leaves out a record that is no decision of the command handler's.
func (r *restoring) skip(record events.Record, why *events.DecodeError) error {
	if record.Header(events.HeaderSource) == events.SourceCommands {
		return &UnreadableEventError{why}
	}
	r.skipped++
	if r.firstSkipped == nil {
		r.firstSkipped = why
	}
	return nil
}

// commandBehind is the type of the commands that lead to such an event.
func commandBehind(e events.Event) string {
	switch e.(type) {
	case events.BookCreated:
		return events.TypeCreateBook
	case events.BookUpdated:
		return events.TypeUpdateBook
	default:
		return events.TypeDeleteBook
	}
}

func (r *restoring) decided(p events.Position) {
	for int(p.Partition) >= len(r.progress) {
		r.progress = append(r.progress, progress{recent: make(map[int64]bool)})
	}
	r.progress[p.Partition].add(p.Offset)
}

// progress is how far the commands of a partition are decided, as their events
// tell. The last batch may have been published in part, so there may be commands
// without an event before others that have one: they were accepted, and must be
// decided yet.
type progress struct {
	end     int64          // behind the last command that has an event
	recent  map[int64]bool // offsets of commands that have an event, the last ones at least
	present bool           // a command from the first one without an event on is still there
}

// restoreWindow is how far before the last decided command there may be one
// without an event: several times what the engine puts into a batch, as only the
// last batch of a partition can be published in part. A command before that
// without one came twice, and was decided under its first offset.
const restoreWindow = 10_000

func (p *progress) add(offset int64) {
	p.end = max(p.end, offset+1)
	p.recent[offset] = true
	if len(p.recent) > 2*restoreWindow {
		maps.DeleteFunc(p.recent, func(offset int64, _ bool) bool { return offset < p.end-restoreWindow })
	}
}

// firstOpen is the offset of the first command that may be without a decision. To
// decide one that came twice again does no harm.
func (p *progress) firstOpen() int64 {
	for offset := max(0, p.end-restoreWindow); offset < p.end; offset++ {
		if !p.recent[offset] {
			return offset
		}
	}
	return p.end
}

// command takes note of the id of a book that is yet to be created, and of where
// the commands that are still there begin.
func (r *restoring) command(record events.Record) error {
	if int(record.Partition) < len(r.progress) && !r.progress[record.Partition].present {
		r.progress[record.Partition].present = true
		r.next[record.Partition] = max(r.next[record.Partition], record.Offset)
	}
	issued, err := events.DecodeCommand(record)
	var unreadable *events.DecodeError
	if errors.As(err, &unreadable) {
		// It will be parked when its turn comes. Should it create a book one day, it is
		// the one that its key names.
		if id, err := strconv.ParseInt(string(record.Key), 10, 64); err == nil {
			r.highestID = max(r.highestID, id)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if _, creates := issued.Command.(events.CreateBook); creates {
		r.highestID = max(r.highestID, issued.Command.Book())
	}
	return nil
}

func (r *restoring) flush(ctx context.Context) error {
	if len(r.pending) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	if err := insertDecisions(b, r.pending, `ON CONFLICT (command_id) DO NOTHING`); err != nil {
		return err
	}
	b.QueuedQueries[0].Exec(func(inserted pgconn.CommandTag) error {
		r.decisions += inserted.RowsAffected() // a rejection may have been published twice
		return nil
	})
	queueNote(b, r.pending)
	if err := r.tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	r.pending = r.pending[:0]
	return nil
}

// findNext finds where deciding goes on.
func (r *restoring) findNext(ctx context.Context, cfg RestoreConfig) error {
	r.next = make(events.Offsets, len(r.progress))
	for i := range r.progress {
		r.next[i] = r.progress[i].firstOpen()
	}
	if err := cfg.Commands(ctx, slices.Clone(r.next), r.command); err != nil {
		return err
	}
	for i, p := range r.progress {
		if !p.present { // nothing is left that could be decided
			r.next[i] = p.end
		}
	}
	return nil
}

// finish sets where deciding goes on and where ids begin.
func (r *restoring) finish(ctx context.Context, cfg RestoreConfig) error {
	if r.decisions == 0 && r.highestID == 0 {
		return nil
	}
	partitions := make([]int32, len(r.next))
	for i := range partitions {
		partitions[i] = int32(i)
	}
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO checkpoints (consumer, partition, next_offset)
		SELECT $1, * FROM unnest($2::int[], $3::bigint[])
		ON CONFLICT (consumer, partition) DO UPDATE SET next_offset = excluded.next_offset`, cfg.Consumer, partitions, []int64(r.next))
	// The sequence gives the first id of a block; the next block is all above.
	b.Queue(`SELECT setval('book_ids', $1::bigint, false)`, r.highestID+1)
	return r.tx.SendBatch(ctx, b).Close()
}
