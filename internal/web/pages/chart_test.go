package pages

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func chartOf(t *testing.T, text string) chart {
	t.Helper()
	var a activity
	require.NoError(t, json.Unmarshal([]byte(text), &a))
	return newChart(a)
}

func TestChartDrawsWhatIsKnown(t *testing.T) {
	t.Parallel()
	c := chartOf(t, `{"seconds":[
		{"at":"2026-01-01T00:00:00Z","searches":null,"writes":null},
		{"at":"2026-01-01T00:00:01Z","searches":10,"writes":null},
		{"at":"2026-01-01T00:00:02Z","searches":40,"writes":3},
		{"at":"2026-01-01T00:00:03Z","searches":12,"writes":null},
		{"at":"2026-01-01T00:00:04Z","searches":null,"writes":null}]}`)
	require.Equal(t, "M150.0 80.0h0L300.0 20.0L450.0 76.0", c.Searches.Path)
	require.Equal(t, "M300.0 94.0h0", c.Writes.Path, "a second alone is a dot")
	require.Equal(t, series{Path: c.Searches.Path, Known: true, Now: 12, Most: 40}, c.Searches)
	require.Equal(t, series{Path: c.Writes.Path, Known: true, Now: 3, Most: 3}, c.Writes)
	require.Equal(t, amount(50), c.Top)
	require.Equal(t, amount(25), c.Middle)
	require.Equal(t, lasting(5), c.Span)
}

func TestChartOfNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{}`, `{"seconds":[]}`, `{"seconds":[{"at":"2026-01-01T00:00:00Z","searches":null,"writes":null}]}`} {
		c := chartOf(t, text)
		require.False(t, c.Searches.Known)
		require.Empty(t, c.Searches.Path)
		require.Equal(t, amount(10), c.Top)
	}
	one := chartOf(t, `{"seconds":[{"at":"2026-01-01T00:00:00Z","searches":5,"writes":0}]}`)
	require.Equal(t, "M0.0 50.0h0", one.Searches.Path)
	require.Equal(t, "M0.0 100.0h0", one.Writes.Path)
}

func TestAxisEndsAtARoundNumber(t *testing.T) {
	t.Parallel()
	for most, want := range map[float64]float64{
		0: 10, 10: 10, 10.1: 20, 20: 20, 49: 50, 51: 100, 1000: 1000, 12_345: 20_000, math.Inf(1): math.MaxInt32,
	} {
		require.Equal(t, want, axisTop(most), "%v", most)
	}
}
