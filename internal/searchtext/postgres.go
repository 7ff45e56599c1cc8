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

// TSQuery is the tsquery, in text form, of documents that have all of q's clauses;
// that of a query without any is empty and finds none.
func (q Query) TSQuery() string {
	clauses := make([]string, len(q))
	for i, c := range q {
		clauses[i] = c.TSQuery()
	}
	return strings.Join(clauses, " & ")
}

// TSQuery is the tsquery, in text form, of documents that have c's words, each
// right behind the one before.
//
// The fields' positions run on, so the end of a title stands right before the
// beginning of the author. What keeps a phrase from reaching over is that all of
// its words must have the same weight. PostgreSQL keeps no position beyond 16383
// and no more than 255 of a word: a phrase behind those in a description is not
// found.
func (c Clause) TSQuery() string {
	switch {
	case c.Field == Title:
		return c.sequence("A")
	case c.Field == Author:
		return c.sequence("B")
	case len(c.Words) == 1:
		return c.sequence("") // no weight to check: the index alone can answer
	default:
		return "(" + c.sequence("A") + " | " + c.sequence("B") + " | " + c.sequence("C") + ")"
	}
}

// sequence asks for the words one behind the other, in the field of that weight.
func (c Clause) sequence(weight string) string {
	lexemes := make([]string, len(c.Words))
	for i, word := range c.Words {
		options := weight
		if c.Prefix && i == len(c.Words)-1 {
			options = "*" + options
		}
		lexemes[i] = Match(word)
		if options != "" {
			lexemes[i] += ":" + options
		}
	}
	return strings.Join(lexemes, " <-> ")
}

// PartPattern is the LIKE pattern of [Terms] that have c's word as a part of one,
// in c's field. Phrases have no parts, so it is "" for what was quoted; nor does
// any pattern find a part of a description, which Terms leave out.
func (c Clause) PartPattern() string {
	if c.Quoted {
		return ""
	}
	part := "%" + c.Words[0] + "%"
	switch c.Field {
	case Title:
		return part + "\n%"
	case Author:
		return "%\n" + part
	default:
		return part
	}
}
