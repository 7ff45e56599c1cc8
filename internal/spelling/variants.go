package spelling

import (
	"hash/fnv"
	"slices"
	"unicode/utf8"
)

// Finding the candidates is symmetric deletion, after SymSpell by Wolf Garbe: where a
// word is k typos from another, deleting at most k letters of each leaves the same
// letters. A swap too is mended by deleting one of the two on both sides. The same
// holds for the first letters of both, however many are taken, since a letter that
// has been moved out of them counts as deleted on the other side. So the first few
// letters are enough to tell candidates from the rest, and long words have no more
// variants than shorter ones.

// significant is how many letters of a word count.
const significant = 7

// Variants are the numbers to store a word of the vocabulary under, sorted and each
// once: hashes of its first 7 letters, and of what is left with up to two deleted. A
// word of
//
//   - 1 or 2 letters has none: what they may be mistyped as is not taken for them,
//   - 3 letters has 1, the word itself: only a letter added to it makes 4,
//   - 4, 5 or 6 letters has 5, 6 or 7: with one deleted; two typos are allowed in 8
//     letters and more, which one letter deleted from 6 is enough to meet,
//   - 7 or more letters has 29: with up to two of its first 7 deleted,
//
// and fewer where letters repeat.
//
// The numbers are written into databases: they are the same on every machine and
// never change.
func Variants(word string) []int32 {
	letters, all := firstLetters(word)
	switch {
	case all < 3:
		return nil
	case all == 3:
		return deletions(letters, 0)
	case all <= 6:
		return deletions(letters, 1)
	default:
		return deletions(letters, 2)
	}
}

// Lookup gives the numbers under which candidates are stored for what was typed,
// sorted and each once: every word that may be [Meant] by it has one of them among its
// [Variants], as have some others by chance. Where no typo is allowed there are none, nor
// is the word itself found. 3 letters have 1 number, as only a letter left out made them
// so few; 4 to 7 letters have 5 to 8 numbers, more have 29.
func Lookup(typed string) []int32 {
	typos := Allowed(typed)
	if typos == 0 {
		return nil
	}
	letters, all := firstLetters(typed)
	if all == 3 {
		return deletions(letters, 0)
	}
	return deletions(letters, typos)
}

// firstLetters gives those letters of a word that count, and how many it has in all.
func firstLetters(word string) (first []rune, all int) {
	first = make([]rune, 0, significant)
	for _, r := range word {
		if all < significant {
			first = append(first, r)
		}
		all++
	}
	return first, all
}

// deletions are the hashes of what is left of the letters with up to most of them,
// which is at most two, deleted.
func deletions(letters []rune, most int) []int32 {
	const none = -1
	n := len(letters)
	numbers := make([]int32, 0, 1+n+n*(n-1)/2)
	numbers = append(numbers, hashWithout(letters, none, none))
	for i := 0; i < n && most >= 1; i++ {
		numbers = append(numbers, hashWithout(letters, i, none))
		for j := i + 1; j < n && most >= 2; j++ {
			numbers = append(numbers, hashWithout(letters, i, j))
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// hashWithout is the 32-bit FNV-1a hash of the letters, in UTF-8, without the i-th and
// the j-th.
func hashWithout(letters []rune, i, j int) int32 {
	var buffer [significant * 4]byte
	left := buffer[:0]
	for at, letter := range letters {
		if at != i && at != j {
			left = utf8.AppendRune(left, letter)
		}
	}
	hash := fnv.New32a()
	_, _ = hash.Write(left) // never fails
	return int32(hash.Sum32())
}
