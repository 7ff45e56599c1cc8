package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/bench/relevance"
	"bookstore/internal/bench/search"
)

const benchBooks = `title,authors,original_publication_year
"The Hollow Sea (The Tide Singers, #1)","M.R. Calloway, Ana Brühl",2008
The Theory of Small Rivers,Ötzi van der Meer,1999
Songs of the Marsh,Anonymous,-720
A Guide to the Sea,Joe Park,
`

func benchData(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "books.csv")
	require.NoError(t, os.WriteFile(path, []byte(benchBooks), 0o600))
	return path
}

// It goes through a whole service, twice.
func TestBenchSearchMeasuresEachSize(t *testing.T) {
	t.Parallel()
	r := bookstore(t, nil, "", "bench", "search", "--data", benchData(t),
		"--books", "60,30", "--connections", "2", "--seconds", "0.05", "--indexing", "50", "--json")
	require.Equal(t, exitOK, r.code, r.stderr)
	var report search.Report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Len(t, report.Sizes, 2)
	require.Equal(t, 30, report.Sizes[0].Books)
	require.Equal(t, 60, report.Sizes[1].Books)
	require.Len(t, report.Ratios, 7)
	require.Nil(t, report.Sizes[0].Indexing, "new books are for the largest")
	indexing := report.Sizes[1].Indexing
	require.Positive(t, indexing.Idle.Requests)
	require.Equal(t, indexing.Idle.Requests, indexing.During.Requests, "at the same rate, for as long")
	require.Zero(t, indexing.Idle.Failed+indexing.During.Failed)
	require.Equal(t, 1000, indexing.Backlog)
	require.Positive(t, indexing.BacklogPerSecond)
	for _, s := range report.Sizes {
		require.Positive(t, s.DatabaseBytes)
		require.NotEmpty(t, s.Relations)
		require.GreaterOrEqual(t, len(s.Kinds), 8)
		require.Positive(t, s.Writes.PerSecond)
		for _, m := range append(s.Kinds, s.Lookup, s.Mix, s.Direct) {
			require.Positive(t, m.Requests, m.Name)
			require.Zero(t, m.Failed, m.Name)
			require.Positive(t, m.P99, m.Name)
		}
	}
}

func TestBenchRelevancePrintsTheHalvesAskedFor(t *testing.T) {
	t.Parallel()
	r := bookstore(t, nil, "", "bench", "relevance", "--data", benchData(t), "--queries", "4", "--held-out", "--json")
	require.Equal(t, exitOK, r.code, r.stderr)
	var report relevance.Report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Equal(t, 4, report.Books)
	require.Len(t, report.Halves, 2)
}

func TestSearchBenchesRefuseWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	data := benchData(t)
	for _, c := range []struct{ bench, flag, said string }{
		{"search", "--books=0", "at least one book"},
		{"search", "--connections=0", "too few connections"},
		{"search", "--seconds=0", "some time"},
		{"search", "--indexing=-1", "need a rate"},
		{"relevance", "--queries=0", "too few queries"},
		{"relevance", "--misses=-1", "--misses"},
	} {
		r := bookstore(t, nil, "", "bench", c.bench, "--data", data, c.flag)
		require.Equal(t, exitUsage, r.code, c.flag)
		require.Contains(t, r.stderr, c.said, c.flag)
	}
	for _, bench := range []string{"search", "relevance"} {
		r := bookstore(t, nil, "", "bench", bench, "--data", data+".gone")
		require.Equal(t, exitFailed, r.code)
		require.Contains(t, r.stderr, "--data FILE")
	}
}
