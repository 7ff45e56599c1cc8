package searchtext

import "strings"

// Scope is where in a book the words of a query may be. A clause with a [Field] of its
// own keeps to that.
type Scope int

// The scopes, each a part of the next.
const (
	InTitle Scope = iota
	InTitleOrAuthor
	InBook
)

// Condition is what a query asks of a book's lexemes.
type Condition struct {
	// Query is the condition as a tsquery, in text form.
	Query string
	Needs []Need
	// Beginning is, where it is not zero, a lexeme that begins so and without which no
	// book meets it either. It says as much as all needs together, and no statistics know
	// it.
	Beginning Lexeme
}

// Need are lexemes of which a book has to have one.
type Need struct {
	Lexemes []Lexeme
	// Completed are those without beginnings: lexemes in full, where it is known which
	// words begin so.
	Completed []Lexeme
	// Strange means that no title and no author has a word that begins so.
	Strange bool
}

// Lexeme is one lexeme, or all that begin so.
type Lexeme struct {
	Text   string
	Prefix bool
}

// Query is the lexeme as a tsquery, in text form.
func (l Lexeme) Query() string { return l.in("") }

// in is the lexeme in a field that has one of the weights; "" for any.
func (l Lexeme) in(weights string) string {
	if l.Prefix {
		weights = "*" + weights
	}
	if weights != "" {
		weights = ":" + weights
	}
	return "'" + l.Text + "'" + weights
}

// AnyOf is the tsquery of books that have one of the lexemes at least.
func AnyOf(lexemes []Lexeme) string {
	queries := make([]string, len(lexemes))
	for i, l := range lexemes {
		queries[i] = l.Query()
	}
	return oneOf(queries)
}

func oneOf(queries []string) string {
	if len(queries) == 1 {
		return queries[0]
	}
	return "(" + strings.Join(queries, " | ") + ")"
}

// In is the condition that a clause's words are within a scope.
func (c Clause) In(scope Scope) Condition {
	var condition Condition
	weights := c.weights(scope)
	class := namingWord
	if weights == "" {
		class = ""
	}
	for i, word := range c.Words {
		condition.Needs = append(condition.Needs, c.need(class, word, c.opens(i)))
	}
	if len(c.Words) > 1 {
		condition.Query = c.phrase(weights)
		return condition
	}
	// In a whole book the last word begins those that titles and authors have. To look for
	// all that descriptions have as well would cost most of a search, for the least likely
	// of its books.
	if need := condition.Needs[0]; weights == "" && len(need.Completed) > 0 {
		condition.Query = AnyOf(need.Completed)
		return condition
	}
	words := []string{Lexeme{Text: c.Words[0], Prefix: c.Prefix}.in(weights)}
	for _, other := range c.Also {
		words = append(words, Lexeme{Text: other}.in(weights))
	}
	condition.Query = oneOf(words)
	return condition
}

// need is that of a word, as lexemes of a class.
func (c Clause) need(class, word string, open bool) Need {
	words := append([]string{word}, c.Also...)
	n := Need{Lexemes: make([]Lexeme, len(words))}
	for i, word := range words {
		n.Lexemes[i] = Lexeme{Text: class + word}
	}
	if !open {
		return n
	}
	n.Lexemes[0].Prefix = true
	n.Strange = c.Completions != nil && len(c.Completions) == 0
	// A description may have a word that begins so even then, and a phrase is looked for as
	// it is.
	if c.Completions != nil && (class != "" || !n.Strange && len(c.Words) == 1) {
		n.Completed = append(n.Completed, n.Lexemes[1:]...)
		n.Completed = append(n.Completed, Lexeme{Text: class + word})
		for _, completion := range c.Completions {
			if completion != word {
				n.Completed = append(n.Completed, Lexeme{Text: class + completion})
			}
		}
	}
	return n
}

// opens says whether the clause's i-th word may go on.
func (c Clause) opens(i int) bool { return c.Prefix && i == len(c.Words)-1 }

// weights are those of the fields that a clause's words may be in; "" for any.
func (c Clause) weights(scope Scope) string {
	switch {
	case c.Field == Author:
		return "B"
	case c.Field == Title || scope == InTitle:
		return "A"
	case scope == InTitleOrAuthor:
		return "AB"
	default:
		return ""
	}
}

// phrase asks for words that stand one behind the other in one field.
//
// Positions run on, so the end of a title stands right before the beginning of the
// author. What keeps a phrase from reaching over is that all of its words must have the
// same weight. PostgreSQL keeps no position beyond 16383 and no more than 255 of a word:
// a phrase behind those in a description is not found.
func (c Clause) phrase(weights string) string {
	if weights == "" {
		weights = "ABC"
	}
	fields := make([]string, len(weights))
	for i := range weights {
		words := make([]string, len(c.Words))
		for j, word := range c.Words {
			words[j] = Lexeme{Text: word, Prefix: c.opens(j)}.in(weights[i : i+1])
		}
		fields[i] = "(" + strings.Join(words, " <-> ") + ")"
	}
	return oneOf(fields)
}

// TitleIs is the condition that a title is what the query asks for, but for the
// author's words, with or without the series in brackets; false where the query asks
// for an author only.
func (q Query) TitleIs() (Condition, bool) {
	words, _ := q.titleWords()
	return q.andAuthors(Lexeme{Text: wholeTitle + whole(words)}), len(words) > 0
}

// TitleBegins is the condition that a title begins with what the query asks for; false
// where it asks for an author only.
func (q Query) TitleBegins() (Condition, bool) {
	words, open := q.titleWords()
	if len(words) == 0 {
		return Condition{}, false
	}
	begin := whole(words)
	if !open {
		begin += " "
	}
	beginning := Lexeme{Text: wholeTitle + begin, Prefix: true}
	condition := q.andAuthors(beginning)
	condition.Needs, condition.Beginning = condition.Needs[1:], beginning
	class := firstWord
	for _, c := range q {
		if c.Field == Author {
			continue
		}
		for i, word := range c.Words {
			condition.Needs = append(condition.Needs, c.need(class, word, c.opens(i)))
			class = namingWord
		}
	}
	return condition, true
}

// andAuthors is the condition on a title and on what the query asks of the author.
func (q Query) andAuthors(title Lexeme) Condition {
	condition := Condition{Query: title.Query(), Needs: []Need{{Lexemes: []Lexeme{title}}}}
	for _, c := range q {
		if c.Field == Author {
			author := c.In(InBook)
			condition.Query += " & " + author.Query
			condition.Needs = append(condition.Needs, author.Needs...)
		}
	}
	return condition
}

// titleWords are the query's words without the author's, and whether the last may
// go on.
func (q Query) titleWords() (words []string, open bool) {
	for _, c := range q {
		if c.Field != Author {
			words = append(words, c.Words...)
			open = c.Prefix
		}
	}
	return words, open
}

// In is the condition that all clauses are met within a scope.
func (q Query) In(scope Scope) Condition {
	var condition Condition
	queries := make([]string, len(q))
	for i, c := range q {
		of := c.In(scope)
		queries[i] = of.Query
		condition.Needs = append(condition.Needs, of.Needs...)
	}
	condition.Query = strings.Join(queries, " & ")
	return condition
}
