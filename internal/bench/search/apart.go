package search

import (
	"math"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"bookstore/internal/bench/books"
)

// apart are pairs of words that each are in some books of a catalogue, and never
// both in one.
type apart struct{ common, rare [][2]string }

const (
	// looked is how many words of each sort are looked at.
	looked = 300
	// meetings is how often two common words may be expected to be together. Most
	// pairs then are, but one of twenty is not, e^-3: the most common words of which
	// enough pairs are left.
	meetings = 3
)

// findApart looks at few words and all books, once.
func findApart(catalogue *books.Catalogue, size int, v vocabulary) apart {
	// Where letters have accents or words an apostrophe, it depends on who reads
	// whether two words are the same.
	plain := slices.DeleteFunc(slices.Clone(v.all), func(word string) bool { return !plainWord.MatchString(word) })
	most := math.Sqrt(meetings * float64(size))
	from, _ := slices.BinarySearchFunc(plain, most, func(word string, most float64) int {
		if v.expected(word, size) > most {
			return -1
		}
		return 1
	})
	common := plain[from:min(from+looked, len(plain))]
	rare := plain[max(0, len(plain)-looked):]
	met := meet(catalogue, size, slices.Concat(common, rare))
	return apart{common: met.never(0, len(common)), rare: met.never(len(common), len(common)+len(rare))}
}

var plainWord = regexp.MustCompile(`^[a-z]{3,}$`)

// met says which of some words are in a book together.
type met struct {
	words    []string
	together []bool // of words i and j at i*len(words)+j, i < j
}

// meet reads a whole catalogue. A word is in a book also where one of the book's
// words begins with it, as the last word of a query may be the beginning of one.
func meet(catalogue *books.Catalogue, size int, of []string) met {
	all := met{words: of, together: make([]bool, len(of)*len(of))}
	readers := runtime.GOMAXPROCS(0)
	var (
		mu      sync.Mutex
		reading sync.WaitGroup
	)
	for first := range readers {
		reading.Go(func() {
			mine := meeting{met: met{words: of, together: make([]bool, len(all.together))}, begins: make(map[string][]int)}
			for id := 1 + first; id <= size; id += readers {
				book := catalogue.Book(int64(id))
				mine.note(book.Title, book.Author, book.Description)
			}
			mu.Lock()
			defer mu.Unlock()
			for i, together := range mine.together {
				all.together[i] = all.together[i] || together
			}
		})
	}
	reading.Wait()
	return all
}

// meeting is one reader's.
type meeting struct {
	met
	begins map[string][]int // by a piece of text: which words its own begin with
	here   []int            // which are in the book
}

// note takes down which of the words are in a book.
func (m *meeting) note(texts ...string) {
	m.here = m.here[:0]
	for _, text := range texts {
		// A million books are made of few different pieces: each is taken apart once.
		for piece := range strings.FieldsSeq(text) {
			m.here = append(m.here, m.beginnings(piece)...)
		}
	}
	slices.Sort(m.here)
	for i, a := range m.here {
		for _, b := range m.here[i+1:] {
			m.together[a*len(m.words)+b] = true
		}
	}
}

// beginnings returns which of the words the words of a piece of text begin with.
func (m *meeting) beginnings(piece string) []int {
	known, found := m.begins[piece]
	if !found {
		for _, word := range words(piece) {
			bare := withoutMarks(word)
			for i, beginning := range m.words {
				if strings.HasPrefix(bare, beginning) {
					known = append(known, i)
				}
			}
		}
		m.begins[piece] = known
	}
	return known
}

// withoutMarks is a word as people type it who leave accents out.
func withoutMarks(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || r == '\'' {
			return -1
		}
		return r
	}, norm.NFKD.String(word))
}

// never returns the pairs, of the words from one on to before another, that are in no
// book together.
func (m met) never(from, to int) [][2]string {
	var pairs [][2]string
	for i := from; i < to; i++ {
		for j := i + 1; j < to; j++ {
			if !m.together[i*len(m.words)+j] {
				pairs = append(pairs, [2]string{m.words[i], m.words[j]})
			}
		}
	}
	return pairs
}
