package spelling

import (
	"cmp"
	"slices"
	"strings"
)

// Candidate is a word that may have been meant.
type Candidate struct {
	Word  string
	Typos int // from what was typed; 0 is the same word
}

// Closest gives those of the words that may have been [Meant] by what was typed, the
// likeliest first: with the fewest typos, then with the most letters alike from
// the first on, since people rarely mistype the first one, then by the alphabet. The
// order of words does not matter.
func Closest(typed string, words []string) []Candidate {
	type ranked struct {
		Candidate
		shared int
	}
	var near []ranked
	for _, word := range words {
		if typos, ok := Meant(typed, word); ok {
			near = append(near, ranked{Candidate{word, typos}, sharedLetters(typed, word)})
		}
	}
	slices.SortFunc(near, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.Typos, b.Typos), cmp.Compare(b.shared, a.shared), strings.Compare(a.Word, b.Word))
	})
	closest := make([]Candidate, len(near))
	for i, r := range near {
		closest[i] = r.Candidate
	}
	return closest
}
