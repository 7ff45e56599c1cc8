package query

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// interestsOf are the latest queries of a reader, the newest first, and to the first of
// them other readers who search for the same, the latest of each.
const interestsOf = `
	SELECT own.query, own.times, own.last_at, own.books, alike.readers
	FROM (SELECT generation FROM interests_generation) AS active
	CROSS JOIN LATERAL (
		SELECT query, times, last_at, books, row_number() OVER (ORDER BY last_at DESC, query) AS place
		FROM interests_searches WHERE reader = $1 ORDER BY last_at DESC, query LIMIT 12
	) AS own
	LEFT JOIN LATERAL (
		SELECT array_agg(reader) AS readers FROM (
			SELECT reader FROM interests_searches AS other
			WHERE own.place <= 6 AND other.query = own.query AND other.reader <> $1
			ORDER BY last_at DESC, reader LIMIT 12
		) AS latest
	) AS alike ON true
	ORDER BY own.place`

// readInterests reads the interests of a reader, and which readers share the latest of
// them.
func (c *Catalog) readInterests(ctx context.Context, reader uuid.UUID) (own []interest, alike [][]uuid.UUID, err error) {
	err = c.read(ctx, interestsOf, []any{reader}, func(row pgx.CollectableRow) error {
		var i interest
		var readers []uuid.UUID
		err := row.Scan(&i.query, &i.times, &i.last, &i.books, &readers)
		own, alike = append(own, i), append(alike, readers)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the interests of a reader: %w", err)
	}
	return own, alike, nil
}

// interestsOfEach are the latest queries of each reader, the newest first.
const interestsOfEach = `
	SELECT asked.place, latest.query, latest.times, latest.last_at, latest.books
	FROM (SELECT generation FROM interests_generation) AS active
	CROSS JOIN unnest($1::uuid[]) WITH ORDINALITY AS asked (reader, place)
	CROSS JOIN LATERAL (
		SELECT query, times, last_at, books FROM interests_searches
		WHERE interests_searches.reader = asked.reader ORDER BY last_at DESC, query LIMIT 6
	) AS latest
	ORDER BY asked.place, latest.last_at DESC, latest.query`

// readNeighbours reads the interests of readers alike into them.
func (c *Catalog) readNeighbours(ctx context.Context, alike []neighbour) error {
	if len(alike) == 0 {
		return nil
	}
	readers := make([]uuid.UUID, len(alike))
	for i, n := range alike {
		readers[i] = n.reader
	}
	err := c.read(ctx, interestsOfEach, []any{readers}, func(row pgx.CollectableRow) error {
		var place int
		var i interest
		err := row.Scan(&place, &i.query, &i.times, &i.last, &i.books)
		if err != nil {
			return err
		}
		alike[place-1].interests = append(alike[place-1].interests, i)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the interests of readers alike: %w", err)
	}
	return nil
}
