package searchtext

import (
	"iter"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// located is one of [Words], and where in the text it comes from.
type located struct {
	folded []byte
	pieces []piece // that gave it, in order
}

// piece is a part of the text, usually one character, that gave a part of a word, and
// where in the folded word that part ends.
type piece struct {
	Span
	foldedEnd int
}

// span is where the word is in the text, from its first letter to its last: an
// apostrophe, which folding drops, belongs to it only between letters.
func (w *located) span() Span {
	return Span{w.pieces[0].Begin, w.pieces[len(w.pieces)-1].End}
}

// locate gives Words(text) with their places. A word is good until the next.
//
// Folding has no positions: marks change their order, letters fall away, become
// several, or one with the letter behind them. So the text is cut into pieces that
// fold by themselves as they do in the text, as small as can be, and the words are
// put together from what each piece folds to, by the rules of foldWords.
func locate(text string) iter.Seq[*located] {
	return func(yield func(*located) bool) {
		var word located
		runes := 0
		for begin := 0; begin < len(text); {
			end, from, folded := nextPiece(text, begin)
			begin = end
			for _, r := range folded {
				switch {
				case r == '\'' || r == '`':
				case isWordRune(r):
					if runes < MaxWord {
						word.add(lower(r), from)
						runes++
					}
				case runes > 0:
					if !yield(&word) {
						return
					}
					word.folded, word.pieces, runes = word.folded[:0], word.pieces[:0], 0
				}
			}
		}
		if runes > 0 {
			yield(&word)
		}
	}
}

// add puts a letter that comes from a piece at the end of the word.
func (w *located) add(letter rune, from Span) {
	w.folded = utf8.AppendRune(w.folded, letter)
	if last := len(w.pieces) - 1; last >= 0 && w.pieces[last].Span == from {
		w.pieces[last].foldedEnd = len(w.folded)
		return
	}
	w.pieces = append(w.pieces, piece{from, len(w.folded)})
}

// nextPiece gives where the piece that begins there ends, and what of it folds to what,
// but for ASCII case and punctuation.
func nextPiece(text string, begin int) (end int, from Span, folded string) {
	first, size := utf8.DecodeRuneInString(text[begin:])
	end = begin + size
	for end < len(text) && !beginsPiece(text, end) {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	switch {
	case first < utf8.RuneSelf && end == begin+1:
		return end, Span{begin, end}, text[begin:end]
	case first != utf8.RuneError && end == begin+size:
		return end, Span{begin, end}, foldingOf(first).text
	default:
		return end, trimApostrophes(text, Span{begin, end}), decompose(text[begin:end])
	}
}

// beginsPiece is whether what stands before i has no influence on how the rest folds,
// nor the rest on that. False is always safe, and costs a cut at i.
func beginsPiece(text string, i int) bool {
	r, size := utf8.DecodeRuneInString(text[i:])
	switch {
	case r < utf8.RuneSelf:
		return true
	case r == utf8.RuneError && size == 1:
		// Bytes that are no character may become one where an apostrophe between them goes.
		before, size := utf8.DecodeLastRuneInString(text[:i])
		return (before != utf8.RuneError || size > 1) && !isApostrophe(before)
	default:
		return foldingOf(r).begins
	}
}

// trimApostrophes takes off what folds to nothing and is no mark on a letter either,
// most often the closing one of 'single quotes'.
func trimApostrophes(text string, s Span) Span {
	for s.Begin < s.End {
		r, size := utf8.DecodeLastRuneInString(text[s.Begin:s.End])
		if !isApostrophe(r) {
			break
		}
		s.End -= size
	}
	for s.Begin < s.End {
		r, size := utf8.DecodeRuneInString(text[s.Begin:s.End])
		if !isApostrophe(r) {
			break
		}
		s.Begin += size
	}
	return s
}

// isApostrophe is whether decompose drops r before all else.
func isApostrophe(r rune) bool {
	return r >= utf8.RuneSelf && apostrophes.Replace(string(r)) == ""
}

// folding is what decompose does to a character.
type folding struct {
	text   string // it becomes this where it stands alone
	begins bool   // it folds alike behind any other character, which folds alike too
}

func newFolding(r rune) folding {
	alone := string(r)
	text := decompose(alone)
	return folding{
		text: text,
		// What falls away may have been a mark or an apostrophe within something. What does not
		// must neither change places with what stands before it nor become one with that.
		begins: text != "" &&
			norm.NFKD.PropertiesString(alone).BoundaryBefore() &&
			norm.NFC.PropertiesString(text).BoundaryBefore(),
	}
}

// foldings remembers what characters fold to, since decomposing each by itself takes
// several times as long as the whole text at once. A page is filled when one of its
// characters is first seen; all of them together take 4 MB.
var foldings [foldingsEnd / foldingsPage]atomic.Pointer[[foldingsPage]folding]

const (
	foldingsPage = 256
	foldingsEnd  = 0x20000 // behind it are only rare ideographs, which are not remembered
)

func foldingOf(r rune) folding {
	if r >= foldingsEnd {
		return newFolding(r)
	}
	page := foldings[r/foldingsPage].Load()
	if page == nil {
		page = new([foldingsPage]folding)
		for i := range page {
			page[i] = newFolding(r - r%foldingsPage + rune(i))
		}
		foldings[r/foldingsPage].Store(page) // any other's is the same
	}
	return page[r%foldingsPage]
}
