package searchtext

import (
	"strconv"
	"strings"
)

// Terms is what parts of words are looked for in, and what tells an exact title
// from a longer one: the folded title, a newline, the folded author. No word
// holds a newline, so "the title is exactly x" is "Terms begins with x\n".
func Terms(title, author string) string { return Fold(title) + "\n" + Fold(author) }

// maxDocument bounds the text form of a document, in bytes. PostgreSQL refuses a
// tsvector of more than 1 MiB, and its own form is never longer than this one.
const maxDocument = 1 << 20

// Document is a book's words as PostgreSQL's tsvector, in text form: every word
// with its position, the title's with weight A, the author's B, the
// description's C. Words that would make it too long are left out, from the end.
func Document(title, author, description string) string {
	var b strings.Builder
	position := 0
	for _, field := range []struct {
		text   string
		weight byte
	}{{title, 'A'}, {author, 'B'}, {description, 'C'}} {
		for _, word := range Words(field.text) {
			const punctuation = len("'':16383A ")
			if b.Len()+len(word)+punctuation > maxDocument {
				return b.String()
			}
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			// From 16383 on PostgreSQL takes every position for that one.
			position = min(position+1, 16383)
			b.WriteByte('\'')
			b.WriteString(word)
			b.WriteString("':")
			b.WriteString(strconv.Itoa(position))
			b.WriteByte(field.weight)
		}
	}
	return b.String()
}

// Match is the tsquery, in text form, of documents that have word.
func Match(word string) string { return "'" + word + "'" }

// MatchPrefix is the tsquery, in text form, of documents that have a word which
// begins with prefix.
func MatchPrefix(prefix string) string { return "'" + prefix + "':*" }
