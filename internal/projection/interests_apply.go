package projection

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/searchkey"
)

// maxInterestBooks is how many of the books that a search was served are kept: what
// comes behind them was hardly looked at.
const maxInterestBooks = 10

// Apply implements [Projection]. It fails with [*events.DecodeError] for each record
// that can't be read, joined. Of batches that meet see [Trends.Apply].
func (Interests) Apply(_ context.Context, _ postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error) {
	interests := make(map[[2]uuid.UUID]*interest) // by reader and query
	err := eachSearch(records, func(_ events.Record, s searched) error {
		if !s.first || s.reader == searchkey.Nobody {
			return nil
		}
		s.page.books = s.page.books[:min(len(s.page.books), maxInterestBooks)]
		key := [2]uuid.UUID{s.reader, s.query}
		i := interests[key]
		if i == nil {
			i = &interest{newest: s.page}
			interests[key] = i
		}
		i.times++
		if s.page.newerThan(i.newest) {
			i.newest = s.page
		}
		return nil
	})
	if err != nil || len(interests) == 0 {
		return nil, err
	}
	return interestWrites(generation, interests), nil
}

// interest is what a batch adds to a reader's interest in a query.
type interest struct {
	times  int64
	newest page
}

func interestWrites(generation int64, interests map[[2]uuid.UUID]*interest) *pgx.Batch {
	var (
		readers, queries [][16]byte
		times            []int64
		newest           pageColumns
	)
	for key, i := range interests {
		readers = append(readers, key[0])
		queries = append(queries, key[1])
		times = append(times, i.times)
		newest.add(&i.newest)
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		INSERT INTO `+tableName(interestsSearches, generation)+` AS before
			(reader, query, times, books, last_at, last_partition, last_offset)
		SELECT reader, query, times, books::bigint[], last_at, last_partition, last_offset
		FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[], $6::int[], $7::bigint[])
			AS new (reader, query, times, books, last_at, last_partition, last_offset)
		ORDER BY reader, query
		ON CONFLICT (reader, query) DO UPDATE SET
			times = before.times + excluded.times,
			`+keepNewest("books", "last_at", "last_partition", "last_offset"),
		readers, queries, times, newest.books, newest.at, newest.partitions, newest.offsets)
	return batch
}
