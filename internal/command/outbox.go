package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

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
// goes on where it failed. Of the books in behind, the log may not have all that
// was decided before.
func (o *outbox) publisher(decisions []decided, behind map[int64]bool) func(context.Context) error {
	var waves [][]decided
	ready := false
	return func(ctx context.Context) error {
		if !ready {
			complete, err := o.withEarlier(ctx, decisions, behind)
			if err != nil {
				return err
			}
			waves, ready = wavesOf(complete), true
		}
		for len(waves) > 0 {
			if err := o.publish(ctx, waves[0]); err != nil {
				return err
			}
			waves = waves[1:]
		}
		return nil
	}
}

// withEarlier puts before decisions what comes before them in the histories of
// books and is not known to be on the log. That happens where a book's commands
// came to more than one partition: the one who decides next must not publish
// before the one who decided first, who may be slow, or dead.
func (o *outbox) withEarlier(ctx context.Context, decisions []decided, books map[int64]bool) ([]decided, error) {
	here := make(map[string]bool, len(decisions))
	latest := make(map[int64]int64, len(books))
	for _, d := range decisions {
		here[d.CommandID] = true
		if d.Accepted() && books[d.BookID] {
			latest[d.BookID] = max(latest[d.BookID], d.Version)
		}
	}
	if len(latest) == 0 {
		return decisions, nil
	}
	ids, versions := make([]int64, 0, len(latest)), make([]int64, 0, len(latest))
	for id, version := range latest {
		ids, versions = append(ids, id), append(versions, version)
	}
	earlier, err := o.read(ctx, `
		JOIN unnest($1::bigint[], $2::bigint[]) AS upto (book, latest) ON book_id = book AND version < latest
		WHERE event_offset IS NULL AND rejection IS NULL`, ids, versions)
	if err != nil {
		return nil, err
	}
	earlier = slices.DeleteFunc(earlier, func(d decided) bool { return here[d.CommandID] })
	complete := append(earlier, decisions...)
	slices.SortStableFunc(complete, func(a, b decided) int { return cmp.Compare(a.Version, b.Version) })
	return complete, nil
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
	// While only the note fails, the log must not get the same events with each try.
	if !wave[0].Published {
		if err := o.append(ctx, wave); err != nil {
			return fmt.Errorf("publish %d decisions: %w", len(wave), err)
		}
	}
	return o.note(ctx, wave)
}

func (o *outbox) append(ctx context.Context, wave []decided) error {
	batch := make([]events.Encoded, len(wave))
	for i, d := range wave {
		batch[i] = d.event
	}
	positions, err := o.log.Append(ctx, batch)
	if err != nil {
		return err
	}
	for i := range wave {
		wave[i].Event, wave[i].Published = positions[i], true
	}
	// Who waits in this process need not wait for the note.
	o.outcomes.published(wave)
	return nil
}

// note empties the outbox of what has been published. Its commit does not wait
// for the disk: a note that is lost means the same bytes published once more.
func (o *outbox) note(ctx context.Context, wave []decided) error {
	b := &pgx.Batch{}
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	queueNote(b, wave)
	if err := o.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("note that %d decisions are published: %w", len(wave), err)
	}
	return nil
}

func queueNote(b *pgx.Batch, published []decided) {
	ids := make([]string, len(published))
	partitions := make([]int32, len(published))
	offsets := make([]int64, len(published))
	for i, d := range published {
		ids[i], partitions[i], offsets[i] = d.CommandID, d.Event.Partition, d.Event.Offset
	}
	b.Queue(`
		UPDATE decisions SET event_partition = p.partition, event_offset = p.event_offset,
			event_value = NULL, event_headers = NULL
		FROM unnest($1::text[], $2::int[], $3::bigint[]) AS p (command_id, partition, event_offset)
		WHERE decisions.command_id = p.command_id`, ids, partitions, offsets)
}

// resumeLimit bounds how many unpublished decisions are in memory at once.
const resumeLimit = 1000

// resume publishes what lies in the outbox of the partitions.
func (o *outbox) resume(ctx context.Context, partitions []int32) error {
	for {
		pending, err := o.read(ctx, `
			WHERE event_offset IS NULL AND partition = ANY($1)
			ORDER BY partition, command_offset LIMIT $2`, partitions, resumeLimit)
		if err != nil || len(pending) == 0 {
			return err
		}
		books := make(map[int64]bool, len(pending))
		for _, d := range pending {
			books[d.BookID] = true
		}
		if err := o.publisher(pending, books)(ctx); err != nil {
			return err
		}
	}
}

// read returns decisions with their events, as they were written.
func (o *outbox) read(ctx context.Context, which string, args ...any) ([]decided, error) {
	rows, err := o.pool.Query(ctx, `
		SELECT command_id, command_type, command_hash, book_id, version, coalesce(rejection, ''), deleted,
			coalesce(created_at, '0001-01-01 00:00Z'), decided_at, event_value, event_headers
		FROM decisions `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (decided, error) {
		var d decided
		var headers []byte
		if err := row.Scan(&d.CommandID, &d.CommandType, &d.CommandHash, &d.BookID, &d.Version, &d.Rejection, &d.Deleted,
			&d.CreatedAt, &d.DecidedAt, &d.event.Value, &headers); err != nil {
			return d, err
		}
		d.CreatedAt, d.DecidedAt = d.CreatedAt.UTC(), d.DecidedAt.UTC()
		d.event.Key = events.BookKey(d.BookID)
		return d, json.Unmarshal(headers, &d.event.Headers)
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return found, nil
}
