package projection

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
)

// Apply implements [Projection]. It fails with [*events.DecodeError] for each record
// that can't be read, joined.
//
// Batches of other lanes and processes may count the same books at the same moment.
// Each adds in one statement, and all in the order of the ids: of two that meet at a
// book one waits for the other to commit, and never both. That holds with several
// generations too, which every batch writes one after the other.
func (t Tally) Apply(_ context.Context, _ postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error) {
	counts := make(map[int64]int64)
	var faults []error
	for _, r := range records {
		if err := t.count(r, counts); err != nil {
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil || len(counts) == 0 {
		return nil, err
	}
	books := slices.Sorted(maps.Keys(counts))
	times := make([]int64, len(books))
	for i, book := range books {
		times[i] = counts[book]
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		INSERT INTO `+t.books(generation)+` AS before (book_id, times)
		SELECT book_id, times FROM unnest($1::bigint[], $2::bigint[]) AS new (book_id, times) ORDER BY book_id
		ON CONFLICT (book_id) DO UPDATE SET times = before.times + excluded.times`, books, times)
	return batch, nil
}

// count adds the books of a record.
func (t Tally) count(r events.Record, counts map[int64]int64) error {
	if t.source == Opens {
		opened, err := events.DecodeOpened(r)
		if err != nil {
			return err
		}
		counts[opened.Book]++
		return nil
	}
	_, books, err := events.DecodeSearchIDs(r)
	if err != nil {
		return err
	}
	for _, book := range books {
		counts[book]++
	}
	return nil
}
