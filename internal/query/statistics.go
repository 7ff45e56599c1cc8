package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/searchtext"
)

// statistics say how common lexemes are, as far as it matters: the few thousand most
// common ones by name, all others by a bound. They are PostgreSQL's own, of a sample
// and as old as its last ANALYZE; searches are planned by them and found books never
// depend on them, but for the order among very many.
type statistics struct {
	books   float64
	lexemes []string  // sorted
	shares  []float64 // of the books that have the lexeme
	sums    []float64 // of shares, up to and without each lexeme; one more than those
	rest    float64   // what the share of any other lexeme may be
}

// share is how large a share of all books has a lexeme, about.
func (s *statistics) share(l searchtext.Lexeme) float64 {
	from, named := slices.BinarySearch(s.lexemes, l.Text)
	if named && !l.Prefix {
		return s.shares[from]
	}
	if l.IsTitle() {
		return s.rest / 100
	}
	guess := s.rest
	wider, ofWider := l.Wider()
	if wider.Text != "" {
		guess = ofWider * s.share(wider)
	}
	if !l.Prefix {
		return min(guess, s.rest)
	}
	to := from
	for to < len(s.lexemes) && strings.HasPrefix(s.lexemes[to], l.Text) {
		to++
	}
	if wider.Text == "" {
		return s.sums[to] - s.sums[from] + manyRest*s.rest
	}
	return max(s.sums[to]-s.sums[from], guess)
}

// manyRest is how many words that are not among the most common may begin alike.
const manyRest = 5

// any bounds the share of the books that have one of the lexemes at least.
func (s *statistics) any(lexemes []searchtext.Lexeme) float64 {
	var sum float64
	for _, l := range lexemes {
		sum += s.share(l)
	}
	return min(sum, 1)
}

// newStatistics takes the columns of the view catalog_statistics; nothing is known of
// a catalogue that was never analyzed.
func newStatistics(books float64, lexemes []string, shares []float32) *statistics {
	s := &statistics{books: max(books, 0), lexemes: lexemes, shares: make([]float64, len(lexemes)), sums: make([]float64, 1, len(lexemes)+1)}
	for i := range lexemes {
		s.shares[i] = float64(shares[i])
		s.sums = append(s.sums, s.sums[i]+s.shares[i])
	}
	if len(lexemes) > 0 {
		s.rest = slices.Min(s.shares) / 2
	}
	return s
}

// statisticsAge is how old statistics may get. PostgreSQL analyzes a table when a
// tenth of it has changed.
const statisticsAge = 30 * time.Second

// statisticsCache has the statistics of the last half minute.
type statisticsCache struct {
	mu      sync.Mutex
	last    *statistics
	read    time.Time // when reading them began, the last time that somebody did
	reading chan struct{}
}

// get returns statistics. Where they are too old, one search reads them and all others go
// on with the old ones; where there are none yet, they wait for it. A search fails where
// it can't read them, as it would anyway.
func (c *statisticsCache) get(ctx context.Context, catalog *Catalog) (*statistics, error) {
	for {
		c.mu.Lock()
		last, reading := c.last, c.reading
		if reading == nil && (last == nil || time.Since(c.read) >= statisticsAge) {
			c.read, c.reading = time.Now(), make(chan struct{})
			c.mu.Unlock()
			return c.renew(ctx, catalog)
		}
		c.mu.Unlock()
		if last != nil {
			return last, nil
		}
		select {
		case <-reading:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// renew reads statistics for everybody.
func (c *statisticsCache) renew(ctx context.Context, catalog *Catalog) (*statistics, error) {
	read, err := catalog.readStatistics(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.last = read
	}
	close(c.reading)
	c.reading = nil
	return read, err
}

func (c *Catalog) readStatistics(ctx context.Context) (*statistics, error) {
	var (
		books   float64
		lexemes []string
		shares  []float32
	)
	err := c.read(ctx, `SELECT books, lexemes, shares FROM catalog_statistics`, nil, func(row pgx.CollectableRow) error {
		return row.Scan(&books, &lexemes, &shares)
	})
	if err != nil {
		return nil, fmt.Errorf("read the catalogue's statistics: %w", err)
	}
	// Behind the shares PostgreSQL keeps the smallest and the largest of them.
	order := make([]int, len(lexemes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(lexemes[a], lexemes[b]) })
	sorted, of := make([]string, len(order)), make([]float32, len(order))
	for to, from := range order {
		sorted[to], of[to] = lexemes[from], shares[from]
	}
	return newStatistics(books, sorted, of), nil
}
