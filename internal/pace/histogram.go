package pace

import (
	"math"
	"slices"
	"time"
)

// The buckets of a histogram: the first holds all up to shortest, each other one is
// bucketGrowth times as wide as the one before it, and the last holds all from 100
// seconds on. They are a format: rows of query_windows are read by other processes.
const (
	shortest     = 10 * time.Microsecond
	bucketGrowth = 1.05
	buckets      = 332 // 1 + log(100 s / 10 µs) / log(1.05), rounded up
)

var logGrowth = math.Log(bucketGrowth)

// bucketOf returns the bucket that counts d.
func bucketOf(d time.Duration) int {
	if d <= shortest {
		return 0
	}
	return min(1+int(math.Log(float64(d)/float64(shortest))/logGrowth), buckets-1)
}

// histogram counts queries by bucket. Empty buckets at its end may be missing.
type histogram []int64

// add adds the counts of other, as if its queries had been counted in h too.
func (h *histogram) add(other histogram) {
	other = other[:min(len(other), buckets)]
	if missing := len(other) - len(*h); missing > 0 {
		*h = append(*h, make(histogram, missing)...)
	}
	for i, n := range other {
		(*h)[i] += n
	}
}

// total returns how many queries were counted.
func (h histogram) total() int64 {
	var n int64
	for _, count := range h {
		n += count
	}
	return n
}

// p99 returns the duration that 99 in 100 queries did not exceed, and 0 when there
// were none. It is in the same bucket as the exact one, and so at most 5 % off
// between 10 µs and 100 s. It is interpolated in that bucket: the loop that follows
// it would otherwise see steps of 5 % where there are none.
func (h histogram) p99() time.Duration {
	total := h.total()
	if total == 0 {
		return 0
	}
	rank := (99*total + 99) / 100 // rounded up: the nearest rank
	for i, n := range h {
		if rank > n {
			rank -= n
			continue
		}
		if i == 0 {
			return shortest
		}
		within := (float64(rank) - 0.5) / float64(n)
		return time.Duration(float64(shortest) * math.Pow(bucketGrowth, float64(i-1)+within))
	}
	return 0 // not reached: the rank is at most the total
}

// trimmed returns h without the empty buckets at its end.
func (h histogram) trimmed() histogram {
	end := len(h)
	for end > 0 && h[end-1] == 0 {
		end--
	}
	return slices.Clip(h[:end])
}
