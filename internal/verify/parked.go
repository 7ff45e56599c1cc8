package verify

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// positions are those of records in one topic.
type positions map[events.Position]bool

// parkedRow is a row of parked_records.
type parkedRow struct {
	model string
	events.Position
	key   []byte
	book  int64 // 0 where the key is no book's
	since time.Time
	fault string
}

// loadParked reads what the active generations have not applied, and say so: the
// rest of them must be what the log gives without that. It is reported, of books by
// key: neither difference nor none.
func (v *verification) loadParked(ctx context.Context, tx pgx.Tx) error {
	var rows []parkedRow
	err := v.eachParked(ctx, tx, func(row parkedRow) { rows = append(rows, row) })
	if err != nil {
		return err
	}
	anywhere := map[string]positions{InLog: {}, InSearches: {}, InOpens: {}}
	keys := make(map[string]bool)
	for i, from := 0, 0; i < len(rows); i++ {
		row := rows[i]
		v.parked[row.model][row.Position] = true
		anywhere[topicOf(row.model)][row.Position] = true
		if row.ofBooks() {
			keys[fmt.Sprintf("%d %q", row.Partition, row.key)] = true
		}
		if last := i == len(rows)-1; last || !row.sameLine(rows[i+1]) {
			v.cfg.Differs(rows[from].difference(i + 1 - from))
			from = i + 1
		}
	}
	v.report.Parked = Parked{
		Books: int64(len(keys)), Events: int64(len(anywhere[InLog])),
		Searches: int64(len(anywhere[InSearches])), Opens: int64(len(anywhere[InOpens])),
	}
	if err := v.loadGivenUp(ctx, tx); err != nil {
		return err
	}
	return v.loadDiscarded(ctx, tx)
}

// loadGivenUp reads which events operators have discarded.
func (v *verification) loadGivenUp(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT DISTINCT partition, record_offset FROM parked_records
		WHERE discarded_at IS NOT NULL AND consumer IN ($1, $2)`, InCatalog, InHistory)
	if err != nil {
		return fmt.Errorf("read what was discarded: %w", err)
	}
	var at events.Position
	_, err = pgx.ForEachRow(rows, []any{&at.Partition, &at.Offset}, func() error {
		v.givenUp[at] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what was discarded: %w", err)
	}
	return nil
}

// loadDiscarded reads which searches and opens operators have discarded, and which
// the active generation therefore has not applied: those that it had parked itself,
// and those that were discarded before there was this generation. Others it may well
// have applied, where only another generation's code could not.
func (v *verification) loadDiscarded(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT consumer, partition, record_offset
		FROM parked_records JOIN generations AS active ON active.projection = consumer AND active.state = 'active'
		WHERE discarded_at IS NOT NULL AND consumer IN ($1, $2, $3, $4)
			AND (parked_records.generation = active.generation OR discarded_at < active.created_at)`,
		InServed, InOpened, InTrends, InInterests)
	if err != nil {
		return fmt.Errorf("read what was discarded of searches and opens: %w", err)
	}
	var model string
	var at events.Position
	_, err = pgx.ForEachRow(rows, []any{&model, &at.Partition, &at.Offset}, func() error {
		v.discarded[model][at] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what was discarded of searches and opens: %w", err)
	}
	return nil
}

func (r parkedRow) ofBooks() bool { return topicOf(r.model) == InLog }

// sameLine says whether records wait for one another. Searches and opens never do.
func (r parkedRow) sameLine(other parkedRow) bool {
	return r.ofBooks() && r.model == other.model && r.Partition == other.Partition && bytes.Equal(r.key, other.key)
}

// difference names a line by its first record, which is the one at fault.
func (r parkedRow) difference(records int) Difference {
	log := fmt.Sprintf("%d events, the first at %s", records, r.Position)
	switch {
	case topicOf(r.model) == InSearches:
		log = fmt.Sprintf("1 search, at %s", r.Position)
	case topicOf(r.model) == InOpens:
		log = fmt.Sprintf("1 opening, at %s", r.Position)
	case records == 1:
		log = fmt.Sprintf("1 event, at %s", r.Position)
	}
	if r.book == 0 {
		log += fmt.Sprintf(", of key %q", r.key)
	}
	return Difference{
		Where: r.model, Book: r.book, Field: FieldParked, Log: log,
		Model: fmt.Sprintf("parked since %s: %s", r.since.UTC().Format(time.RFC3339), r.fault),
	}
}

// eachParked calls fn with what is parked in the active generations, the records
// of a key one after the other, as in the log.
func (v *verification) eachParked(ctx context.Context, tx pgx.Tx, fn func(parkedRow)) error {
	var models []string
	var generations []int64
	for name, model := range v.models {
		models, generations = append(models, name), append(generations, model.Generation)
	}
	rows, err := tx.Query(ctx, `
		SELECT consumer, partition, record_offset, record_key, coalesce(book_id, 0), parked_at, error FROM parked_records
		WHERE (consumer, generation) IN (SELECT * FROM unnest($1::text[], $2::bigint[])) AND discarded_at IS NULL
		ORDER BY consumer, partition, record_key, record_offset`, models, generations)
	if err != nil {
		return fmt.Errorf("read what is parked: %w", err)
	}
	var r parkedRow
	into := []any{&r.model, &r.Partition, &r.Offset, &r.key, &r.book, &r.since, &r.fault}
	_, err = pgx.ForEachRow(rows, into, func() error {
		fn(r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what is parked: %w", err)
	}
	return nil
}

// unreadable takes note of a record that can't be read, and says whether that is
// known: it is parked, or an operator has given it up. If that was a step of a book,
// the step is missing, and shows.
func (v *verification) unreadable(r events.Record) (known bool) {
	if v.givenUp[r.Position()] {
		v.report.Discarded++
		return true
	}
	known = v.parked[InCatalog][r.Position()] || v.parked[InHistory][r.Position()]
	if known {
		v.unread.records[r.Position()] = true
		v.unread.keys[string(r.Key)] = true
	}
	return known
}

// applied says whether a read model should have applied the record at a position.
func (v *verification) applied(model string, position events.Position) bool {
	return v.reached(model, position) && !v.parked[model][position]
}

// reached says whether a read model has come past a position.
func (v *verification) reached(model string, position events.Position) bool {
	return position.Offset < nextOffset(v.models[model].Position, position.Partition)
}
