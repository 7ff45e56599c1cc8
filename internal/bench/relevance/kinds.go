package relevance

import (
	"math/rand/v2"
	"strings"

	"bookstore/internal/bench/mistakes"
)

// kind is one way to ask for a book.
type kind struct {
	name string
	// What is wanted on the held-out half, of success@5 and success@1; 0: nothing was set.
	wanted5, wanted1 float64
	// ask makes a query from a book, and says how many books it fits equally well,
	// that one included; false where the kind does not apply to the book.
	ask func(*catalogue, entry, *rand.Rand) (text string, alike int, ok bool)
}

var kinds = []kind{
	{name: "exact title", wanted5: 0.99, ask: exactTitle},
	{name: "title without its bracket", wanted5: 0.98, ask: bareTitle},
	{name: "first words", ask: firstWords},
	{name: "two title words", wanted5: 0.90, ask: titleWords(2)},
	{name: "three title words", wanted5: 0.90, ask: titleWords(3)},
	{name: "author and a word", wanted5: 0.95, ask: authorAndWord},
	{name: "one typo", wanted5: 0.93, ask: mistaken(func(r *rand.Rand, word string) (string, bool) { return mistakes.Typo(r, word), true })},
	{name: "swapped letters", wanted5: 0.90, ask: mistaken(mistakes.Swap)},
	{name: "missing accents", ask: missingAccents},
	{name: "prefix", wanted5: 0.90, ask: prefix},
	{name: "ISBN", wanted1: 1, ask: number},
}

// enough is how many titles may begin like a query for it to be fair: as many as
// people see at once.
const enough = 5

func exactTitle(c *catalogue, e entry, _ *rand.Rand) (string, int, bool) {
	return e.Title, c.titles[foldedText(e.Title)], len(e.words) > 0
}

func bareTitle(c *catalogue, e entry, _ *rand.Rand) (string, int, bool) {
	return e.bare, c.bare[foldedText(e.bare)], e.bracket && len(e.words) > 0
}

// firstWords takes as many as make the book known, at least two, and not all.
func firstWords(c *catalogue, e entry, _ *rand.Rand) (string, int, bool) {
	const least = 2
	for n := least; n < len(e.words); n++ {
		alike := c.beginning(strings.Join(foldAll(e.words[:n]), " "), true)
		if alike <= enough || n == len(e.words)-1 {
			return strings.Join(e.words[:n], " "), alike, true
		}
	}
	return "", 0, false
}

func titleWords(n int) func(*catalogue, entry, *rand.Rand) (string, int, bool) {
	return func(c *catalogue, e entry, _ *rand.Rand) (string, int, bool) {
		words := c.distinctive(e, n)
		if words == nil {
			return "", 0, false
		}
		return strings.Join(words, " "), c.having(words, ""), true
	}
}

func authorAndWord(c *catalogue, e entry, _ *rand.Rand) (string, int, bool) {
	word := c.distinctive(e, 1)
	if word == nil || e.family == "" {
		return "", 0, false
	}
	return e.family + " " + word[0], c.having(word, e.family), true
}

// fewWords are asked for in full where a mistake is to be made; of longer titles
// people type the words that matter.
const fewWords = 6

// mistaken asks for the title without its bracket, or for two of its words, with a
// mistake in one of the words.
func mistaken(mistake func(*rand.Rand, string) (string, bool)) func(*catalogue, entry, *rand.Rand) (string, int, bool) {
	return func(c *catalogue, e entry, r *rand.Rand) (string, int, bool) {
		words, alike := e.words, c.bare[foldedText(e.bare)]
		if two := c.distinctive(e, 2); two != nil && (len(words) > fewWords || r.IntN(2) == 0) {
			words, alike = two, c.having(two, "")
		}
		var fitting []int
		for i, word := range words {
			if mistakes.Fits(word) {
				fitting = append(fitting, i)
			}
		}
		if len(fitting) == 0 {
			return "", 0, false
		}
		const tries = 10
		for range tries {
			at := fitting[r.IntN(len(fitting))]
			wrong, ok := mistake(r, words[at])
			if !ok || c.isWord(wrong) { // then it would ask for another book
				continue
			}
			query := append(append(append([]string{}, words[:at]...), wrong), words[at+1:]...)
			return strings.Join(query, " "), alike, true
		}
		return "", 0, false
	}
}

// missingAccents asks for a title that has some, or else for its author, if the name
// has some, and a word.
func missingAccents(c *catalogue, e entry, r *rand.Rand) (string, int, bool) {
	title := strings.Join(e.words, " ")
	if plain := withoutAccents(title); plain != title {
		return plain, c.bare[foldedText(e.bare)], true
	}
	if withoutAccents(e.family) == e.family {
		return "", 0, false
	}
	query, alike, ok := authorAndWord(c, e, r)
	return withoutAccents(query), alike, ok
}

// prefix is a title that is still being typed: far enough for the book to be known,
// and not to its end.
func prefix(c *catalogue, e entry, r *rand.Rand) (string, int, bool) {
	const least, further = 4, 3
	title := []rune(strings.Join(e.words, " "))
	cut := least
	for cut < len(title) && c.beginning(begun(title, cut), false) > enough {
		cut++
	}
	cut = min(cut+r.IntN(further), len(title)-1)
	if cut < least {
		return "", 0, false
	}
	return strings.TrimSpace(string(title[:cut])), c.beginning(begun(title, cut), false), true
}

// begun is the folded beginning of a title.
func begun(title []rune, runes int) string {
	return strings.Join(foldAll(strings.Fields(string(title[:runes]))), " ")
}

// number asks for a book's ISBN: as thirteen digits or ten, and in one piece or, as on
// the back of a book, in several.
func number(c *catalogue, e entry, r *rand.Rand) (string, int, bool) {
	if e.ISBN == "" {
		return "", 0, false
	}
	inPieces := r.IntN(2) == 0
	text, first := e.ISBN, len("978")
	if ten, ok := isbn10(e.ISBN); ok && r.IntN(2) == 0 {
		text, first = ten, 0
	}
	if inPieces {
		const publisher, title, check = 1, 4, 9 // where they begin; it is not always there
		text = strings.TrimPrefix(strings.Join([]string{
			text[:first], text[first:][:publisher], text[first:][publisher:title], text[first:][title:check], text[first:][check:],
		}, "-"), "-")
	}
	return text, c.isbns[e.ISBN], true
}

// isbn10 returns the ten characters of an ISBN-13; only those that begin with 978 have
// any.
func isbn10(isbn13 string) (string, bool) {
	body, ok := strings.CutPrefix(isbn13, "978")
	if !ok {
		return "", false
	}
	body = body[:9]
	sum := 0
	for i, digit := range body {
		sum += (10 - i) * int(digit-'0')
	}
	return body + string("0123456789X"[(11-sum%11)%11]), true
}
