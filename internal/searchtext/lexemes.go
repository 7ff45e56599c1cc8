package searchtext

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text is what of a book can be searched.
type Text struct{ Title, Author, Description, ISBN string }

// A lexeme is a word, or, told by its first character, something else: words hold
// letters and digits only.
const (
	wholeTitle  = "=" // the folded title, with and without the series in brackets
	firstWord   = "^" // of the title
	namingWord  = ";" // a word of title or author
	blockOfBook = "#" // which block of ids the book is in, see [Block]
)

// Wider is a lexeme that each book has which has this one, and the share of those that
// have this one too, as a rule: one in five words of title and author begins the title,
// one in four words of a book is in its title or its author. It is "" where there is none.
func (l Lexeme) Wider() (wider Lexeme, share float64) {
	if word, is := strings.CutPrefix(l.Text, firstWord); is {
		return Lexeme{Text: namingWord + word, Prefix: l.Prefix}, 0.2
	}
	if word, is := strings.CutPrefix(l.Text, namingWord); is {
		return Lexeme{Text: word, Prefix: l.Prefix}, 0.25
	}
	return Lexeme{}, 0
}

// IsTitle says whether the lexeme is a whole title, of which there are hardly ever many.
func (l Lexeme) IsTitle() bool { return strings.HasPrefix(l.Text, wholeTitle) }

// BlockBits are the sizes of the blocks of ids, as powers of two. Searches that would
// find too many books look into the blocks of the newest first, the small ones before
// the large.
var BlockBits = [...]int{9, 11, 13, 15}

// maxWholeTitle bounds a title as a lexeme, in bytes. PostgreSQL takes no lexeme above
// 2046; whoever types that many characters has named the title.
const maxWholeTitle = 1000

// maxLexemes bounds the text form of a book's lexemes, in bytes. PostgreSQL refuses a
// tsvector of more than 1 MiB, and its own form is never longer than this one.
const maxLexemes = 1 << 20

// Lexemes is a book as PostgreSQL's tsvector, in text form.
//
// Words carry their positions, which run on from title (weight A) over author (B) to
// description (C). An index knows lexemes only: those of title and author are there a
// second time, marked, so that it can find them without all the descriptions that have
// the word too. Words that would make it too long are left out, from the end.
func Lexemes(id int64, text Text) string {
	w := lexemeWriter{text: make([]byte, 0, 128+3*(len(text.Title)+len(text.Author)+len(text.Description)))}
	for _, bits := range BlockBits {
		w.add(Block(bits, id>>bits), "")
	}
	title, author := Words(text.Title), Words(text.Author)
	if len(title) > 0 {
		w.add(firstWord, title[0])
		w.add(wholeTitle, whole(title))
		if short := Words(withoutSeries(text.Title)); len(short) > 0 && len(short) < len(title) {
			w.add(wholeTitle, whole(short))
		}
	}
	for _, naming := range [][]string{title, author} {
		for _, word := range naming {
			w.add(namingWord, word)
		}
	}
	w.addWords(title, 'A')
	w.addWords(author, 'B')
	w.addWords(Words(text.Description), 'C')
	w.addWords(Words(text.ISBN), 'D') // one, unless an event has something else there
	return string(w.text)
}

// Block is the lexeme of the books whose id, shifted right by so many bits, is n.
func Block(bits int, n int64) string { return BlockPrefix(bits) + strconv.FormatInt(n, 10) }

// BlockPrefix is what the lexemes of the blocks of 2^bits ids begin with.
func BlockPrefix(bits int) string { return blockOfBook + strconv.Itoa(bits) + ":" }

// whole is a title as a lexeme has it.
func whole(words []string) string {
	title := strings.Join(words, " ")
	if len(title) <= maxWholeTitle {
		return title
	}
	end := maxWholeTitle
	for !utf8.RuneStart(title[end]) {
		end--
	}
	return title[:end]
}

// withoutSeries is a title without the brackets at its end, where catalogues name the
// series: "The Hunger Games (The Hunger Games, #1)".
func withoutSeries(title string) string {
	title = strings.TrimSpace(title)
	if open := strings.LastIndexByte(title, '('); open > 0 && strings.HasSuffix(title, ")") {
		return title[:open]
	}
	return title
}

type lexemeWriter struct {
	text     []byte
	position int
}

// add leaves out, and says so, what would make the text too long.
func (w *lexemeWriter) add(class, word string) (added bool) {
	const punctuation = len("'':16383A ")
	if len(w.text)+len(class)+len(word)+punctuation > maxLexemes {
		return false
	}
	if len(w.text) > 0 {
		w.text = append(w.text, ' ')
	}
	w.text = append(w.text, '\'')
	w.text = append(w.text, class...)
	w.text = append(w.text, word...)
	w.text = append(w.text, '\'')
	return true
}

// addWords adds words that stand one behind the other.
func (w *lexemeWriter) addWords(words []string, weight byte) {
	for _, word := range words {
		if !w.add("", word) {
			return
		}
		// From 16383 on PostgreSQL takes every position for that one.
		w.position = min(w.position+1, 16383)
		w.text = append(w.text, ':')
		w.text = strconv.AppendInt(w.text, int64(w.position), 10)
		w.text = append(w.text, weight)
	}
}
