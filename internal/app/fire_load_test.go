package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"bookstore/internal/web"
)

// Load of a round: enough for several requests to be under way at each moment, and
// little enough for the checks of thirty rounds to take minutes.
const (
	writers         = 6
	searchers       = 3
	writesPerSecond = 300
	searchesPerSec  = 200

	// contended is how many books are written to at a time, so that most have
	// two writers.
	contended = 8

	// attemptBound is how long a client waits for an answer; it is longer than any
	// wait of the service. definiteBound is when the service counts as gone for good.
	attemptBound  = 10 * time.Second
	definiteBound = 90 * time.Second
)

// load is what clients do to processes that are killed under them.
type load struct {
	ledger    *ledger
	client    *http.Client
	processes []*process
	writes    *rate.Limiter
	searches  *rate.Limiter
	seed      uint64

	rounds uint64
	quit   chan struct{}
	wg     sync.WaitGroup
}

func newLoad(l *ledger, client *http.Client, seed uint64, processes ...*process) *load {
	return &load{
		ledger: l, client: client, processes: processes, seed: seed,
		writes: rate.NewLimiter(writesPerSecond, 1), searches: rate.NewLimiter(searchesPerSec, 1),
	}
}

// start lets the clients work until stop.
func (l *load) start(ctx context.Context) {
	l.quit = make(chan struct{})
	l.rounds++
	for i := range uint64(writers + searchers) {
		random := rand.New(rand.NewPCG(l.seed+l.rounds, i)) // repeatable on purpose
		act := l.write
		limit := l.writes
		if i >= writers {
			act, limit = l.search, l.searches
		}
		l.wg.Go(func() {
			for limit.Wait(ctx) == nil {
				select {
				case <-l.quit:
					return
				default:
					act(ctx, random)
				}
			}
		})
	}
}

// stop returns when each client has the answer to its last request.
func (l *load) stop() {
	close(l.quit)
	l.wg.Wait()
}

// url is that of a process that runs; the empty string when none does.
func (l *load) url(random *rand.Rand) string {
	first := random.IntN(len(l.processes))
	for i := range l.processes {
		if url := l.processes[(first+i)%len(l.processes)].url.Load(); url != nil {
			return *url
		}
	}
	return ""
}

// pick returns a book that was written lately; nil when there is none.
func (l *load) pick(random *rand.Rand) *shelved {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	n := len(l.ledger.shelf)
	if n == 0 {
		return nil
	}
	return l.ledger.shelf[n-1-random.IntN(min(n, contended))]
}

// write makes one write.
func (l *load) write(ctx context.Context, random *rand.Rand) {
	var w *change
	book := l.pick(random)
	switch dice := random.IntN(100); {
	case book == nil || dice < 40:
		w = l.ledger.newChange("created", nil)
	case dice < 93:
		w = l.ledger.newChange("updated", book)
	default:
		w = l.ledger.newChange("deleted", book)
	}
	_, w.ifMatch = w.book.known()
	l.insist(ctx, random, w, random.IntN(8) == 0)
}

// stock makes books, as fast as they are taken.
func (l *load) stock(ctx context.Context, books int) {
	const clients = 32
	l.rounds++
	var wg sync.WaitGroup
	for i := range clients {
		random := rand.New(rand.NewPCG(l.seed+l.rounds, uint64(i))) // repeatable on purpose
		wg.Go(func() {
			for range books / clients {
				l.insist(ctx, random, l.ledger.newChange("created", nil), false)
			}
		})
	}
	wg.Wait()
}

// insist sends a write until its client knows what became of it, or gives up.
func (l *load) insist(ctx context.Context, random *rand.Rand, w *change, impatient bool) {
	ctx, cancel := context.WithTimeout(ctx, definiteBound)
	defer cancel()
	inDoubt, promised := false, false
	for {
		a, err := l.attempt(ctx, random, w)
		switch {
		case err != nil:
			inDoubt = true
		case a.status == http.StatusAccepted:
			promised = true
			l.ledger.count(w.kind + ": 202 Accepted, then asked again")
		case a.status == http.StatusServiceUnavailable:
			inDoubt = inDoubt || problemType(a) != web.TypeUnavailable
			l.ledger.count(w.kind + ": 503 " + problemType(a))
		case a.status >= http.StatusInternalServerError:
			inDoubt = true
			l.ledger.fault("%s %s was answered %d %s", w.kind, w.id, a.status, a.body)
		default:
			l.definite(ctx, random, w, a)
			return
		}
		if impatient && !promised {
			if !inDoubt {
				l.ledger.decided(w, answeredRefused, http.StatusServiceUnavailable, 0)
			}
			l.ledger.count("given up")
			return
		}
		if !pause(ctx, 50*time.Millisecond) {
			l.ledger.fault("%s %s got no definite answer in %s; the last was %d %s (%v)", w.kind, w.id, definiteBound, a.status, a.body, err)
			return
		}
	}
}

