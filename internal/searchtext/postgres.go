package searchtext

import "strconv"

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
	b := make([]byte, 0, 2*(len(title)+len(author)+len(description)))
	position := 0
	for _, field := range []struct {
		text   string
		weight byte
	}{{title, 'A'}, {author, 'B'}, {description, 'C'}} {
		for _, word := range Words(field.text) {
			const punctuation = len("'':16383A ")
			if len(b)+len(word)+punctuation > maxDocument {
				return string(b)
			}
			if len(b) > 0 {
				b = append(b, ' ')
			}
			// From 16383 on PostgreSQL takes every position for that one.
			position = min(position+1, 16383)
			b = append(b, '\'')
			b = append(b, word...)
			b = append(b, '\'', ':')
			b = strconv.AppendInt(b, int64(position), 10)
			b = append(b, field.weight)
		}
	}
	return string(b)
}

// Match is the tsquery, in text form, of documents that have word.
func Match(word string) string { return "'" + word + "'" }

// MatchPrefix is the tsquery, in text form, of documents that have a word which
// begins with prefix.
func MatchPrefix(prefix string) string { return "'" + prefix + "':*" }
