package spelling

import (
	"unicode"
	"unicode/utf8"
)

// Allowed is how many typos what was typed may have: none in fewer than 3 letters, one in
// up to 7, two in longer words. Three letters may be a word of four that one is missing
// of, see [Meant]. A word with a digit in it allows none: 1984 is not a mistyped 1985.
func Allowed(typed string) int {
	letters := 0
	for _, r := range typed {
		if unicode.IsDigit(r) {
			return 0
		}
		letters++
	}
	switch {
	case letters < 3:
		return 0
	case letters < 8:
		return 1
	default:
		return 2
	}
}

// Meant counts the typos that make what was typed of a word, and says whether they are
// few enough for it to have been meant: within [Allowed], and in a word of at least 4
// letters, as most that are shorter are a typo away from another. Every word is itself.
func Meant(typed, word string) (typos int, ok bool) {
	const shortest = 4
	typos, ok = Distance(typed, word, Allowed(typed))
	return typos, ok && (typos == 0 || utf8.RuneCountInString(typed) >= shortest || utf8.RuneCountInString(word) >= shortest)
}

// onStack is how many runes of a word are compared without allocating.
const onStack = 64

// Distance counts the typos between two words: letters left out, added, replaced, and
// neighbours swapped, one each. It is false, and the distance of no meaning, where
// there are more than most.
//
// This is the optimal string alignment distance: no letter is mended twice, so "ca"
// is three from "abc" and not the two of Damerau and Levenshtein's. It counts the same
// in both directions. Cells further than most from the diagonal are not computed,
// which makes it linear in the words' length.
func Distance(a, b string, most int) (int, bool) {
	var bufferA, bufferB [onStack]rune
	as, bs := trimCommon(appendRunes(bufferA[:0], a), appendRunes(bufferB[:0], b))
	if len(as) > len(bs) {
		as, bs = bs, as
	}
	if len(bs)-len(as) > most {
		return 0, false
	}
	if len(as) == 0 {
		return len(bs), true
	}
	most = min(most, len(bs)) // no words are further apart

	// Rows of the distances between as[:i] and every bs[:j]. A swap looks two rows back.
	var buffer [3 * (onStack + 1)]int
	cells := buffer[:]
	width := len(bs) + 1
	if 3*width > len(cells) {
		cells = make([]int, 3*width)
	}
	above2, above, row := cells[:width], cells[width:2*width], cells[2*width:3*width]
	far := most + 1 // further than anybody asks for, so as good as any such number
	for j := range above {
		above[j] = min(j, far)
	}
	for i := 1; i <= len(as); i++ {
		from, to := max(1, i-most), min(len(bs), i+most)
		row[from-1] = far
		if from == 1 {
			row[0] = min(i, far)
		}
		nearest := row[from-1]
		for j := from; j <= to; j++ {
			cell := above[j-1]
			if as[i-1] != bs[j-1] {
				cell = 1 + min(cell, above[j], row[j-1])
				if i > 1 && j > 1 && as[i-1] == bs[j-2] && as[i-2] == bs[j-1] {
					cell = min(cell, above2[j-2]+1)
				}
			}
			row[j] = min(cell, far)
			nearest = min(nearest, row[j])
		}
		if to < len(bs) {
			row[to+1] = far // the next row reaches one further
		}
		if nearest == far {
			return 0, false // what comes below is no nearer
		}
		above2, above, row = above, row, above2
	}
	distance := above[len(bs)]
	return distance, distance <= most
}

// appendRunes is []rune(s), which would allocate.
func appendRunes(runes []rune, s string) []rune {
	for _, r := range s {
		runes = append(runes, r)
	}
	return runes
}

// trimCommon takes off the letters that both begin and end with: most of what a word
// and its typo are.
func trimCommon(a, b []rune) ([]rune, []rune) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

// sharedLetters is how many letters a and b begin with alike.
func sharedLetters(a, b string) int {
	shared := 0
	for a != "" && b != "" {
		ra, sizeA := utf8.DecodeRuneInString(a)
		rb, sizeB := utf8.DecodeRuneInString(b)
		if ra != rb {
			break
		}
		shared++
		a, b = a[sizeA:], b[sizeB:]
	}
	return shared
}
