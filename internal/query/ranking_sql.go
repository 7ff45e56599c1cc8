package query

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// rankingTimeout is how long the database may work on a ranking. What is asked for by
	// one request at a time can't pile up; with the time limit of other queries a store
	// that grew would some day have no trends at all.
	rankingTimeout = 10 * time.Second

	// slot is how long the slots are in which the projection counts searches: a window
	// begins with one.
	slot = 5 * time.Minute

	// rankedBooks is how many books of a query are kept: more than are shown, as some may
	// be deleted meanwhile.
	rankedBooks = 2 * MaxTrendBooks
)

// ranking returns the ranking of a window, which may be a minute old.
func (c *Catalog) ranking(ctx context.Context, window Window) (*ranking, error) {
	return c.rankings[window].get(ctx, c.now, c.rankingReader(window))
}

// KeepRankings renews the rankings that readers ask for, so that none of them waits for it,
// until ctx ends. Without it, the first to find one too old makes it anew.
func (c *Catalog) KeepRankings(ctx context.Context) {
	var keepers sync.WaitGroup
	for window := range c.rankings {
		keepers.Go(func() {
			tick := time.NewTicker(keepInterval)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					c.rankings[window].keep(ctx, c.now, c.rankingReader(Window(window)))
				case <-ctx.Done():
					return
				}
			}
		})
	}
	keepers.Wait()
}

func (c *Catalog) rankingReader(window Window) func(context.Context) (*ranking, error) {
	return func(ctx context.Context) (*ranking, error) { return c.readRanking(ctx, window) }
}

// readRanking counts the queries of a window.
func (c *Catalog) readRanking(ctx context.Context, window Window) (*ranking, error) {
	sql, args := rankingOfAllTime, []any{}
	if length := windows[window].length; length > 0 {
		sql, args = rankingSince, []any{c.now().Add(-length).UTC().Truncate(slot)}
	}
	read := &ranking{}
	err := c.readWhole(ctx, rankingTimeout, selected{sql, args, func(row pgx.CollectableRow) error {
		var q rankedQuery
		err := row.Scan(&q.query, &q.searches, &q.readers, &q.books)
		read.queries = append(read.queries, q)
		return err
	}})
	if err != nil {
		return nil, fmt.Errorf("read trends of window %s: %w", windows[window].name, err)
	}
	read.books = scoreTrending(read.queries)
	return read, nil
}

// rankingOfAllTime is in the order of an index.
var rankingOfAllTime = rankingStatement(`
	SELECT query, searches, readers, anonymous, first_at, books FROM trends_queries
	ORDER BY readers DESC, anonymous DESC, first_at DESC, query`)

// rankingSince counts from a time on, at which a slot begins: that no reader's last search
// is in the window whose slot is not.
//
// Readers decide, so slots are added up only for queries that may be among the first by
// their readers.
var rankingSince = rankingStatement(`
	SELECT query, sent.searches, sent.readers, sent.anonymous, first_at, books
	FROM (
		SELECT query, seen.readers, sum(searches)::bigint AS searches, sum(anonymous)::bigint AS anonymous
		FROM (
			SELECT query, count(*) AS readers FROM trends_readers WHERE last_at >= $1
			GROUP BY query ORDER BY readers DESC FETCH FIRST ` + fmt.Sprint(MaxTrends) + ` ROWS WITH TIES
		) AS seen
		JOIN trends_slots USING (query) WHERE slot >= $1
		GROUP BY query, seen.readers
	) AS sent
	JOIN trends_queries USING (query)
	ORDER BY sent.readers DESC, sent.anonymous DESC, first_at DESC, query`)

// rankingStatement adds to the first queries the form that most searches of them had; of
// forms of as many, the first by its bytes. Like all statements it begins with the view
// that a switch begins with, see snapshotOf.
func rankingStatement(queries string) string {
	return `
		SELECT form.form, first.searches, first.readers, first.books[1:` + fmt.Sprint(rankedBooks) + `]
		FROM (SELECT generation FROM trends_generation) AS active
		CROSS JOIN (` + queries + ` LIMIT ` + fmt.Sprint(MaxTrends) + `) AS first
		CROSS JOIN LATERAL (
			SELECT form FROM trends_forms WHERE trends_forms.query = first.query ORDER BY trends_forms.searches DESC, form LIMIT 1
		) AS form
		ORDER BY first.readers DESC, first.anonymous DESC, first.first_at DESC, first.query`
}
