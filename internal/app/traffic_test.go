package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"bookstore/internal/bench/books"
	"bookstore/internal/events"
	"bookstore/internal/web"
)

// traffic is what clients do who don't wait for one another: each request is sent
// when its time has come, and took as long as it is late then. Each writer searches
// for what it has written, and must find it.
type traffic struct {
	client    *http.Client
	url       string
	catalogue *books.Catalogue
	books     int64 // of the catalogue, which is searched for their words

	mu       sync.Mutex
	sent     int
	written  int
	searched []searched // searches, in the order of their answers
	faults   []string
}

// searched is a search that was answered.
type searched struct {
	at   time.Time // when its time had come
	took time.Duration
}

// run sends requests at these rates until ctx ends, and returns when all are
// answered.
func (l *traffic) run(ctx context.Context, searches, writes float64) {
	var under sync.WaitGroup
	defer under.Wait()
	each := func(perSecond float64, act func(context.Context, time.Time)) {
		under.Go(func() {
			tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case due := <-tick.C:
					under.Go(func() { act(context.WithoutCancel(ctx), due) })
				}
			}
		})
	}
	each(searches, l.search)
	each(writes, l.write)
}

// search looks for a word of some book, as readers do.
func (l *traffic) search(ctx context.Context, due time.Time) {
	l.mu.Lock()
	l.sent++
	random := rand.New(rand.NewPCG(1, uint64(l.sent))) // repeatable on purpose
	l.mu.Unlock()
	query := wordsOf(l.catalogue.Book(1 + random.Int64N(l.books)))
	for len(query) < tellingWord {
		query = wordsOf(l.catalogue.Book(1 + random.Int64N(l.books)))
	}
	if a, ok := l.send(ctx, http.MethodGet, "/api/books?q="+query, nil, nil, http.StatusOK); ok {
		took := time.Since(due)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.searched = append(l.searched, searched{due, took})
		if !json.Valid(a.body) {
			l.faults = append(l.faults, "a search was answered with half a body")
		}
	}
}

// tellingWord is how many letters a word needs that somebody would search for alone.
const tellingWord = 7

// write creates a book, or changes one, and looks for it.
func (l *traffic) write(ctx context.Context, _ time.Time) {
	l.mu.Lock()
	l.written++
	n := l.written
	l.mu.Unlock()
	word := fmt.Sprintf("traffic%07d", n)
	details := events.Details{Title: "Volume " + word, Author: "Nobody", PublishedAt: "1851", Description: "Written while the read model is built anew."}
	a, ok := l.send(ctx, http.MethodPost, "/api/books", nil, details, http.StatusCreated)
	if !ok {
		return
	}
	var book web.Book
	if err := json.Unmarshal(a.body, &book); err != nil {
		l.fault("a write was answered with %s", a.body)
		return
	}
	l.find(ctx, word, details.Title, a)
	if n%4 > 0 {
		return
	}
	details.Title += " anew"
	a, ok = l.send(ctx, http.MethodPut, bookPath(book.ID), headers{"If-Match": web.ETag(book.Version)}, details, http.StatusOK)
	if ok {
		l.find(ctx, word, details.Title, a)
	}
}

// find looks for what a write was answered for.
func (l *traffic) find(ctx context.Context, word, title string, written answer) {
	token := written.header.Get("Consistency-Token")
	a, ok := l.send(ctx, http.MethodGet, "/api/books?q="+word, headers{"Consistency-Token": token}, nil, http.StatusOK)
	if !ok {
		return
	}
	var found []web.Book
	if err := json.Unmarshal(a.body, &found); err != nil || len(found) != 1 || found[0].Title != title {
		l.fault("who wrote %q found %s", title, a.body)
	}
}

// send says whether a request was answered as it should be.
func (l *traffic) send(ctx context.Context, method, path string, h headers, payload any, want int) (answer, bool) {
	ctx, cancel := context.WithTimeout(ctx, attemptBound)
	defer cancel()
	a, err := send(ctx, l.client, method, l.url+path, h, payload)
	if err != nil || a.status != want {
		l.fault("%s %s: %d %s (%v)", method, path, a.status, a.body, err)
		return a, false
	}
	return a, true
}

func (l *traffic) fault(format string, values ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, values...))
}

// failed is what did not go as it should, so far.
func (l *traffic) failed() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.faults)
}

// count is how many searches were answered.
func (l *traffic) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.searched)
}

// between returns how long the searches took that were due between two moments,
// sorted.
func (l *traffic) between(from, to time.Time) []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var took []time.Duration
	for _, a := range l.searched {
		if !a.at.Before(from) && a.at.Before(to) {
			took = append(took, a.took)
		}
	}
	slices.Sort(took)
	return took
}

// around returns the longest search under way within a time of a moment.
func (l *traffic) around(moment time.Time, within time.Duration) (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.searched {
		if a.at.Add(a.took).After(moment.Add(-within)) && a.at.Before(moment.Add(within)) {
			longest = max(longest, a.took)
		}
	}
	return longest
}

// percentile of durations that are sorted; 0 for none.
func percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
