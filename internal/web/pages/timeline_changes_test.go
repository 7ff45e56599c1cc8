package pages

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever two texts are, what is shown of them is short, and shows that they differ.
func TestCutTextsStillDiffer(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.SampledFrom([]rune("aab \n字😀")), 0, 600, -1)
	rapid.Check(t, func(t *rapid.T) {
		from, to := text.Draw(t, "from"), text.Draw(t, "to")
		if rapid.Bool().Draw(t, "edited") { // and not another altogether
			runes := []rune(from)
			at := rapid.IntRange(0, len(runes)).Draw(t, "at")
			until := min(at+rapid.IntRange(0, 5).Draw(t, "cut"), len(runes))
			to = string(runes[:at]) + rapid.StringN(0, 5, -1).Draw(t, "put in") + string(runes[until:])
		}
		a, b := cutAround(from, to)
		if from == to {
			return
		}
		require.NotEqual(t, a, b)
		for _, shown := range []string{a, b} {
			require.True(t, utf8.ValidString(shown))
			require.LessOrEqual(t, utf8.RuneCountInString(shown), differsText+2*aroundText+2)
		}
	})
}

func TestALongTextIsCutToItsChange(t *testing.T) {
	t.Parallel()
	const filler = "It is a truth universally acknowledged that a single man wants a wife. "
	long := filler + filler + filler
	from, to := cutAround(long+"Old words."+long, long+"New words."+long)
	require.Equal(t, "…wledged that a single man wants a wife. Old words.It is a truth universally acknowl…", from)
	require.Equal(t, "…wledged that a single man wants a wife. New words.It is a truth universally acknowl…", to)
}
