package relevance

import (
	"hash/fnv"
	"math/rand/v2"
)

// asked is a query, and the book that is to come.
type asked struct {
	text  string
	book  int64
	alike int // books that it fits equally well
}

// queries makes up to n queries of a kind from the books of a half. They depend on
// the seed, and on no other kind or half.
func (c *catalogue) queries(k kind, of Half, n int, seed uint64) []asked {
	name := fnv.New64a()
	_, _ = name.Write([]byte(k.name)) // a hash never fails
	stream := name.Sum64()
	var made []asked
	order := rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // G404: repeatable, not secret
	for _, i := range order.Perm(len(c.books)) {
		e := c.books[i]
		if len(made) == n {
			break
		}
		if half(e.ID) != of {
			continue
		}
		r := rand.New(rand.NewPCG(seed, stream+scatter(uint64(e.ID)))) //nolint:gosec // G404: repeatable, not secret
		if text, alike, ok := k.ask(c, e, r); ok {
			made = append(made, asked{text: text, book: e.ID, alike: alike})
		}
	}
	return made
}
