package insights

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/searchkey"
)

// counts are what the read models are to come to, by the places of queries and readers
// in their lists: what the service folds and hashes has no part in it.
type counts struct {
	searches   int64
	known      int64 // first pages by readers who are known
	queries    []queryCount
	interests  []interestCount
	asked      map[pair]bool
	interested map[pair]bool // of first pages
}

type pair struct{ query, reader int32 }

type queryCount struct{ searches, anonymous, readers int64 }

type interestCount struct{ times, queries int64 }

func newCounts(queries, readers int) *counts {
	return &counts{
		queries: make([]queryCount, queries), interests: make([]interestCount, readers),
		asked: make(map[pair]bool), interested: make(map[pair]bool),
	}
}

func (c *counts) note(query, reader int, firstPage bool) {
	who := pair{int32(query), int32(reader)}
	c.searches++
	c.queries[query].searches++
	if !c.asked[who] {
		c.asked[who] = true
		c.queries[query].readers++
	}
	if reader == nobody {
		c.queries[query].anonymous++
		return
	}
	if !firstPage {
		return
	}
	c.known++
	c.interests[reader].times++
	if !c.interested[who] {
		c.interested[who] = true
		c.interests[reader].queries++
	}
}

// CountError says that a service has counted something else than there was.
type CountError struct {
	What       string
	Have, Want int64
}

func (e *CountError) Error() string {
	return fmt.Sprintf("the service has %d %s where there were %d", e.Have, e.What, e.Want)
}

// Counted says what was compared, and found to be as it should.
type Counted struct {
	Searches int64 `json:"searches"`
	Queries  int   `json:"queries"` // that were searched: searches, those by nobody known, and readers of each
	Readers  int   `json:"readers"` // who are known: first pages and different queries of each
	Pairs    int   `json:"pairs"`   // of a query and a reader of it, nobody being one
}

// compare fails with a [*CountError] where a service has counted something else.
func (c *counts) compare(ctx context.Context, pool *pgxpool.Pool, keys map[uuid.UUID]int) (Counted, error) {
	for _, sum := range []struct {
		what, sql string
		want      int64
	}{
		{"searches in trends_queries", `SELECT sum(searches) FROM trends_queries`, c.searches},
		{"searches in trends_readers", `SELECT sum(searches) FROM trends_readers`, c.searches},
		{"searches in trends_slots", `SELECT sum(searches) FROM trends_slots`, c.searches},
		{"searches in trends_forms", `SELECT sum(searches) FROM trends_forms`, c.searches},
		{"pairs in trends_readers", `SELECT count(*) FROM trends_readers`, int64(len(c.asked))},
		{"pairs in interests_searches", `SELECT count(*) FROM interests_searches`, int64(len(c.interested))},
		{"searches in interests_searches", `SELECT sum(times) FROM interests_searches`, c.known},
		{"books served", `SELECT sum(times) FROM served_books`, c.searches * servedBooks},
	} {
		var have int64
		if err := pool.QueryRow(ctx, `SELECT coalesce((`+sum.sql+`), 0)`).Scan(&have); err != nil {
			return Counted{}, fmt.Errorf("count %s: %w", sum.what, err)
		}
		if have != sum.want {
			return Counted{}, &CountError{sum.what, have, sum.want}
		}
	}
	queries, err := c.compareQueries(ctx, pool, keys)
	if err != nil {
		return Counted{}, err
	}
	readers, err := c.compareInterests(ctx, pool)
	return Counted{Searches: c.searches, Queries: queries, Readers: readers, Pairs: len(c.asked)}, err
}

// compareQueries returns how many queries there are. The sums being right, what is
// missing here is somewhere else too much.
func (c *counts) compareQueries(ctx context.Context, pool *pgxpool.Pool, keys map[uuid.UUID]int) (n int, err error) {
	rows, err := pool.Query(ctx, `SELECT query, searches, anonymous, readers FROM trends_queries`)
	if err != nil {
		return 0, fmt.Errorf("read trends: %w", err)
	}
	var key uuid.UUID
	var have queryCount
	_, err = pgx.ForEachRow(rows, []any{&key, &have.searches, &have.anonymous, &have.readers}, func() error {
		var want queryCount
		at, known := keys[key]
		if known {
			want = c.queries[at]
		}
		n++
		return firstDifference(fmt.Sprintf("of query %s (no. %d)", key, at),
			difference{"searches", have.searches, want.searches},
			difference{"searches by nobody known", have.anonymous, want.anonymous},
			difference{"readers", have.readers, want.readers})
	})
	return n, err
}

func (c *counts) compareInterests(ctx context.Context, pool *pgxpool.Pool) (n int, err error) {
	readers := make(map[uuid.UUID]int, len(c.interests))
	for i := range c.interests {
		readers[searchkey.Reader(userID(i))] = i
	}
	rows, err := pool.Query(ctx, `SELECT reader, sum(times)::bigint, count(*) FROM interests_searches GROUP BY reader`)
	if err != nil {
		return 0, fmt.Errorf("read interests: %w", err)
	}
	var key uuid.UUID
	var have interestCount
	_, err = pgx.ForEachRow(rows, []any{&key, &have.times, &have.queries}, func() error {
		var want interestCount
		at, known := readers[key]
		if known {
			want = c.interests[at]
		}
		n++
		return firstDifference(fmt.Sprintf("of reader %s (no. %d)", key, at),
			difference{"searches", have.times, want.times}, difference{"queries", have.queries, want.queries})
	})
	return n, err
}

type difference struct {
	what       string
	have, want int64
}

// firstDifference returns a [*CountError], or nil where all are alike.
func firstDifference(of string, all ...difference) error {
	for _, d := range all {
		if d.have != d.want {
			return &CountError{d.what + " " + of, d.have, d.want}
		}
	}
	return nil
}
