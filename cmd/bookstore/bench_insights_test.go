package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/bench/insights"
)

// It goes through a whole service in a process of its own, which is killed twice; what
// that has counted in the end, the bench itself compares.
func TestBenchInsightsMeasuresAndCompares(t *testing.T) {
	t.Parallel()
	r := bookstore(t, nil, "", "bench", "insights", "--data", benchData(t), "--searches", "3000", "--queries", "60",
		"--readers", "40", "--per-second", "500", "--seconds", "0.5", "--json")
	require.Equal(t, exitOK, r.code, r.stderr)
	var report insights.Report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Positive(t, report.ValueBytes)
	require.Len(t, report.KeepUp.Lags, 3)
	require.Positive(t, report.KeepUp.PerSecond)
	require.NotEmpty(t, report.Relations)
	require.Len(t, report.Idle, 7)
	require.Len(t, report.During, 7)
	for _, m := range append(report.Idle, report.During...) {
		require.Positive(t, m.Requests, m.Name)
		require.Zero(t, m.Failed, m.Name)
		require.Positive(t, m.P99, m.Name)
	}
	require.EqualValues(t, 600, report.Killed.Searches)
	require.Len(t, report.Killed.Left, 2)
	require.EqualValues(t, 3000+600+250, report.Killed.Counted.Searches)
	require.Equal(t, 60, report.Killed.Counted.Queries)
	require.Equal(t, 40, report.Killed.Counted.Readers)
	require.Len(t, report.Ratios, 2+3+12)
}

func TestBenchInsightsRefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	data := benchData(t)
	for flag, said := range map[string]string{
		"--searches=0":   "too few searches",
		"--queries=0":    "too few searches",
		"--readers=-1":   "too few searches",
		"--per-second=0": "need a rate",
		"--seconds=0":    "need a rate",
	} {
		r := bookstore(t, nil, "", "bench", "insights", "--data", data, flag)
		require.Equal(t, exitUsage, r.code, flag)
		require.Contains(t, r.stderr, said, flag)
	}
	r := bookstore(t, nil, "", "bench", "insights", "--data", data+".gone")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "--data FILE")
}
