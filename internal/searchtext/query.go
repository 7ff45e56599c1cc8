package searchtext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"bookstore/internal/isbn"
)

// Query is what a reader asks for: all of its clauses, in the order they were
// typed in.
type Query []Clause

// Clause is a word, or a phrase: words that stand next to each other, in order, in
// one field.
type Clause struct {
	Field  Field
	Words  []string // as [Words] gives them: one, in a phrase also more
	Quoted bool     // is a phrase, also of one word: parts of words are not asked for
	Prefix bool     // the last word may go on: it is the query's last, and no quote ended it
	Also   []string // further words that are as good as the clause's own, which is one
	Typed  string   // the one word as it was typed, with whatever stood around it; or ""

	// Completions are the words that titles and authors have for a Prefix; nil where they
	// are not known or too many.
	Completions []string
}

// Field is where the words of a clause have to be.
type Field int

// Anywhere is any one field, also the description.
const (
	Anywhere Field = iota
	Title
	Author
)

// fields are the operators of the language: what stands before a word to narrow it.
var fields = map[Field]string{Title: "title:", Author: "author:"}

// quotes open a phrase and close one, each of them either: „so“, “so”, »so« and
// «so» are all in use, and no keyboard has every one.
const quotes = "\"„“”«»"

// ParseQuery reads the language of queries, in which every text is a query:
//
//   - Words ask for books that have them all.
//   - "Quoted words" are a phrase. One that is not closed goes on to the end.
//   - title: and author:, in any case, with or without a space behind, narrow what
//     follows, up to the next space or quote, or the phrase. With nothing behind
//     they are words, as is anything else with a colon.
//   - The last word may be the beginning of one that titles or authors have, or, where
//     these have none, descriptions, unless it is in closed quotes: it may still be being
//     typed.
//   - An ISBN is one word, as books have it, however it is written: among other words
//     with hyphens or without, and with spaces too where it is all there is.
//
// Without quotes, fields and ISBNs there is a clause for each of [Words]. A query has
// no clause exactly where its text has no word.
func ParseQuery(s string) Query {
	if number, ok := isbn.Parse(s); ok {
		return Query{isbnClause(s, number, Anywhere)}
	}
	var p parser
	for s = skipSpace(s); s != ""; s = skipSpace(s) {
		if field, rest, ok := cutField(s); ok {
			p.lone()
			p.field, s = field, rest
			continue
		}
		if r, size := utf8.DecodeRuneInString(s); isQuote(r) {
			phrase, rest, closed := cutQuote(s[size:])
			p.phrase(Words(phrase), closed)
			s = rest
			continue
		}
		word, rest := cutPlain(s)
		if number, ok := isbn.Parse(word); ok {
			p.query = append(p.query, isbnClause(word, number, p.field))
			p.read([]string{number}, true)
		} else {
			p.plain(word)
		}
		s = rest
	}
	p.lone()
	if n := len(p.query); n > 0 {
		p.query[n-1].Prefix = !p.closed
	}
	return p.query
}

// isbnClause asks for an ISBN or, as digits may be anything, for what was typed.
func isbnClause(typed, number string, in Field) Clause {
	c := Clause{Field: in, Words: []string{number}, Quoted: true}
	if words := Words(typed); len(words) == 1 && words[0] != number {
		c.Also = words
	}
	return c
}

// parser is what has been read of a query.
type parser struct {
	query  Query
	field  Field // where the words that come next have to be
	closed bool  // the last word was in quotes, and they were closed
}

func (p *parser) plain(text string) {
	words := Words(text)
	for _, word := range words {
		p.query = append(p.query, Clause{Field: p.field, Words: []string{word}})
	}
	if len(words) == 1 {
		p.query[len(p.query)-1].Typed = text
	}
	p.read(words, false)
}

func (p *parser) phrase(words []string, closed bool) {
	if len(words) > 0 {
		p.query = append(p.query, Clause{Field: p.field, Words: words, Quoted: true})
	}
	p.read(words, closed)
}

// read ends a field's reach at its first words: author:"" and author: - still wait
// for some.
func (p *parser) read(words []string, closed bool) {
	if len(words) > 0 {
		p.field, p.closed = Anywhere, closed
	}
}

// lone makes a word of a field that nothing has followed.
func (p *parser) lone() {
	if p.field == Anywhere {
		return
	}
	name := fields[p.field]
	p.field = Anywhere
	p.plain(name)
}

func skipSpace(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }

func isQuote(r rune) bool { return strings.ContainsRune(quotes, r) }

// cutField takes a field's name and its colon off the beginning of s.
func cutField(s string) (field Field, rest string, ok bool) {
	for field, name := range fields {
		if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			return field, s[len(name):], true
		}
	}
	return Anywhere, s, false
}

// cutQuote takes what stands before the next quote off the beginning of s, and the
// quote.
func cutQuote(s string) (inside, rest string, closed bool) {
	i := strings.IndexFunc(s, isQuote)
	if i < 0 {
		return s, "", false
	}
	_, size := utf8.DecodeRuneInString(s[i:])
	return s[:i], s[i+size:], true
}

// cutPlain takes what stands before the next space or quote off the beginning of s.
func cutPlain(s string) (plain, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || isQuote(r) })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// String is a query as it can be typed.
func (q Query) String() string {
	clauses := make([]string, len(q))
	for i, c := range q {
		text := strings.Join(c.Words, " ")
		switch {
		case c.Typed != "":
			text = c.Typed
		case c.Quoted:
			text = `"` + text + `"`
		}
		clauses[i] = fields[c.Field] + text
	}
	return strings.Join(clauses, " ")
}

// Marks is what a query asks for in one field.
func (q Query) Marks(in Field) Marks {
	var m Marks
	for _, c := range q {
		if c.Field != Anywhere && c.Field != in {
			continue
		}
		m.Words = append(append(m.Words, c.Words...), c.Also...)
		if last := len(m.Words) - len(c.Also) - 1; c.Prefix {
			m.Beginnings = append(m.Beginnings, m.Words[last])
		}
	}
	return m
}
