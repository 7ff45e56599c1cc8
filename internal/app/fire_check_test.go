package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/verify"
)

// tally is what the checks of all rounds have found.
type tally struct {
	searchesFrom events.Offsets // what of the topic of searches has been read
	published    int            // records there
	repeated     int            // of which came again, the same bytes
	events       int64
	doubles      int64 // events that came again, which readers drop
	counted      int64 // rows of trends in the end
	missing      map[string]*search
}

// caughtUpBound is how long after a round everything may take to be applied and
// published.
const caughtUpBound = 30 * time.Second

// check compares what clients were told with what there is, once all of it is
// applied.
func (b bookstore) check(t *testing.T, pool *pgxpool.Pool, l *ledger, sum *tally) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(t, l.faults, "answers that should not be")

	model := readModelOf(t, pool)
	var wrong []string
	complain := func(format string, values ...any) { wrong = append(wrong, fmt.Sprintf(format, values...)) }
	model.checkHistories(complain)
	model.checkWrites(l.writes, complain)
	model.checkReaders(l.searches, complain)
	require.Empty(t, wrong, "the read model is not what clients were told")

	b.checkPublished(t, l, sum)

	// What was published just now is verified too.
	await(t, caughtUpBound, "not all that was searched and opened is counted", func() bool {
		searches, err := b.unapplied(t.Context(), pool, b.topics.Searches, verify.InServed, verify.InTrends, verify.InInterests)
		if err != nil {
			return false
		}
		opens, err := b.unapplied(t.Context(), pool, b.topics.Opens, verify.InOpened)
		return err == nil && searches+opens == 0
	})
	b.checkTrends(t, pool)
	report := b.requireVerified(t, pool)
	require.Zero(t, report.Unpublished, "decisions that nobody publishes")
	for _, counted := range []verify.ReadModel{report.Served, report.Trends, report.Interests} {
		require.Empty(t, counted.NotCompared)
	}
	sum.counted = report.Trends.Found
	sum.events, sum.doubles = report.Events, report.Duplicates
}

// readModel is what queries are answered from.
type readModel struct {
	titles    map[int64]titled  // of the books there are
	histories map[int64][]entry // by book, the first version first
	byRequest map[string][]entry
}

type titled struct {
	version int64
	title   string
}

// entry is a step in a book's history.
type entry struct {
	book, version int64
	kind, title   string
	request       string
}

func readModelOf(t *testing.T, pool *pgxpool.Pool) readModel {
	t.Helper()
	m := readModel{make(map[int64]titled), make(map[int64][]entry), make(map[string][]entry)}
	rows, err := pool.Query(t.Context(), `SELECT id, version, title FROM books`)
	require.NoError(t, err)
	var id int64
	var book titled
	_, err = pgx.ForEachRow(rows, []any{&id, &book.version, &book.title}, func() error {
		m.titles[id] = book
		return nil
	})
	require.NoError(t, err)

	rows, err = pool.Query(t.Context(), `SELECT book_id, version, type, coalesce(details->>'title', ''), correlation_id
		FROM book_history ORDER BY book_id, version`)
	require.NoError(t, err)
	var e entry
	_, err = pgx.ForEachRow(rows, []any{&e.book, &e.version, &e.kind, &e.title, &e.request}, func() error {
		m.histories[e.book] = append(m.histories[e.book], e)
		m.byRequest[e.request] = append(m.byRequest[e.request], e)
		return nil
	})
	require.NoError(t, err)
	return m
}

// deleted says whether a book's history has ended.
func (m readModel) deleted(book int64) bool {
	history := m.histories[book]
	return len(history) > 0 && history[len(history)-1].kind == "deleted"
}

// checkHistories looks for versions that are skipped or doubled, and for books that
// are not what their history says.
func (m readModel) checkHistories(complain func(string, ...any)) {
	for id, history := range m.histories {
		for i, e := range history {
			if e.version != int64(i+1) || (e.kind == "created") != (i == 0) || e.kind == "deleted" && i < len(history)-1 {
				complain("book %d: the history's step %d is version %d, %s", id, i+1, e.version, e.kind)
			}
		}
		last, book := history[len(history)-1], m.titles[id]
		switch {
		case last.kind == "deleted" && book.version != 0:
			complain("book %d was deleted and is there", id)
		case last.kind != "deleted" && (book != titled{last.version, last.title}):
			complain("book %d is %v and not %v", id, book, last)
		}
	}
	for id := range m.titles {
		if len(m.histories[id]) == 0 {
			complain("book %d has no history", id)
		}
	}
}

