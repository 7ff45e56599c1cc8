package spelling_test

import (
	"hash/fnv"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/spelling"
)

// These numbers are in databases. Where this test fails, no word that was stored before is
// found any more.
func TestVariantsNeverChange(t *testing.T) {
	t.Parallel()
	for word, want := range map[string][]int32{
		"of":     {},
		"war":    {400737157},
		"dune":   {-932524954, -716295453, -399437003, -315548908, 1540665645},
		"hobbit": {-1789615158, -692593120, -659876525, -206042169, 1383552959, 1572498121},
		"достоевскии": {
			-2077691894, -2050961386, -2000628529, -1559949439, -1552512860, -1543171820,
			-1171603329, -1134832077, -1050943982, -916970084, -761919613, -757565827,
			-756487794, -261403667, -136694031, 49731084, 116841560, 201344152, 234284893,
			318787485, 419520803, 864012003, 992069857, 1125273160, 1190374216, 1267053407,
			1307817549, 1379702025, 1874268831,
		},
	} {
		require.Equal(t, want, append([]int32{}, spelling.Variants(word)...), word)
	}
}

// Anyone can compute the same: they are FNV-1a of what is left.
func TestVariantsAreHashesOfWhatIsLeft(t *testing.T) {
	t.Parallel()
	for word, left := range map[string][]string{
		"of":         {},
		"war":        {"war"},
		"dune":       {"dune", "une", "dne", "due", "dun"},
		"emma":       {"emma", "mma", "ema", "emm"},
		"дюна":       {"дюна", "юна", "дна", "дюа", "дюн"},
		"aaaaaaaaaa": {"aaaaaaa", "aaaaaa", "aaaaa"},
	} {
		var want []int32
		for _, letters := range left {
			hash := fnv.New32a()
			_, err := hash.Write([]byte(letters))
			require.NoError(t, err)
			want = append(want, int32(hash.Sum32()))
		}
		slices.Sort(want)
		require.Equal(t, want, spelling.Variants(word), word)
	}
}

func TestHowManyVariants(t *testing.T) {
	t.Parallel()
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for n, want := range []int{0, 0, 0, 1, 5, 6, 7, 29, 29, 29} {
		require.Len(t, spelling.Variants(letters[:n]), want, "%d letters", n)
	}
	for n, want := range []int{0, 0, 0, 1, 5, 6, 7, 8, 29, 29} {
		require.Len(t, spelling.Lookup(letters[:n]), want, "%d letters", n)
	}
	require.Empty(t, spelling.Lookup("1984"))
}

func TestNumbersAreSortedAndUnique(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.String(), rapid.Map(words(0, 12), func(w []rune) string { return string(w) })).Draw(t, "word")
		for _, numbers := range [][]int32{spelling.Variants(word), spelling.Lookup(word)} {
			for i := 1; i < len(numbers); i++ {
				require.Less(t, numbers[i-1], numbers[i])
			}
		}
	})
}

// What all of this is for: no word that is near enough is missed.
func TestWhatIsNearIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := words(1, 14).Draw(t, "word")
		typed := word
		for range rapid.IntRange(0, 2).Draw(t, "typos") {
			typed = mistype(t, typed)
		}
		requireFound(t, string(typed), string(word))
	})
}

// Two letters are enough for every pattern of repeats, and few enough to try all.
func TestWhatIsNearIsFoundAmongAllWords(t *testing.T) {
	t.Parallel()
	var all []string
	for length := 1; length <= 10; length++ {
		for bits := range 1 << length {
			word := make([]byte, length)
			for i := range word {
				word[i] = 'a' + byte(bits>>i&1)
			}
			all = append(all, string(word))
		}
	}
	variants := make(map[string][]int32, len(all))
	for _, word := range all {
		variants[word] = spelling.Variants(word)
	}
	for _, typed := range all {
		lookup := spelling.Lookup(typed)
		if len(lookup) == 0 {
			continue
		}
		for _, word := range all {
			if _, meant := spelling.Meant(typed, word); meant && !intersect(lookup, variants[word]) {
				require.Fail(t, "missed", "typed %q, word %q", typed, word)
			}
		}
	}
}

func requireFound(t require.TestingT, typed, word string) {
	if _, meant := spelling.Meant(typed, word); meant && spelling.Allowed(typed) > 0 {
		require.True(t, intersect(spelling.Lookup(typed), spelling.Variants(word)), "typed %q, word %q", typed, word)
	}
}

func intersect(a, b []int32) bool {
	return slices.ContainsFunc(a, func(number int32) bool {
		_, found := slices.BinarySearch(b, number)
		return found
	})
}

func BenchmarkVariants(b *testing.B) {
	for _, word := range []string{"war", "dune", "hobbit", "dostoevsky", "достоевскии"} {
		b.Run(word, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				spelling.Variants(word)
			}
		})
	}
}
