package spelling_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/spelling"
)

func TestClosest(t *testing.T) {
	t.Parallel()
	for typed, tc := range map[string]struct {
		words []string
		want  []spelling.Candidate
	}{
		"tolkine": {
			[]string{"tolkien", "tolstoy", "tolkine", "tolkin"},
			[]spelling.Candidate{{"tolkine", 0}, {"tolkin", 1}, {"tolkien", 1}},
		},
		"shadwo": { // one typo only
			[]string{"shadow", "shadows", "meadow"},
			[]spelling.Candidate{{"shadow", 1}},
		},
		"mine": { // the later the typo, the likelier the word; then the alphabet
			[]string{"wine", "mint", "mind", "fine", "mane", "mines", "dune"},
			[]spelling.Candidate{{"mines", 1}, {"mind", 1}, {"mint", 1}, {"mane", 1}, {"fine", 1}, {"wine", 1}},
		},
		"shakespaere": {
			[]string{"shakespeare", "shakespear", "skakespeare", "shakers"},
			[]spelling.Candidate{{"shakespeare", 1}, {"shakespear", 2}, {"skakespeare", 2}},
		},
		"1984": {
			[]string{"1985", "1984"},
			[]spelling.Candidate{{"1984", 0}},
		},
		"зоина": {
			[]string{"воина", "зона", "дюна"},
			[]spelling.Candidate{{"зона", 1}, {"воина", 1}},
		},
	} {
		require.Equal(t, tc.want, spelling.Closest(typed, tc.words), typed)
	}
	require.Empty(t, spelling.Closest("tolkine", nil))
	require.Empty(t, spelling.Closest("tolkine", []string{"dune", ""}))
}

// PostgreSQL gives rows in any order.
func TestClosestDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typed := words(4, 10).Draw(t, "typed")
		var candidates []string
		for range rapid.IntRange(0, 20).Draw(t, "words") {
			candidates = append(candidates, string(mistype(t, typed)))
		}
		want := spelling.Closest(string(typed), candidates)
		require.Len(t, want, len(candidates), "all are one typo away")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		random.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
		require.Equal(t, want, spelling.Closest(string(typed), candidates))
	})
}

func BenchmarkClosest(b *testing.B) {
	candidates := make([]string, 0, 100)
	for i := range cap(candidates) {
		candidates = append(candidates, "dostoyevsk"+strings.Repeat("i", i%5)+string(rune('a'+i/5)))
	}
	b.ReportAllocs()
	for b.Loop() {
		spelling.Closest("dostoyevski", candidates)
	}
}
