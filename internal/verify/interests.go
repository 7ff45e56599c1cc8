package verify

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/searchkey"
)

// interests is what the log gives of the read model of that name: of each reader who
// is known and each query the first pages.
type interests struct {
	keys     *keys
	searches table[pair, interest]
}

type interest struct {
	times int64
	last  newest
}

// interestBooks is how many books are kept of a search.
const interestBooks = 10

func newInterests(known *keys) interests {
	return interests{known, newTable[pair, interest](InInterests, "search")}
}

func (i interest) values() []value {
	return append([]value{{"times", number(i.times)}}, i.last.values("last_")...)
}

func (i interests) add(search events.SearchServed, at events.Position) {
	query, isOne := searchkey.Query(search.Query)
	if !isOne || search.Offset != 0 || search.UserID == "" {
		return
	}
	who := i.keys.pair(query, searchkey.Reader(search.UserID))
	before, again := i.searches.rows[who]
	if !again {
		before.last = none()
	}
	i.searches.rows[who] = interest{before.times + 1, before.last.orAfter(search, at, interestBooks)}
}

func (v *verification) compareInterests(ctx context.Context, tx pgx.Tx) error {
	if v.report.Interests.NotCompared != "" {
		return nil
	}
	known, searches := v.interests.keys, v.interests.searches
	var query, reader [16]byte
	var found interest
	var lastAt time.Time
	var books []int64
	into := []any{&reader, &query, &found.times, &lastAt, &found.last.partition, &found.last.offset, &books}
	err := v.eachRow(ctx, tx, InInterests, "reader, query, times, last_at, last_partition, last_offset, books", "interests_searches", into, func() error {
		who := known.pair(query, reader)
		found.last.at, found.last.books = lastAt.UnixMicro(), digestOfBooks(books)
		expected, both := searches.meet(v, who, found, func() Difference { return known.aboutPair(who) })
		if !both || expected.last.books == found.last.books {
			return nil
		}
		return v.booksDiffer(ctx, expected.last, books, interestBooks, searches.difference(known.aboutPair(who), "books", "", ""))
	})
	if err != nil {
		return err
	}
	searches.missing(v, known.aboutPair)
	return nil
}
