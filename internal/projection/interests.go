package projection

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Interests is the projection of what each reader searches: what is recommended to a
// reader is made of it, and of what it says of readers alike. Only first pages count,
// as who turns a page is at the same search still, and only readers who are known.
//
// Queries see it as two views: interests_searches (generation, and the columns of the
// table, see [Interests.Create]) and interests_generation (one row, also while nothing
// was searched).
//
// What [Trends] says of times and of order holds here too.
type Interests struct{}

// Name implements [Projection].
func (Interests) Name() string { return "interests" }

// Version implements [Projection].
func (Interests) Version() int { return 1 }

// Source implements [Projection].
func (Interests) Source() Source { return Searches }

// interestsSearches is the table of interests, without its generation.
const interestsSearches = "interests_searches"

// Tables implements [Projection].
func (Interests) Tables() []Table {
	return []Table{{Name: interestsSearches, Key: []string{"reader", "query"}}}
}

// Create implements [Projection]. It fails where the table exists: what it holds is
// not known to be what the log gives.
func (Interests) Create(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := execAll(ctx, tx, `CREATE TABLE `+tableName(interestsSearches, generation)+` (
		reader uuid   NOT NULL,
		query  uuid   NOT NULL,
		times  bigint NOT NULL,

		-- The newest of these searches, by time and then by place in the log, and the
		-- first books that it was served, which may be none.
		last_at        timestamptz NOT NULL,
		last_partition int         NOT NULL,
		last_offset    bigint      NOT NULL,
		books          bigint[]    NOT NULL,
		PRIMARY KEY (reader, query)
	)`)
	if err != nil {
		return fmt.Errorf("create interests generation %d: %w", generation, err)
	}
	return nil
}

// Indexes implements [Projection].
func (Interests) Indexes(generation int64) []Index {
	index := func(name, columns string) Index {
		return Index{
			Name: TableName(name, generation),
			SQL:  `CREATE INDEX ` + tableName(name, generation) + ` ON ` + tableName(interestsSearches, generation) + ` ` + columns,
		}
	}
	return []Index{
		index("interests_searches_reader", `(reader, last_at DESC)`),
		index("interests_searches_query", `(query, last_at DESC) INCLUDE (reader)`),
	}
}

// Activate implements [Projection]; see [Catalog.Activate] for the order.
func (Interests) Activate(ctx context.Context, tx pgx.Tx, generation int64) error {
	err := replaceView(ctx, tx, "interests_generation", fmt.Sprintf(`SELECT %d::bigint AS generation`, generation))
	if err == nil {
		err = replaceView(ctx, tx, interestsSearches, fmt.Sprintf(`
			SELECT %d::bigint AS generation, reader, query, times, last_at, last_partition, last_offset, books
			FROM %s`, generation, tableName(interestsSearches, generation)))
	}
	if err != nil {
		return fmt.Errorf("activate interests generation %d: %w", generation, err)
	}
	return nil
}
