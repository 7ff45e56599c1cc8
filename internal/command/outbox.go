package command

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/events"
)

// outbox publishes decisions that are committed and notes where their events lie.
//
// Of one book, an event is sent only when the one before it is confirmed. So no
// retry, no late arrival and no second publisher can put version 8 before the
// first 7: the log may hold an event twice, but never a book's history with a hole.
type outbox struct {
	pool     *pgxpool.Pool
	log      Log
	outcomes *Outcomes
}

// publisher returns the follow-up of a batch: called again after an error, it
// goes on where it failed.
func (o *outbox) publisher(decisions []decided) func(context.Context) error {
	waves := wavesOf(decisions)
	return func(ctx context.Context) error {
		for len(waves) > 0 {
			if err := o.publish(ctx, waves[0]); err != nil {
				return err
			}
			waves = waves[1:]
		}
		return nil
	}
}

// wavesOf splits decisions so that no wave holds two of one book, keeping the
// order of each book. Nearly always that is one wave.
func wavesOf(decisions []decided) [][]decided {
	var waves [][]decided
	depth := make(map[int64]int, len(decisions))
	for _, d := range decisions {
		i := depth[d.BookID]
		depth[d.BookID]++
		if i == len(waves) {
			waves = append(waves, nil)
		}
		waves[i] = append(waves[i], d)
	}
	return waves
}

func (o *outbox) publish(ctx context.Context, wave []decided) error {
	batch := make([]events.Encoded, len(wave))
	for i, d := range wave {
		batch[i] = d.event
	}
	positions, err := o.log.Append(ctx, batch)
	if err != nil {
		return fmt.Errorf("publish %d decisions: %w", len(wave), err)
	}
	for i := range wave {
		wave[i].Event, wave[i].Published = positions[i], true
	}
	// Who waits in this process need not wait for the note.
	o.outcomes.published(wave)
	return o.note(ctx, wave)
}

// note empties the outbox of what has been published. Its commit does not wait
// for the disk: a note that is lost means the same bytes published once more.
func (o *outbox) note(ctx context.Context, wave []decided) error {
	ids := make([]string, len(wave))
	partitions := make([]int32, len(wave))
	offsets := make([]int64, len(wave))
	for i, d := range wave {
		ids[i], partitions[i], offsets[i] = d.CommandID, d.Event.Partition, d.Event.Offset
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	b.Queue(`
		UPDATE decisions SET event_partition = p.partition, event_offset = p.event_offset,
			event_value = NULL, event_headers = NULL
		FROM unnest($1::text[], $2::int[], $3::bigint[]) AS p (command_id, partition, event_offset)
		WHERE decisions.command_id = p.command_id`, ids, partitions, offsets)
	if err := o.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("note that %d decisions are published: %w", len(wave), err)
	}
	return nil
}

// resumeLimit bounds how many unpublished decisions are in memory at once.
const resumeLimit = 1000

// resume publishes what lies in the outbox of the partitions.
func (o *outbox) resume(ctx context.Context, partitions []int32) error {
	for {
		pending, err := o.pending(ctx, partitions)
		if err != nil || len(pending) == 0 {
			return err
		}
		if err := o.publisher(pending)(ctx); err != nil {
			return err
		}
	}
}

func (o *outbox) pending(ctx context.Context, partitions []int32) ([]decided, error) {
	rows, err := o.pool.Query(ctx, `
		SELECT command_id, command_type, command_hash, book_id, version, coalesce(rejection, ''), deleted,
			coalesce(created_at, 'epoch'), decided_at, event_value, event_headers
		FROM decisions WHERE event_offset IS NULL AND partition = ANY($1)
		ORDER BY partition, command_offset LIMIT $2`, partitions, resumeLimit)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	pending, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (decided, error) {
		var d decided
		var headers []byte
		if err := row.Scan(&d.CommandID, &d.CommandType, &d.CommandHash, &d.BookID, &d.Version, &d.Rejection, &d.Deleted,
			&d.CreatedAt, &d.DecidedAt, &d.event.Value, &headers); err != nil {
			return d, err
		}
		d.event.Key = events.BookKey(d.BookID)
		return d, json.Unmarshal(headers, &d.event.Headers)
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return pending, nil
}
