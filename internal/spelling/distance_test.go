package spelling_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/spelling"
)

func TestAllowed(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]int{
		"":             0,
		"of":           0,
		"war":          1,
		"dune":         1,
		"hobbits":      1,
		"tolkiens":     2,
		"воин":         1,
		"достоевскии":  2,
		"红楼梦":          1,
		"1984":         0,
		"catch22again": 0,
		"٣٤٥٦٧٨٩٠":     0,
		"\xff\xff":     0,
		"a\xff\xffb":   1,
	} {
		require.Equal(t, want, spelling.Allowed(typed), "%q", typed)
	}
}

func TestMeant(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		typed, word string
		typos       int
		ok          bool
	}{
		{"kig", "king", 1, true}, // a letter of four is missing
		{"kig", "big", 1, false}, // most words of three letters are a typo away from another
		{"kig", "kig", 0, true},
		{"ki", "king", 0, false},
		{"gmaes", "games", 1, true},
		{"gmeas", "games", 0, false},
		{"shakespaere", "shakespear", 2, true},
		{"1984", "1985", 0, false},
	} {
		typos, ok := spelling.Meant(tc.typed, tc.word)
		require.Equal(t, tc.ok, ok, "%s for %s", tc.typed, tc.word)
		if ok {
			require.Equal(t, tc.typos, typos, "%s for %s", tc.typed, tc.word)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"tolkien", "tolkien", 0},
		{"tolkine", "tolkien", 1},
		{"tolkin", "tolkien", 1},
		{"tollkien", "tolkien", 1},
		{"rolkien", "tolkien", 1},
		{"otlkien", "tolkien", 1},
		{"otlkein", "tolkien", 2},
		{"ca", "abc", 3},
		{"abcdef", "badcfe", 3},
		{"война", "воина", 1},
		{"红楼", "楼红", 1},
		{"a\xff", "a\uFFFD", 0},
	} {
		got, ok := spelling.Distance(tc.a, tc.b, 3)
		require.True(t, ok, "%q %q", tc.a, tc.b)
		require.Equal(t, tc.want, got, "%q %q", tc.a, tc.b)
		_, ok = spelling.Distance(tc.a, tc.b, tc.want-1)
		require.False(t, ok, "%q %q", tc.a, tc.b)
	}
}

func TestDistanceOfLongWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("honorificabilitudinitatibus", 10)
	got, ok := spelling.Distance("x"+long+"yz", long+"zy", 2)
	require.True(t, ok)
	require.Equal(t, 2, got)
	got, ok = spelling.Distance(long, "", math.MaxInt)
	require.True(t, ok)
	require.Equal(t, len(long), got)
	got, ok = spelling.Distance("x"+long, long+"y", math.MaxInt)
	require.True(t, ok)
	require.Equal(t, 2, got)
}

// The band, the rows and the short cuts against the plain definition.
func TestDistanceIsTheDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := words(0, 70).Draw(t, "a")
		b := a
		if rapid.Bool().Draw(t, "unlike") {
			b = words(0, 12).Draw(t, "b")
		}
		for range rapid.IntRange(0, 5).Draw(t, "typos") {
			b = mistype(t, b)
		}
		most := rapid.IntRange(-1, 80).Draw(t, "most")
		if rapid.Bool().Draw(t, "few") {
			most = min(most, 3)
		}
		want := plainDistance(a, b)
		for _, pair := range [][2]string{{string(a), string(b)}, {string(b), string(a)}} {
			got, ok := spelling.Distance(pair[0], pair[1], most)
			require.Equal(t, want <= most, ok)
			if ok {
				require.Equal(t, want, got)
			}
		}
	})
}

func TestDistanceAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts what others allocate too
	a, b := strings.Repeat("ж", 60)+"abcd", "x"+strings.Repeat("ж", 60)+"abd"
	require.Zero(t, testing.AllocsPerRun(100, func() {
		spelling.Distance(a, b, 2)
	}))
}

func BenchmarkDistance(b *testing.B) {
	for name, pair := range map[string][2]string{
		"short": {"dnue", "dune"},
		"usual": {"dostoyevski", "dostoevsky"},
		"far":   {"shakespeare", "chesterton"},
		"long":  {strings.Repeat("ab", 32), strings.Repeat("ba", 32)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				spelling.Distance(pair[0], pair[1], 2)
			}
		})
	}
}
