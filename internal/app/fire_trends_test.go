package app_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

// interest is how often a word was searched for and by how many readers, on any page
// and on first pages.
type interest struct{ searches, readers, firstPages, firstReaders int64 }

// searchedFor counts one record after the other. Who works under fire is known and
// searches for one word, in lower case, so that neither folding nor hashing has a part
// in it.
func (b bookstore) searchedFor(t *testing.T) map[string]interest {
	t.Helper()
	records, _, err := b.readTopic(t.Context(), b.topics.Searches, nil)
	require.NoError(t, err)
	found := make(map[string]interest)
	seen, seenFirst := make(map[string]bool), make(map[string]bool)
	for _, r := range records {
		key := string(r.Key)
		word, _, known := strings.Cut(key, ":")
		require.True(t, known, key)
		of := found[word]
		of.searches++
		if !seen[key] {
			seen[key] = true
			of.readers++
		}
		if r.Header(events.HeaderOffset) == "0" {
			of.firstPages++
			if !seenFirst[key] {
				seenFirst[key] = true
				of.firstReaders++
			}
		}
		found[word] = of
	}
	return found
}

// countedFor is what trends and interests have counted, by how the word was typed. It
// fails where one was typed in two ways, which nobody has.
func countedFor(t *testing.T, pool *pgxpool.Pool) map[string]interest {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT (SELECT max(form) FROM trends_forms AS typed WHERE typed.query = trend.query HAVING count(*) = 1),
			trend.searches, trend.readers, coalesce(sum(interest.times), 0)::bigint, count(interest.reader)
		FROM trends_queries AS trend LEFT JOIN interests_searches AS interest ON interest.query = trend.query
		GROUP BY trend.query, trend.searches, trend.readers`)
	require.NoError(t, err)
	found := make(map[string]interest)
	var word string
	var of interest
	_, err = pgx.ForEachRow(rows, []any{&word, &of.searches, &of.readers, &of.firstPages, &of.firstReaders}, func() error {
		found[word] = of
		return nil
	})
	require.NoError(t, err)
	return found
}

// checkTrends waits until trends and interests have counted what is on the topic, to
// which searches may still come that nobody got an answer to.
func (b bookstore) checkTrends(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), caughtUpBound)
	defer cancel()
	var want, have map[string]interest
	_ = poll(ctx, func() (bool, error) { // what differs in the end says more than that there was no end
		want, have = b.searchedFor(t), countedFor(t, pool)
		return maps.Equal(want, have), nil
	})
	require.Equal(t, want, have)
}
