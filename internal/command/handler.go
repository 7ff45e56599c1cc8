package command

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// Log appends events, in order, and says where they lie.
type Log interface {
	Append(ctx context.Context, batch []events.Encoded) ([]events.Position, error)
}

// Handler decides commands. It runs on the engine of checkpointed consumers,
// which calls it with batches and commits what it writes together with the
// position in the commands topic.
type Handler struct {
	outbox *outbox
	tried  tried
}

// NewHandler returns a handler that publishes to log and tells outcomes of each
// decision once it is published.
func NewHandler(pool *pgxpool.Pool, log Log, outcomes *Outcomes) *Handler {
	return &Handler{
		outbox: &outbox{pool: pool, log: log, outcomes: outcomes},
		tried:  tried{batches: make(map[int32]int64)},
	}
}

// Resume publishes what the last owner of the partitions decided but may not
// have published.
func (h *Handler) Resume(ctx context.Context, partitions []int32) error {
	return h.outbox.resume(ctx, partitions)
}

// Apply decides commands in their order. Those decided before are left out: they
// were accepted once, and change nothing again.
//
// A batch that only creates books is decided without looking at the database
// first: each under an id that was never used, by a command that was never
// decided. What the database then has to say against it, by its unique indexes,
// undoes the batch, and it is decided again with a look.
func (h *Handler) Apply(ctx context.Context, db postgres.Reader, _ int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	commands, err := decodeCommands(records)
	if err != nil {
		return nil, nil, err
	}
	known := known{commands: make(map[string]bool), books: make(map[int64]Book)}
	if h.tried.before(records[0].Position()) || !onlyCreates(commands) {
		if known, err = readKnown(ctx, db, commands); err != nil {
			return nil, nil, err
		}
	}
	decisions, err := decideAll(known, commands)
	if err != nil || len(decisions) == 0 {
		return nil, nil, err
	}
	writes := &pgx.Batch{}
	if err := insertDecisions(writes, decisions, ""); err != nil {
		return nil, nil, err
	}
	return writes, h.outbox.publisher(decisions, known.unpublished), nil
}

// decodeCommands fails with all that can't be read, joined: the engine parks them
// together, and not one try after the other.
func decodeCommands(records []events.Record) ([]events.Issued, error) {
	commands := make([]events.Issued, len(records))
	var faults []error
	for i, r := range records {
		var err error
		if commands[i], err = events.DecodeCommand(r); err != nil {
			faults = append(faults, err)
		}
	}
	return commands, errors.Join(faults...)
}

func onlyCreates(commands []events.Issued) bool {
	for _, issued := range commands {
		if _, creates := issued.Command.(events.CreateBook); !creates {
			return false
		}
	}
	return true
}

// decideAll decides commands one after the other, each in the state that the one
// before has left.
func decideAll(known known, commands []events.Issued) ([]decided, error) {
	var decisions []decided
	for _, issued := range commands {
		if known.commands[issued.ID] {
			continue
		}
		book := issued.Command.Book()
		d, after, err := decide(known.books[book], issued)
		if err != nil {
			return nil, err
		}
		known.commands[issued.ID] = true
		known.books[book] = after
		decisions = append(decisions, d)
	}
	return decisions, nil
}

// tried remembers the furthest begin of a batch that was tried, by the partition of
// its first record. A batch that begins there again is one that was undone, and one
// that begins before is of commands that were parked, or a database that was set back.
type tried struct {
	mu      sync.Mutex
	batches map[int32]int64
}

func (t *tried) before(first events.Position) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	offset, tried := t.batches[first.Partition]
	t.batches[first.Partition] = max(offset, first.Offset)
	return tried && first.Offset <= offset
}
