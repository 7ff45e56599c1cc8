package search

import (
	"math/rand/v2"
	"strings"

	"bookstore/internal/bench/books"
	"bookstore/internal/bench/mistakes"
	"bookstore/internal/events"
)

// Names of the kinds of queries.
const (
	Exact      = "exact"
	Prefix     = "prefix"
	CommonWord = "common word"
	RareWord   = "rare word"
	ManyWords  = "many words"
	Typo       = "typo"
	PartOfWord = "part of a word"
	Author     = "author"
	NoHit      = "no hit"

	OneLetter  = "one letter"
	WordsApart = "words apart"
)

// kind makes queries of one kind; false where the book that was drawn is of no use
// for it.
type kind struct {
	name  string
	make  func(*maker) (string, bool)
	extra bool // is measured by itself and not in the mix
}

var kinds = []kind{
	{name: Exact, make: func(m *maker) (string, bool) { return m.book().Title, true }},
	{name: Prefix, make: (*maker).prefix},
	{name: CommonWord, make: func(m *maker) (string, bool) { return draw(m.random, m.vocabulary.common), true }},
	{name: RareWord, make: (*maker).rareWord},
	{name: ManyWords, make: (*maker).manyWords},
	{name: Typo, make: (*maker).typo},
	{name: PartOfWord, make: (*maker).partOfWord},
	{name: Author, make: (*maker).author},
	{name: NoHit, make: (*maker).noHit},
	// What nobody asks for often, and no query may be slow.
	{name: OneLetter, make: (*maker).oneLetter, extra: true},
	{name: WordsApart, make: (*maker).wordsApart, extra: true},
}

// queriesOfKind is how many different ones are asked, over and over: more than
// PostgreSQL or the processor could learn by heart.
const queriesOfKind = 2000

// maker makes queries for a catalogue.
type maker struct {
	catalogue  *books.Catalogue
	books      int // ids 1 to this
	vocabulary vocabulary
	apart      apart
	random     *rand.Rand
}

// makeQueries makes n queries of each kind for a catalogue of so many books.
func makeQueries(catalogue *books.Catalogue, size, n int, seed uint64) map[string][]string {
	queries := make(map[string][]string, len(kinds))
	known := countWords(catalogue, size)
	strangers := findApart(catalogue, size, known)
	for i, k := range kinds {
		m := &maker{
			catalogue: catalogue, books: size, vocabulary: known, apart: strangers,
			random: rand.New(rand.NewPCG(seed, uint64(i))), //nolint:gosec // G404: repeatable, not secret
		}
		queries[k.name] = m.queries(k, n)
	}
	return queries
}

func (m *maker) queries(k kind, n int) []string {
	made := make([]string, 0, n)
	// A catalogue without a single long word would have none to take a part of.
	for tries := 0; len(made) < n && tries < 100*n; tries++ {
		if query, ok := k.make(m); ok {
			made = append(made, query)
		}
	}
	return made
}

// mix has the queries of all kinds that belong in it, in turns.
func mix(queries map[string][]string) []string {
	var mixed []string
	for i := range queriesOfKind {
		for _, k := range kinds {
			if of := queries[k.name]; len(of) > 0 && !k.extra {
				mixed = append(mixed, of[i%len(of)])
			}
		}
	}
	return mixed
}

func draw[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// id draws a book.
func (m *maker) id() int64 { return 1 + m.random.Int64N(int64(m.books)) }

func (m *maker) book() events.Details { return m.catalogue.Book(m.id()) }

// prefix is the beginning of a title, to the middle of a word.
func (m *maker) prefix() (string, bool) {
	const least = 4
	title := []rune(m.book().Title)
	if len(title) <= least+1 {
		return "", false
	}
	begun := strings.TrimSpace(string(title[:least+m.random.IntN(min(len(title)-least, 12))]))
	return begun, len(words(begun)) > 0
}

func (m *maker) rareWord() (string, bool) {
	if len(m.vocabulary.rare) == 0 {
		return "", false
	}
	return draw(m.random, m.vocabulary.rare), true
}

// manyWords are ten words of one book, from everywhere in it.
func (m *maker) manyWords() (string, bool) {
	const many = 10
	book := m.book()
	all := words(book.Title + " " + book.Author + " " + book.Description)
	m.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all[:min(many, len(all))], " "), len(all) > 0
}

// typo is two words of a title, one of them mistyped.
func (m *maker) typo() (string, bool) {
	title := words(m.book().Title)
	if len(title) < 2 {
		return "", false
	}
	at := m.random.IntN(len(title) - 1)
	two := []string{title[at], title[at+1]}
	wrong := m.random.IntN(2)
	if !mistakes.Fits(two[wrong]) {
		return "", false
	}
	two[wrong] = mistakes.Typo(m.random, two[wrong])
	return strings.Join(two, " "), true
}

// partOfWord is from the inside of a title's word: neither its beginning nor its end.
func (m *maker) partOfWord() (string, bool) {
	const shortest, longest = 4, 6
	word := []rune(draw(m.random, append(words(m.book().Title), "")))
	room := len(word) - 2 - shortest // behind the first letter and before the last
	if room < 0 {
		return "", false
	}
	length := shortest + m.random.IntN(min(room, longest-shortest)+1)
	from := 1 + m.random.IntN(len(word)-1-length)
	return string(word[from : from+length]), true
}

// author is the first author of a book, in full.
func (m *maker) author() (string, bool) {
	name, _, _ := strings.Cut(m.book().Author, ",")
	return name, len(words(name)) > 0
}

// noHit is a word that is nowhere: ten letters by chance.
func (m *maker) noHit() (string, bool) {
	letters := make([]byte, 10)
	for i := range letters {
		letters[i] = 'a' + byte(m.random.IntN(26))
	}
	return string(letters), true
}

func (m *maker) oneLetter() (string, bool) { return string(rune('a' + m.random.IntN(26))), true }

// wordsApart are two words that each are in some books, and never in one together:
// half of the queries have words that are as common as such words can be.
func (m *maker) wordsApart() (string, bool) {
	pairs := m.apart.rare
	if m.random.IntN(2) == 0 {
		pairs = m.apart.common
	}
	if len(pairs) == 0 {
		return "", false
	}
	pair := draw(m.random, pairs)
	m.random.Shuffle(len(pair), func(i, j int) { pair[i], pair[j] = pair[j], pair[i] })
	return pair[0] + " " + pair[1], true
}