// attempt sends the write to one of the processes.
func (l *load) attempt(ctx context.Context, random *rand.Rand, w *change) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptBound)
	defer cancel()
	h := headers{web.HeaderRequestID: w.id, web.HeaderIdempotencyKey: w.id, "X-User-Id": "writer"}
	url := l.url(random) + "/api/books"
	if w.kind == "created" {
		return send(ctx, l.client, http.MethodPost, url, h, w.details())
	}
	id, _ := w.book.known()
	url += "/" + strconv.FormatInt(id, 10)
	h["If-Match"] = web.ETag(w.ifMatch)
	if w.kind == "deleted" {
		return send(ctx, l.client, http.MethodDelete, url, h, nil)
	}
	return send(ctx, l.client, http.MethodPut, url, h, w.details())
}

// definite takes note of an answer that says what became of the write.
func (l *load) definite(ctx context.Context, random *rand.Rand, w *change, a answer) {
	version, _ := strconv.ParseInt(strings.Trim(a.header.Get("ETag"), `"`), 10, 64)
	token := a.header.Get("Consistency-Token")
	switch a.status {
	case http.StatusCreated:
		var book web.Book
		if err := json.Unmarshal(a.body, &book); err != nil || book.Title != w.title {
			l.ledger.fault("%s %s was answered with %s", w.kind, w.id, a.body)
		}
		w.book.wrote(book.ID, version, token)
		l.ledger.decided(w, answeredDone, a.status, version)
		l.ledger.shelve(w.book)
	case http.StatusOK:
		id, _ := w.book.known()
		w.book.wrote(id, version, token)
		l.ledger.decided(w, answeredDone, a.status, version)
	case http.StatusNoContent:
		l.ledger.decided(w, answeredDone, a.status, 0)
	case http.StatusPreconditionFailed:
		l.ledger.decided(w, answeredRejected, a.status, 0)
		l.lookAgain(ctx, random, w.book)
	case http.StatusNotFound:
		l.ledger.decided(w, answeredRejected, a.status, 0)
	default:
		l.ledger.fault("%s %s was answered %d %s", w.kind, w.id, a.status, a.body)
	}
}

// lookAgain learns of a version that somebody else has made.
func (l *load) lookAgain(ctx context.Context, random *rand.Rand, book *shelved) {
	ctx, cancel := context.WithTimeout(ctx, attemptBound)
	defer cancel()
	id, _ := book.known()
	a, err := send(ctx, l.client, http.MethodGet, l.url(random)+bookPath(id), nil, nil)
	if err != nil || a.status != http.StatusOK {
		return
	}
	var now web.Book
	if json.Unmarshal(a.body, &now) == nil {
		book.saw(id, now.Version)
	}
}

// search makes one search, for the last written version of a book or for all of
// them.
func (l *load) search(ctx context.Context, random *rand.Rand) {
	book, url := l.pick(random), l.url(random)
	if book == nil || url == "" {
		pause(ctx, 10*time.Millisecond)
		return
	}
	l.ledger.mu.Lock()
	l.ledger.told["searches sent"]++
	s := &search{id: fmt.Sprintf("s%07d", l.ledger.told["searches sent"])}
	l.ledger.mu.Unlock()

	word, h := "volume", headers{web.HeaderRequestID: s.id}
	user, path := fmt.Sprintf("reader%d", random.IntN(50)), fmt.Sprintf("&limit=%d&o=%d", 1+random.IntN(10), random.IntN(3))
	if version, token := book.lastWrite(); token != "" && random.IntN(3) > 0 {
		h["Consistency-Token"] = token
		s.book, s.least = book, version
		word, path = book.word, "&limit=5"
	}
	s.key = word + ":" + user

	ctx, cancel := context.WithTimeout(ctx, attemptBound)
	defer cancel()
	a, err := send(ctx, l.client, http.MethodGet, url+"/api/books?q="+word+"&uid="+user+path, h, nil)
	switch {
	case err != nil:
		l.ledger.count("search: no answer")
	case a.status == http.StatusOK:
		var books []web.Book
		if err := json.Unmarshal(a.body, &books); err != nil {
			l.ledger.fault("search %s was answered with %s", s.id, a.body)
			return
		}
		if s.book != nil && len(books) > 0 {
			s.saw = books[0].Version
		}
		l.ledger.answered(s, books)
	case a.status == http.StatusServiceUnavailable:
		l.ledger.count("search: 503 " + problemType(a))
	default:
		l.ledger.fault("search %s was answered %d %s", s.id, a.status, a.body)
	}
}

func problemType(a answer) string {
	var p web.Problem
	_ = json.Unmarshal(a.body, &p) // no problem has no type
	return p.Type
}

// pause says whether ctx lived that long.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
