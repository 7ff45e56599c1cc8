package query

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// How much of what readers search for is looked at; all of it the latest.
const (
	ownInterests   = 12 // of the reader who asks
	sharedInterest = 6  // of those, for which other readers are looked up
	readersOfEach  = 12 // other readers, of each of these
	neighbours     = 8  // of all other readers, those who share most
	neighboursOwn  = 5  // interests, of each of them
)

// interestsOf are the interests of a reader, and of readers who share most of the latest
// of them: of those who share as many, the ones who share a newer one. The reader who asks
// has place 0. It is one statement so that it takes one round trip.
//
// Where interests are looked up, they are in the order of an index, and nothing else
// decides: to sort what thousands have searched for would take longer than all the rest.
var interestsOf = fmt.Sprintf(`
	SELECT of.place, of.shared, latest.query, latest.times, latest.last_at, latest.books
	FROM (SELECT generation FROM interests_generation) AS active
	CROSS JOIN LATERAL (
		SELECT 0 AS place, $1::uuid AS reader, NULL::uuid[] AS shared
		UNION ALL (
			SELECT row_number() OVER (ORDER BY count(*) DESC, min(own.place), other.reader) AS place, other.reader, array_agg(own.query)
			FROM (
				SELECT query, row_number() OVER (ORDER BY last_at DESC) AS place
				FROM interests_searches WHERE reader = $1 ORDER BY last_at DESC LIMIT %d
			) AS own
			CROSS JOIN LATERAL (
				SELECT reader FROM interests_searches AS same
				WHERE same.query = own.query AND same.reader <> $1 ORDER BY last_at DESC LIMIT %d
			) AS other
			GROUP BY other.reader ORDER BY place LIMIT %d
		)
	) AS of
	CROSS JOIN LATERAL (
		SELECT query, times, last_at, books FROM interests_searches
		WHERE interests_searches.reader = of.reader ORDER BY last_at DESC LIMIT CASE of.place WHEN 0 THEN %d ELSE %d END
	) AS latest
	ORDER BY of.place, latest.last_at DESC`,
	sharedInterest, readersOfEach, neighbours, ownInterests, neighboursOwn)

// readInterests reads what a reader and those alike search for.
func (c *Catalog) readInterests(ctx context.Context, reader uuid.UUID) (own []interest, alike []neighbour, err error) {
	err = c.read(ctx, interestsOf, []any{reader}, func(row pgx.CollectableRow) error {
		var place int
		var shared []uuid.UUID
		var i interest
		if err := row.Scan(&place, &shared, &i.query, &i.times, &i.last, &i.books); err != nil {
			return err
		}
		if place == 0 {
			own = append(own, i)
			return nil
		}
		if place > len(alike) {
			alike = append(alike, neighbour{shared: shared})
		}
		of := &alike[len(alike)-1]
		of.interests = append(of.interests, i)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the interests of a reader: %w", err)
	}
	return own, alike, nil
}
