package pace

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// durations draws what queries may take, as often short as long.
func durations(t *rapid.T, name string) []time.Duration {
	inRange := rapid.Custom(func(t *rapid.T) time.Duration {
		unit := rapid.SampledFrom([]time.Duration{time.Microsecond, time.Millisecond, time.Second}).Draw(t, "unit")
		return min(100*time.Second-1, max(shortest+1, time.Duration(rapid.Int64Range(1, int64(1000*unit)).Draw(t, "took"))))
	})
	return rapid.SliceOfN(inRange, 0, 400).Draw(t, name)
}

func counted(took ...time.Duration) histogram {
	h := make(histogram, buckets)
	for _, d := range took {
		h[bucketOf(d)]++
	}
	return h.trimmed()
}

// exactP99 is the definition: the nearest rank.
func exactP99(took []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[(99*len(sorted)+99)/100-1]
}

func TestP99IsWithinABucketOfTheExactOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		took := append(durations(t, "took"), time.Millisecond)
		exact, got := exactP99(took), counted(took...).p99()
		require.InDelta(t, 1, float64(got)/float64(exact), bucketGrowth-1+1e-6)
		require.Equal(t, bucketOf(exact), bucketOf(got), "%v is not near %v", got, exact)
	})
}

func TestMergingIsConcatenating(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := durations(t, "a"), durations(t, "b")
		merged := slices.Clone(counted(a...))
		merged.add(counted(b...))
		require.Equal(t, counted(append(a, b...)...), merged)
		require.EqualValues(t, len(a)+len(b), merged.total())
	})
}

func TestBucketsAtTheirEdges(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{-time.Second, 0, 1, shortest} {
		require.Zero(t, bucketOf(took))
		require.Equal(t, shortest, counted(took).p99())
	}
	require.Equal(t, 1, bucketOf(shortest+1))
	require.Equal(t, buckets-1, bucketOf(100*time.Second), "the last is reached")
	require.Less(t, bucketOf(95*time.Second), buckets-1)
	require.Equal(t, buckets-1, bucketOf(time.Hour))

	require.Zero(t, histogram{}.p99())
	require.Empty(t, make(histogram, buckets).trimmed())

	var h histogram
	h.add(make(histogram, 2*buckets)) // of another program
	require.Len(t, h, buckets)
}
