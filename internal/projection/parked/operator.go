package parked

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/postgres"
)

// What an operator can be refused with.
var (
	// ErrNotFound: there is no such record, or no longer: it may have been applied.
	ErrNotFound = errors.New("no such parked record")
	// ErrDiscarded: the record was given up, for good.
	ErrDiscarded = errors.New("the parked record was discarded")
)

// Filter says which records [List] returns.
type Filter struct {
	Consumer  string // "" for all
	Book      *int64 // nil for all
	Discarded bool   // those that were discarded, instead of those that wait
	After     int64  // only those with a higher id: the last one of the page before
	Limit     int    // at least 1
}

// List returns a page of records by id, which is the order in which they were
// parked. Their values and headers are left out: see [Get].
func List(ctx context.Context, db postgres.Reader, f Filter) ([]Record, error) {
	rows, err := db.Query(ctx, `
		SELECT `+about+`, `+noContents+` FROM parked_records
		WHERE ($1 = '' OR consumer = $1) AND ($2::bigint IS NULL OR book_id = $2)
			AND (discarded_at IS NOT NULL) = $3 AND id > $4
		ORDER BY id LIMIT $5`, f.Consumer, f.Book, f.Discarded, f.After, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list parked records: %w", err)
	}
	records, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list parked records: %w", err)
	}
	return records, nil
}

// Get returns a record in full, also a discarded one. It fails with [ErrNotFound].
func Get(ctx context.Context, db postgres.Reader, id int64) (Record, error) {
	rows, err := db.Query(ctx, `SELECT `+about+`, `+contents+` FROM parked_records WHERE id = $1`, id)
	if err != nil {
		return Record{}, fmt.Errorf("get parked record %d: %w", id, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Record{}, fmt.Errorf("get parked record %d: %w", id, err)
	}
	return r, nil
}

// Selection says of which records something is wanted: those that fit all of it.
// The zero value is all records that wait.
type Selection struct {
	IDs      []int64 // nil for any
	Consumer string  // "" for any
	Book     *int64  // nil for any
}

// Request leaves a wish on records for the owners of their partitions, in place of
// any earlier one, and returns their ids in order. Records that were discarded are
// not among them.
//
// A record is discarded for all generations, so a wish to discard it is left on
// it in each of them, and those ids are returned too.
//
// Where the selection names ids, all of them must be there and fit the rest of
// it, else nothing is changed: it fails with [ErrNotFound] or [ErrDiscarded].
func Request(ctx context.Context, pool *pgxpool.Pool, s Selection, wish Wish) (ids []int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		ids, err = request(ctx, tx, s, wish)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask to %s parked records: %w", wish, err)
	}
	return ids, nil
}

func request(ctx context.Context, tx pgx.Tx, s Selection, wish Wish) ([]int64, error) {
	// Locked in one order, so that two of these never deadlock.
	rows, err := tx.Query(ctx, `
		WITH chosen AS (
			SELECT id, consumer, partition, record_offset FROM parked_records
			WHERE ($1::bigint[] IS NULL OR id = ANY ($1)) AND ($2 = '' OR consumer = $2) AND ($3::bigint IS NULL OR book_id = $3)
				AND ($1::bigint[] IS NOT NULL OR discarded_at IS NULL)
		), everywhere AS (
			SELECT held.id FROM chosen JOIN parked_records AS held USING (consumer, partition, record_offset) WHERE $4
		)
		SELECT id, discarded_at IS NOT NULL FROM parked_records
		WHERE id IN (SELECT id FROM chosen UNION SELECT id FROM everywhere)
		ORDER BY id FOR UPDATE`, s.IDs, s.Consumer, s.Book, wish == Discard)
	if err != nil {
		return nil, err
	}
	waits := make(map[int64]bool)
	var ids []int64
	var id int64
	var discarded bool
	_, err = pgx.ForEachRow(rows, []any{&id, &discarded}, func() error {
		waits[id] = !discarded
		if !discarded {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range s.IDs {
		switch waits, found := waits[id]; {
		case !found:
			return nil, fmt.Errorf("record %d: %w", id, ErrNotFound)
		case !waits:
			return nil, fmt.Errorf("record %d: %w", id, ErrDiscarded)
		}
	}
	_, err = tx.Exec(ctx, `UPDATE parked_records SET request = $2 WHERE id = ANY ($1)`, ids, wish)
	return ids, err
}

// Count is how many records wait in a generation.
type Count struct {
	Consumer   string
	Generation int64
	Records    int64
	Poison     int64     // of those, not only held back
	Since      time.Time // UTC; when the first of them was parked
}

// Counts counts what waits, by consumer and generation; generations of which
// nothing does are not there. Discarded records wait for nothing.
func Counts(ctx context.Context, db postgres.Reader) ([]Count, error) {
	rows, err := db.Query(ctx, `
		SELECT consumer, generation, count(*), count(*) FILTER (WHERE poison), min(parked_at) FROM parked_records
		WHERE discarded_at IS NULL GROUP BY consumer, generation ORDER BY consumer, generation`)
	if err != nil {
		return nil, fmt.Errorf("count parked records: %w", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Count])
	if err != nil {
		return nil, fmt.Errorf("count parked records: %w", err)
	}
	for i := range counts {
		counts[i].Since = counts[i].Since.UTC()
	}
	return counts, nil
}
