package mistakes_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"bookstore/internal/bench/mistakes"
)

func TestFits(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{"dune": true, "sea": false, "": false, "Márquez": true, "1984": false, "o'brien": false, "война": false} {
		require.Equal(t, want, mistakes.Fits(word), word)
	}
}

func TestATypoIsOneLetter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	lengths := map[int]int{}
	firstLetter := 0
	for range 1000 {
		wrong := mistakes.Typo(r, "dragon")
		require.NotEqual(t, "dragon", wrong)
		lengths[utf8.RuneCountInString(wrong)]++
		if wrong[0] != 'd' {
			firstLetter++
		}
		require.LessOrEqual(t, edits([]rune("dragon"), []rune(wrong)), 1, wrong)
	}
	require.Len(t, lengths, 3, "one letter less, as many, one more")
	require.Positive(t, firstLetter)
}

func TestASwapKeepsTheLetters(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		swapped, ok := mistakes.Swap(r, "seen")
		require.True(t, ok)
		require.NotEqual(t, "seen", swapped)
		letters := []rune(swapped)
		slices.Sort(letters)
		require.Equal(t, "eens", string(letters))
	}
	_, ok := mistakes.Swap(r, "aaaa")
	require.False(t, ok)
}

// edits is Levenshtein's distance.
func edits(a, b []rune) int {
	if len(a) == 0 || len(b) == 0 {
		return len(a) + len(b)
	}
	if a[0] == b[0] {
		return edits(a[1:], b[1:])
	}
	return 1 + min(edits(a[1:], b), edits(a, b[1:]), edits(a[1:], b[1:]))
}
