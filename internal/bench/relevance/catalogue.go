package relevance

import (
	"slices"
	"sort"
	"strings"
)

// catalogue knows of each book what can be asked, and how many others that would
// fit as well.
type catalogue struct {
	books []entry

	titles   map[string]int          // by folded title: how many have it
	bare     map[string]int          // the same without brackets
	sorted   []string                // those, for their beginnings
	inTitle  map[string]map[int]bool // by folded word: books, by their place in books
	inAuthor map[string]map[int]bool
	isbns    map[string]int // how many have it
}

// entry is a book as queries are made from it.
type entry struct {
	Book
	bare    string   // the title without its bracket, as written
	bracket bool     // there is one
	words   []string // of bare, as typed
	family  string   // the first author's last name, as typed
}

func newCatalogue(books []Book) *catalogue {
	c := &catalogue{
		titles: make(map[string]int), bare: make(map[string]int),
		inTitle: make(map[string]map[int]bool), inAuthor: make(map[string]map[int]bool),
		isbns: make(map[string]int),
	}
	for i, b := range books {
		e := entry{Book: b}
		e.bare, e.bracket = withoutBracket(b.Title)
		e.words, e.family = typed(e.bare), familyName(b.Author)
		c.books = append(c.books, e)
		c.titles[foldedText(b.Title)]++
		bare := foldedText(e.bare)
		c.bare[bare]++
		c.isbns[b.ISBN]++
		c.sorted = append(c.sorted, bare)
		note(c.inTitle, b.Title, i)
		note(c.inAuthor, b.Author, i)
	}
	slices.Sort(c.sorted)
	return c
}

func foldedText(text string) string { return strings.Join(foldAll(typed(text)), " ") }

func note(index map[string]map[int]bool, text string, book int) {
	for _, word := range foldAll(typed(text)) {
		if index[word] == nil {
			index[word] = make(map[int]bool)
		}
		index[word][book] = true
	}
}

// familyName is the last part of the first author's name that is a name, and not
// "Jr." or an initial; "" where there is none.
func familyName(authors string) string {
	first, _, _ := strings.Cut(authors, ",")
	parts := typed(first)
	for _, part := range slices.Backward(parts) {
		if len([]rune(part)) > 2 {
			return part
		}
	}
	return ""
}

// isWord says whether a title or an author has the word.
func (c *catalogue) isWord(word string) bool {
	word = fold(word)
	return len(c.inTitle[word]) > 0 || len(c.inAuthor[word]) > 0
}

// distinctive returns the n words of a title that the fewest titles have, in the
// order of the title; nil where it has no n different ones.
func (c *catalogue) distinctive(e entry, n int) []string {
	seen := make(map[string]bool)
	var places []int
	for i, word := range e.words {
		if folded := fold(word); !seen[folded] {
			seen[folded] = true
			places = append(places, i)
		}
	}
	if len(places) < n {
		return nil
	}
	slices.SortStableFunc(places, func(a, b int) int {
		if by := len(c.inTitle[fold(e.words[a])]) - len(c.inTitle[fold(e.words[b])]); by != 0 {
			return by
		}
		return len(e.words[b]) - len(e.words[a])
	})
	places = places[:n]
	slices.Sort(places)
	words := make([]string, n)
	for i, place := range places {
		words[i] = e.words[place]
	}
	return words
}

// having counts the books with all of these words in their titles and, unless it is
// "", that name among their authors'.
func (c *catalogue) having(words []string, name string) int {
	var sets []map[int]bool
	for _, word := range words {
		sets = append(sets, c.inTitle[fold(word)])
	}
	if name != "" {
		sets = append(sets, c.inAuthor[fold(name)])
	}
	slices.SortFunc(sets, func(a, b map[int]bool) int { return len(a) - len(b) })
	n := 0
	for book := range sets[0] {
		if !slices.ContainsFunc(sets[1:], func(set map[int]bool) bool { return !set[book] }) {
			n++
		}
	}
	return n
}

// beginning counts the titles, without brackets, that begin with a folded text; with
// whole words, if that is asked for.
func (c *catalogue) beginning(text string, wholeWords bool) int {
	n := 0
	for _, title := range c.sorted[sort.SearchStrings(c.sorted, text):] {
		if !strings.HasPrefix(title, text) {
			break
		}
		if rest := title[len(text):]; !wholeWords || rest == "" || rest[0] == ' ' {
			n++
		}
	}
	return n
}
