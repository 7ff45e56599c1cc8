package books

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"bookstore/internal/events"
)

// Catalogue is as many books as one asks for.
type Catalogue struct {
	source *Source
	seed   uint64
}

// NewCatalogue returns the catalogue that a seed makes of a source.
func NewCatalogue(source *Source, seed uint64) *Catalogue {
	return &Catalogue{source: source, seed: seed}
}

// Book returns what is said of a book when it is created.
func (c *Catalogue) Book(id int64) events.Details { return c.Edition(id, 1) }

// Edition returns what is said of a book from a version on, 1 being its creation:
// title and author stay, description and publication date are new.
func (c *Catalogue) Edition(id, version int64) events.Details {
	book, edition := c.random(id, 0), c.random(id, version)
	return events.Details{
		Title:       c.title(book),
		Author:      c.author(book),
		PublishedAt: c.publishedAt(edition),
		Description: c.description(edition),
	}
}

// random returns numbers of one book, or of one of its versions, that have nothing
// to do with those of any other.
func (c *Catalogue) random(id, version int64) *rand.Rand {
	stream := scatter(scatter(uint64(id)) + uint64(version))
	return rand.New(rand.NewPCG(c.seed, stream)) //nolint:gosec // G404: repeatable, not secret
}

// scatter makes neighbours differ in half of their bits (SplitMix64's finalizer).
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func draw[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (c *Catalogue) title(r *rand.Rand) string {
	words := make([]string, draw(r, c.source.lengths))
	for i := range words {
		words[i] = draw(r, c.source.words)
	}
	words[0] = capital(words[0])
	title := strings.Join(words, " ")
	if series := draw(r, c.source.series); series != "" {
		title += " (" + series + ")"
	}
	return title
}

func (c *Catalogue) author(r *rand.Rand) string {
	names := make([]string, draw(r, c.source.authors))
	for i := range names {
		names[i] = strings.TrimSpace(draw(r, c.source.given) + " " + draw(r, c.source.family))
	}
	return strings.Join(names, ", ")
}

// publishedAt makes a third of the years more precise, as real catalogues do.
func (c *Catalogue) publishedAt(r *rand.Rand) string {
	year := draw(r, c.source.years)
	precision := r.IntN(6)
	month, day := 1+r.IntN(12), 1+r.IntN(28)
	switch {
	case year == "" || precision > 1:
		return year
	case precision == 1:
		return fmt.Sprintf("%s-%02d", year, month)
	}
	return fmt.Sprintf("%s-%02d-%02d", year, month, day)
}

// Lengths of descriptions, in words.
const minDescription, maxDescription = 10, 40

func (c *Catalogue) description(r *rand.Rand) string {
	words := make([]string, minDescription+r.IntN(maxDescription-minDescription+1))
	for i := range words {
		words[i] = strings.ToLower(draw(r, c.source.words))
	}
	words[0] = capital(words[0])
	return strings.Join(words, " ") + "."
}

func capital(word string) string {
	first, size := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(first)) + word[size:]
}
