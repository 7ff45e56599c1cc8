package app_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// ledger is what the clients of a service under fire were told.
type ledger struct {
	mu       sync.Mutex
	writes   []*change
	searches map[string]*search // by request id; answered ones only
	shelf    []*shelved
	faults   []string // answers that should not be
	told     map[string]int
}

func newLedger() *ledger {
	return &ledger{searches: make(map[string]*search), told: make(map[string]int)}
}

// What a client knows of its write in the end.
const (
	answeredNothing  = iota // it gave up without knowing: at most once
	answeredDone            // exactly once
	answeredRejected        // not at all
	answeredRefused         // 503, and surely not written
)

// change is a command as its client sees it. The id is the X-Request-Id and the
// Idempotency-Key of all its attempts, and a word in the title.
type change struct {
	id      string
	kind    string // created, updated or deleted
	book    *shelved
	title   string
	ifMatch int64

	outcome int
	status  int
	version int64 // of the book after it; 0 where the answer does not say
}

// shelved is a book that clients know of.
type shelved struct {
	word string // in the title of all its versions, and of no other book's

	mu      sync.Mutex
	id      int64
	version int64 // the last one that somebody saw
	token   string
	written int64 // the version that token names
}

// known returns what a client would base its next write on.
func (s *shelved) known() (id, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id, s.version
}

// lastWrite returns the last version whose writer was answered, and the token of
// that answer.
func (s *shelved) lastWrite() (version int64, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written, s.token
}

// saw takes note of a version.
func (s *shelved) saw(id, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.version = id, max(s.version, version)
}

// wrote takes note of a version and of the token in the answer to its writer.
func (s *shelved) wrote(id, version int64, token string) {
	s.saw(id, version)
	s.mu.Lock()
	defer s.mu.Unlock()
	if version > s.written {
		s.written, s.token = version, token
	}
}

// search is one that was answered.
type search struct {
	id, key string
	value   [sha256.Size]byte // of what must be on the topic

	// The book whose version the reader asked to see, and what it saw; 0 for none.
	book     *shelved
	least    int64
	saw      int64
	recorded map[string]int // how often it is on the topic, by ce_id
}

func (l *ledger) newChange(kind string, book *shelved) *change {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &change{id: fmt.Sprintf("w%07d", len(l.writes)), kind: kind, book: book}
	if book == nil {
		w.book = &shelved{word: fmt.Sprintf("b%07d", len(l.writes))}
	}
	w.title = "Volume " + w.book.word + " " + w.id
	l.writes = append(l.writes, w)
	return w
}

// fault notes an answer that should not be.
func (l *ledger) fault(format string, values ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, values...))
}

// count takes note that clients were told something.
func (l *ledger) count(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told[what]++
}

// decided notes a definite answer to a write.
func (l *ledger) decided(w *change, outcome, status int, version int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.outcome, w.status, w.version = outcome, status, version
	l.told[fmt.Sprintf("%s: %d %s", w.kind, status, http.StatusText(status))]++
}

// shelve puts a new book where others find it.
func (l *ledger) shelve(s *shelved) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shelf = append(l.shelf, s)
}

// answered notes a search.
func (l *ledger) answered(s *search, books []web.Book) {
	s.value = sha256.Sum256([]byte(asPublished(books)))
	s.recorded = make(map[string]int)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.searches[s.id] = s
}

// details is what the write asks for.
func (w *change) details() events.Details {
	return events.Details{Title: w.title, Author: "Author of " + w.book.word, PublishedAt: "1851", Description: "Written under fire & kept."}
}
