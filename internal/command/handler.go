package command

import (
	"context"

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
}

// NewHandler returns a handler that publishes to log and tells outcomes of each
// decision once it is published.
func NewHandler(pool *pgxpool.Pool, log Log, outcomes *Outcomes) *Handler {
	return &Handler{outbox: &outbox{pool: pool, log: log, outcomes: outcomes}}
}

// Resume publishes what the last owner of the partitions decided but may not
// have published.
func (h *Handler) Resume(ctx context.Context, partitions []int32) error {
	return h.outbox.resume(ctx, partitions)
}

// Apply decides commands in their order. Those decided before are left out: they
// were accepted once, and change nothing again.
func (h *Handler) Apply(ctx context.Context, db postgres.Reader, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	commands := make([]events.Issued, len(records))
	commandIDs := make([]string, len(records))
	bookIDs := make([]int64, len(records))
	for i, r := range records {
		issued, err := events.DecodeCommand(r)
		if err != nil {
			return nil, nil, err
		}
		commands[i], commandIDs[i], bookIDs[i] = issued, issued.ID, issued.Command.Book()
	}
	known, err := readKnown(ctx, db, commandIDs, distinct(bookIDs))
	if err != nil {
		return nil, nil, err
	}
	var decisions []decided
	for _, issued := range commands {
		if known.commands[issued.ID] {
			continue
		}
		book := issued.Command.Book()
		d, after, err := decide(known.books[book], issued)
		if err != nil {
			return nil, nil, err
		}
		known.commands[issued.ID] = true
		known.books[book] = after
		decisions = append(decisions, d)
	}
	if len(decisions) == 0 {
		return nil, nil, nil
	}
	writes := &pgx.Batch{}
	if err := insertDecisions(writes, decisions); err != nil {
		return nil, nil, err
	}
	return writes, h.outbox.publisher(decisions), nil
}

func distinct(ids []int64) []int64 {
	seen := make(map[int64]bool, len(ids))
	out := make([]int64, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
