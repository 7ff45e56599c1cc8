package spool_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/spool"
)

const kills = 30

// Every append that was acknowledged before kill -9 is published, in the order
// of its goroutine, once. What was not acknowledged may be there, as at most one
// record of each goroutine.
func TestKilledWhileAppending(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from := 1
	for range kills {
		acknowledged := make([][]int, childWorkers)
		for _, line := range killedChild(t, "append",
			map[string]string{"SPOOL_TEST_DIR": dir, "SPOOL_TEST_FROM": fmt.Sprint(from)}, 1+rand.IntN(500)) {
			w, n := workerAndNumber(t, line)
			acknowledged[w] = append(acknowledged[w], n)
		}

		published := make([][]int, childWorkers)
		for _, key := range drainAll(t, open(t, spool.Config{Dir: dir})) {
			w, n := workerAndNumber(t, key)
			published[w] = append(published[w], n)
		}
		for w := range childWorkers {
			for i, n := range published[w] {
				require.Equal(t, from+i, n, "worker %d", w)
			}
			extra := len(published[w]) - len(acknowledged[w])
			require.Contains(t, []int{0, 1}, extra, "worker %d", w)
			require.True(t, slices.Equal(acknowledged[w], published[w][:len(acknowledged[w])]))
		}
		require.Empty(t, setAside(t, dir))
		from += 1000
	}
}

func workerAndNumber(t *testing.T, key string) (w, n int) {
	t.Helper()
	_, err := fmt.Sscanf(key, "%d.%d", &w, &n)
	require.NoError(t, err)
	return w, n
}

// When what is killed also publishes, nothing is missing and nothing out of
// order: each kill may repeat the last records, as many as one batch.
func TestKilledWhileDraining(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	topic := filepath.Join(t.TempDir(), "topic")
	const perRound = 1_000_000
	acknowledged := make([]int, kills)
	for round := range kills {
		lines := killedChild(t, "append-and-drain", map[string]string{
			"SPOOL_TEST_DIR": dir, "SPOOL_TEST_FROM": fmt.Sprint(round * perRound), "SPOOL_TEST_TOPIC": topic,
		}, 1+rand.IntN(500))
		acknowledged[round] = len(lines)
	}
	drainInto(t, open(t, spool.Config{Dir: dir}), fileLog(topic))
	require.Empty(t, setAside(t, dir))

	content, err := os.ReadFile(topic)
	require.NoError(t, err)
	var first []int           // each number where it comes first
	place := map[int]int{}    // of a number in first
	jumps, previous := 0, -1  // of the line before, its place
	published := [kills]int{} // numbers of each round
	for _, line := range strings.Fields(string(content)) {
		n, err := strconv.Atoi(line)
		require.NoError(t, err)
		at, seen := place[n]
		if !seen {
			at = len(first)
			place[n] = at
			first = append(first, n)
			require.Equal(t, published[n/perRound], n%perRound, "missing before %d", n)
			published[n/perRound]++
		}
		if at != previous+1 {
			require.True(t, seen, "%d came too early", n)
			jumps++
		}
		previous = at
	}
	require.True(t, slices.IsSorted(first))
	require.LessOrEqual(t, jumps, kills, "only a kill repeats records")
	for round := range kills {
		require.Contains(t, []int{0, 1}, published[round]-acknowledged[round], "round %d", round)
	}
}