// checkWrites compares each write with what its client was told.
func (m readModel) checkWrites(writes []*change, complain func(string, ...any)) {
	sent := make(map[string]bool, len(writes))
	for _, w := range writes {
		sent[w.id] = true
		steps := m.byRequest[w.id]
		id, _ := w.book.known()
		switch {
		case len(steps) > 1:
			complain("%s %s took effect %d times: %v", w.kind, w.id, len(steps), steps)
		case len(steps) == 1 && (w.outcome == answeredRejected || w.outcome == answeredRefused):
			complain("%s %s was answered %d and took effect: %v", w.kind, w.id, w.status, steps[0])
		case len(steps) == 0 && w.outcome == answeredDone:
			complain("%s %s of book %d was answered %d and is not there", w.kind, w.id, id, w.status)
		case len(steps) == 1:
			m.checkStep(w, steps[0], complain)
		}
		history := m.histories[id]
		switch {
		case w.status == http.StatusPreconditionFailed && int64(len(history)) <= w.ifMatch:
			complain("%s %s was refused for version %d, which is the last of book %d", w.kind, w.id, w.ifMatch, id)
		case w.status == http.StatusNotFound && !m.deleted(id):
			complain("%s %s was told that book %d is not there", w.kind, w.id, id)
		}
	}
	for request, steps := range m.byRequest {
		if !sent[request] {
			complain("nobody has asked for %v", steps)
		}
	}
}

// checkStep compares a write that took effect with what it asked for.
func (m readModel) checkStep(w *change, step entry, complain func(string, ...any)) {
	title := w.title
	if w.kind == "deleted" {
		title = ""
	}
	if step.kind != w.kind || step.title != title {
		complain("%s %s became %v", w.kind, w.id, step)
	}
	if w.version != 0 && step.version != w.version {
		complain("%s %s was answered with version %d and is %v", w.kind, w.id, w.version, step)
	}
	if w.kind != "created" && step.version != w.ifMatch+1 {
		complain("%s %s for version %d became %v", w.kind, w.id, w.ifMatch, step)
	}
	if id, _ := w.book.known(); w.outcome == answeredDone && step.book != id {
		complain("%s %s of book %d became %v", w.kind, w.id, id, step)
	}
}

// checkReaders looks for readers that did not see the write whose token they sent.
func (m readModel) checkReaders(searches map[string]*search, complain func(string, ...any)) {
	for _, s := range searches {
		if s.book == nil || s.saw >= s.least {
			continue
		}
		if id, _ := s.book.known(); !m.deleted(id) {
			complain("search %s asked for version %d of book %d and saw version %d", s.id, s.least, id, s.saw)
		}
	}
}

// checkPublished waits until each answered search is on the topic, and compares.
func (b bookstore) checkPublished(t *testing.T, l *ledger, sum *tally) {
	t.Helper()
	if sum.missing == nil {
		sum.missing = make(map[string]*search)
	}
	for id, s := range l.searches {
		if len(s.recorded) == 0 {
			sum.missing[id] = s
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), caughtUpBound)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		records, end, err := b.readTopic(ctx, b.topics.Searches, sum.searchesFrom)
		if err != nil {
			return false, err
		}
		sum.searchesFrom = end
		for _, r := range records {
			published, err := events.DecodeSearch(r)
			if err != nil {
				return false, err
			}
			sum.record(l.searches[published.CorrelationID], published.ID, r)
		}
		return len(sum.missing) == 0, nil
	})
	require.NoError(t, err, "%d answered searches are not on the topic as they were served: %s", len(sum.missing), describe(sum.missing))
}

// record takes note of a search on the topic. Of searches that nobody got an answer
// to, nothing is known.
func (sum *tally) record(s *search, id string, r events.Record) {
	sum.published++
	if s == nil || string(r.Key) != s.key || sha256.Sum256(r.Value) != s.value {
		return
	}
	if s.recorded[id]++; s.recorded[id] > 1 {
		sum.repeated++
	}
	delete(sum.missing, s.id)
}

func describe(missing map[string]*search) string {
	ids := make([]string, 0, 5)
	for id := range missing {
		if ids = append(ids, id); len(ids) == cap(ids) {
			break
		}
	}
	text, _ := json.Marshal(ids) // strings only
	return string(text)
}
