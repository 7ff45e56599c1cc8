package mistakes

import (
	"math/rand/v2"
	"slices"
	"unicode"
)

// MinWord is how many letters a word needs for a mistake to leave it recognisable.
const MinWord = 4

// Fits says whether a word can take a mistake: it is of Latin letters only, which is
// what [Typo] types, and has enough of them.
func Fits(word string) bool {
	runes := []rune(word)
	for _, r := range runes {
		if !unicode.Is(unicode.Latin, r) {
			return false
		}
	}
	return len(runes) >= MinWord
}

// Typo returns word with one letter wrong, too few or too many, wherever: people
// miss the first letter too. The word must be one that [Fits].
func Typo(r *rand.Rand, word string) string {
	runes := []rune(word)
	at := r.IntN(len(runes))
	switch r.IntN(3) {
	case 0:
		runes[at] = otherLetter(r, runes[at])
	case 1:
		runes = slices.Delete(runes, at, at+1)
	default:
		runes = slices.Insert(runes, at, otherLetter(r, runes[at]))
	}
	return string(runes)
}

// Swap returns word with two neighbouring letters in each other's place; false where
// all are the same letter.
func Swap(r *rand.Rand, word string) (string, bool) {
	runes := []rune(word)
	var places []int
	for i := range len(runes) - 1 {
		if unicode.ToLower(runes[i]) != unicode.ToLower(runes[i+1]) {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return word, false
	}
	at := places[r.IntN(len(places))]
	runes[at], runes[at+1] = runes[at+1], runes[at]
	return string(runes), true
}

// otherLetter returns a lower-case letter that is not the given one.
func otherLetter(r *rand.Rand, letter rune) rune {
	const letters = 26
	other := 'a' + rune(r.IntN(letters))
	if other == unicode.ToLower(letter) {
		other = 'a' + (other-'a'+1)%letters
	}
	return other
}
