package spelling_test

import (
	"slices"

	"pgregory.net/rapid"
)

// words draws words of many scripts. Their alphabets are small, so that letters repeat
// and words are near each other.
func words(shortest, longest int) *rapid.Generator[[]rune] {
	return rapid.Custom(func(t *rapid.T) []rune {
		alphabet := rapid.SampledFrom([]string{"ab", "abcdefghijklmnopqrstuvwxyz", "абвгдежз", "αβγδε", "红楼梦战争", "해리포터", "कखगघा", "𝒳𝒴𝒵é\uFFFD"}).Draw(t, "alphabet")
		return rapid.SliceOfN(rapid.SampledFrom([]rune(alphabet)), shortest, longest).Draw(t, "word")
	})
}

// mistype draws a typo and makes it in word.
func mistype(t *rapid.T, word []rune) []rune {
	word = slices.Clone(word)
	letter := func() rune { return rapid.SampledFrom(append([]rune("abxя红"), word...)).Draw(t, "letter") }
	at := rapid.IntRange(0, max(0, len(word)-1)).Draw(t, "at")
	switch typo := rapid.SampledFrom([]string{"add", "leave out", "replace", "swap"}).Draw(t, "typo"); {
	case typo == "add" || len(word) == 0:
		return slices.Insert(word, rapid.IntRange(0, len(word)).Draw(t, "before"), letter())
	case typo == "leave out":
		return slices.Delete(word, at, at+1)
	case typo == "replace":
		word[at] = letter()
	case at > 0:
		word[at-1], word[at] = word[at], word[at-1]
	}
	return word
}

// plainDistance is the optimal string alignment distance as its definition has it.
func plainDistance(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			d[i][j] = min(replaced, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
