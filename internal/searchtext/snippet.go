package searchtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Snippet is the part of a text to show where there is no room for all of it: at most
// so many runes, not counting the "…" at each end where something was left out.
//
// It is the part with the most different spans, then with the most, then the first,
// and as much on both sides as there is room for; without spans it is the beginning.
// It begins and ends with whole words, where the text has spaces or is in a script
// that needs none; what is in no part short enough is cut anywhere, also a span.
//
// The spans are as [Marks.In] gives them, and so are those of the part, with their
// places in it.
func Snippet(text string, spans []Span, runes int) (part string, partSpans []Span) {
	runes = max(runes, 0)
	full := trimmed(text)
	window := full
	if utf8.RuneCountInString(text[full.Begin:full.End]) > runes {
		window = around(text, full, densest(text, full, spans, runes), runes)
	}
	before, behind := "", ""
	if window.Begin > full.Begin {
		before = "…"
	}
	if window.End < full.End {
		behind = "…"
	}
	shift := len(before) - window.Begin
	for _, s := range spans {
		if begin, end := max(s.Begin, window.Begin), min(s.End, window.End); begin < end {
			partSpans = append(partSpans, Span{begin + shift, end + shift})
		}
	}
	return before + text[window.Begin:window.End] + behind, partSpans
}

// trimmed is the text without the space around it.
func trimmed(text string) Span {
	end := len(strings.TrimRightFunc(text, unicode.IsSpace))
	return Span{len(text[:end]) - len(strings.TrimLeftFunc(text[:end], unicode.IsSpace)), end}
}

// densest is the part from one span to the same or another, within so many runes,
// that has the most different spans in it, then the most; where there is none it is
// the empty one at the beginning. A span that is longer than that is a part by itself.
func densest(text string, full Span, spans []Span, runes int) Span {
	if len(spans) == 0 {
		return Span{full.Begin, full.Begin}
	}
	// Otherwise the place with the most articles would be that of "the hobbit".
	name := func(s Span) string { return strings.ToLower(text[s.Begin:s.End]) }
	within := map[string]int{}
	var best Span
	bestDifferent, bestAll := 0, 0
	first, width, end := 0, 0, spans[0].Begin
	for last, s := range spans {
		width += utf8.RuneCountInString(text[end:s.End])
		end = s.End
		within[name(s)]++
		for ; width > runes && first < last; first++ {
			width -= utf8.RuneCountInString(text[spans[first].Begin:spans[first+1].Begin])
			left := name(spans[first])
			if within[left]--; within[left] == 0 {
				delete(within, left)
			}
		}
		different, all := len(within), last-first+1
		if different > bestDifferent || different == bestDifferent && all > bestAll {
			best, bestDifferent, bestAll = Span{spans[first].Begin, end}, different, all
		}
	}
	return best
}

// around is a part of so many runes, or up to a word less, with the group in its
// middle as far as the text reaches that far.
func around(text string, full, group Span, runes int) Span {
	room := runes - utf8.RuneCountInString(text[group.Begin:group.End])
	if room <= 0 {
		return Span{group.Begin, forward(text, group.Begin, runes)}
	}
	// What one side does not need is the other's.
	before := min(room, utf8.RuneCountInString(text[full.Begin:group.Begin]))
	behind := min(room, utf8.RuneCountInString(text[group.End:full.End]))
	before = min(before, max(room/2, room-behind))
	behind = min(behind, room-before)

	window := Span{backward(text, group.Begin, before), forward(text, group.End, behind)}
	if window.Begin > full.Begin {
		window.Begin = wordBegin(text, window.Begin, group.Begin)
	}
	if window.End < full.End {
		window.End = wordEnd(text, window.End, group.End)
	}
	return window
}

// forward is so many runes behind at.
func forward(text string, at, runes int) int {
	for range runes {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

// backward is so many runes before at.
func backward(text string, at, runes int) int {
	for range runes {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	return at
}

// wordBegin is where the first word begins from at on, up to limit; at where none does.
func wordBegin(text string, at, limit int) int {
	for i := at; i <= limit; {
		r, size := utf8.DecodeRuneInString(text[i:])
		if isInWord(r) && mayCut(text, i) {
			return i
		}
		i += max(size, 1)
	}
	return at
}

// wordEnd is where the last word ends from at back, down to limit; at where none does.
func wordEnd(text string, at, limit int) int {
	for i := at; i >= limit; {
		r, size := utf8.DecodeLastRuneInString(text[:i])
		if isInWord(r) && mayCut(text, i) {
			return i
		}
		i -= max(size, 1)
	}
	return at
}

// mayCut is whether no word is cut in two at i.
func mayCut(text string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	behind, _ := utf8.DecodeRuneInString(text[i:])
	switch {
	case unicode.In(behind, unicode.M, unicode.Cf):
		return false
	case !isInWord(before) || !isInWord(behind):
		return true
	default:
		return unicode.In(behind, unspaced...)
	}
}

// unspaced are the scripts that have no spaces between words, where a cut between any
// two characters looks natural enough.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
}

func isInWord(r rune) bool {
	return r == '\'' || isWordRune(r) || r >= utf8.RuneSelf && (unicode.Is(unicode.M, r) || isApostrophe(r))
}
