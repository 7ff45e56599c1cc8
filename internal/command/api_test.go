package command_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/web"
)

func bookPath(id int64) string { return fmt.Sprintf("/api/books/%d", id) }

func TestALifeOfABook(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)

	created := s.do(http.MethodPost, "/api/books", emma, "X-User-Id: ada", "Traceparent: 00-x")
	book := created.book(t, http.StatusCreated)
	require.Equal(t, web.Book{
		ID: book.ID, Version: 1, Title: "Emma", Author: "Jane Austen", PublishedAt: "1815-12-23",
		Description: "A matchmaker errs & learns.", CreatedAt: book.CreatedAt, UpdatedAt: book.CreatedAt,
	}, book)
	require.WithinDuration(t, time.Now(), book.CreatedAt, time.Minute)
	require.Equal(t, bookPath(book.ID), created.Header.Get("Location"))
	require.Equal(t, `"1"`, created.Header.Get("ETag"))
	require.Equal(t, "0.0", created.Header.Get("Consistency-Token"))
	require.Empty(t, created.Header.Get("Idempotency-Replayed"))
	require.Equal(t, "ada", s.bus.commands()[0].Actor)
	var readable int
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT count(*) FROM books WHERE id = $1`, book.ID).Scan(&readable))
	require.Equal(t, 1, readable, "answered once it can be read")

	updated := s.do(http.MethodPut, bookPath(book.ID), `{"title": "Emma, revised", "author": "J. Austen"}`)
	after := updated.book(t, http.StatusOK)
	require.Equal(t, web.Book{
		ID: book.ID, Version: 2, Title: "Emma, revised", Author: "J. Austen", CreatedAt: book.CreatedAt, UpdatedAt: after.UpdatedAt,
	}, after, "all details are replaced")
	require.Equal(t, `"2"`, updated.Header.Get("ETag"))
	require.Equal(t, "0.1", updated.Header.Get("Consistency-Token"))

	deleted := s.do(http.MethodDelete, bookPath(book.ID), "")
	require.Equal(t, http.StatusNoContent, deleted.StatusCode)
	require.Empty(t, deleted.body)
	require.Equal(t, "0.2", deleted.Header.Get("Consistency-Token"))

	s.do(http.MethodPut, bookPath(book.ID), emma).problem(t, http.StatusNotFound, web.TypeNotFound)
	s.do(http.MethodDelete, bookPath(book.ID), "").problem(t, http.StatusNotFound, web.TypeNotFound)
	require.Len(t, s.log.all(), 3)
}

func TestAnISBNIsTakenInAnyFormAndKeptAsItsDigits(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	body := func(isbn string) string {
		return fmt.Sprintf(`{"title": "Emma", "author": "Jane Austen", "isbn": %q}`, isbn)
	}
	created := s.do(http.MethodPost, "/api/books", body("ISBN 0-8044-2957-x"), "Idempotency-Key: k")
	book := created.book(t, http.StatusCreated)
	require.Equal(t, "9780804429573", book.ISBN)
	require.Equal(t, "9780804429573", s.bus.commands()[0].Command.(events.CreateBook).ISBN)

	again := s.do(http.MethodPost, "/api/books", body("978‑0‑8044‑2957‑3"), "Idempotency-Key: k")
	require.Equal(t, book, again.book(t, http.StatusCreated), "the same request, written in another way")
	s.do(http.MethodPost, "/api/books", body("9783161484100"), "Idempotency-Key: k").problem(t, http.StatusUnprocessableEntity, web.TypeIdempotencyKeyReused)
	s.do(http.MethodPost, "/api/books", body(""), "Idempotency-Key: k").problem(t, http.StatusUnprocessableEntity, web.TypeIdempotencyKeyReused)

	changed := s.do(http.MethodPut, bookPath(book.ID), body("978-3-16-148410-0"))
	require.Equal(t, "9783161484100", changed.book(t, http.StatusOK).ISBN)
	unchanged := s.do(http.MethodPut, bookPath(book.ID), body("978-3-16-148410-1"))
	problem := unchanged.problem(t, http.StatusUnprocessableEntity, web.TypeInvalidFields)
	require.Equal(t, []string{"isbn"}, fields(problem))
	require.Contains(t, problem.Errors[0].Message, "leave it out")

	removed := s.do(http.MethodPut, bookPath(book.ID), emma)
	require.Empty(t, removed.book(t, http.StatusOK).ISBN, "all details are replaced")
	require.NotContains(t, removed.body, "isbn")
	require.Len(t, s.log.all(), 3)
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	book := s.create()
	for i, tc := range []struct {
		headers []string
		version int64 // of the book then; 0: refused
	}{
		{[]string{`If-Match: "1"`}, 2},
		{[]string{`If-Match: "1"`}, 0},
		{[]string{`If-Match: "9", "2"`}, 3},
		{[]string{`If-Match: "9"`, `If-Match: "3"`}, 4},
		{[]string{`If-Match: *`}, 5},
		{[]string{`If-Match: "1", "4"`}, 0},
		{[]string{`If-Match: W/"5"`}, 0}, // never matches (RFC 9110, section 13.1.1)
		{[]string{`If-Match: "abc"`}, 0},
		{[]string{`If-Match: "6"`}, 0},
		{[]string{`If-Match: W/"5", "5"`}, 6},
		{nil, 7},
	} {
		before := len(s.log.all())
		a := s.do(http.MethodPut, bookPath(book.ID), emma, tc.headers...)
		if tc.version > 0 {
			require.Equal(t, tc.version, a.book(t, http.StatusOK).Version, "step %d", i)
			continue
		}
		a.problem(t, http.StatusPreconditionFailed, web.TypePreconditionFailed)
		for _, e := range s.log.told(t)[before:] {
			require.Contains(t, e, "rejected")
		}
	}
	s.do(http.MethodDelete, bookPath(book.ID), "", `If-Match: "6"`).problem(t, http.StatusPreconditionFailed, web.TypePreconditionFailed)
	p := s.do(http.MethodDelete, bookPath(book.ID), "", `If-Match: 7`).problem(t, http.StatusBadRequest, web.TypeBadRequest)
	require.Equal(t, []string{"If-Match"}, fields(p))
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, bookPath(book.ID), "", `If-Match: "7"`).StatusCode)
	s.do(http.MethodDelete, bookPath(book.ID), "", `If-Match: *`).problem(t, http.StatusNotFound, web.TypeNotFound)
}

// The decision itself holds the condition, also when the look before it passed.
func TestIfMatchHoldsAtTheDecision(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	book := s.create()
	const clients = 8
	var group sync.WaitGroup
	statuses := make([]int, clients)
	s.bus.set(t, func(b *bus) { b.hold = true })
	for i := range clients {
		group.Go(func() { statuses[i] = s.do(http.MethodPut, bookPath(book.ID), emma, `If-Match: "1"`).StatusCode })
	}
	require.Eventually(t, func() bool { return len(s.bus.commands()) == clients+1 }, patience, pollEvery)
	s.bus.set(t, func(b *bus) { b.hold = false })
	group.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusPreconditionFailed: clients - 1}, counts)
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	first := s.do(http.MethodPost, "/api/books", emma, "Idempotency-Key: k1")
	book := first.book(t, http.StatusCreated)
	for _, key := range []string{"k1", `"k1"`} { // bare, and as the draft has it
		again := s.do(http.MethodPost, "/api/books", emma, "Idempotency-Key: "+key)
		require.Equal(t, book, again.book(t, http.StatusCreated))
		require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
		for _, header := range []string{"Location", "ETag", "Consistency-Token"} {
			require.Equal(t, first.Header.Get(header), again.Header.Get(header))
		}
	}

	for name, other := range map[string]answer{
		"other content": s.do(http.MethodPost, "/api/books", strings.Replace(emma, "Emma", "Persuasion", 1), "Idempotency-Key: k1"),
		"other method":  s.do(http.MethodPut, bookPath(book.ID), emma, "Idempotency-Key: k1"),
		"a deletion":    s.do(http.MethodDelete, bookPath(book.ID), "", "Idempotency-Key: k1"),
		"no such book":  s.do(http.MethodDelete, bookPath(book.ID+999), "", "Idempotency-Key: k1"),
	} {
		p := other.problem(t, http.StatusUnprocessableEntity, web.TypeIdempotencyKeyReused)
		require.Equal(t, []string{"Idempotency-Key"}, fields(p), name)
		require.Empty(t, other.Header.Get("Idempotency-Replayed"), name)
	}
	// A key is its user's own.
	require.NotEqual(t, book.ID, s.do(http.MethodPost, "/api/books", emma, "Idempotency-Key: k1", "X-User-Id: bob").book(t, http.StatusCreated).ID)
	require.Len(t, s.log.all(), 2)

	// What the book has become since does not change the first answer.
	update := func() answer {
		return s.do(http.MethodPut, bookPath(book.ID), emma, "Idempotency-Key: k2", `If-Match: "1"`)
	}
	require.Equal(t, int64(2), update().book(t, http.StatusOK).Version)
	require.Equal(t, int64(2), update().book(t, http.StatusOK).Version)
	remove := func() answer { return s.do(http.MethodDelete, bookPath(book.ID), "", "Idempotency-Key: k3") }
	require.Equal(t, http.StatusNoContent, remove().StatusCode)
	require.Equal(t, http.StatusNoContent, remove().StatusCode)
	require.Equal(t, int64(2), update().book(t, http.StatusOK).Version)
	require.Equal(t, []string{"created 1", "created 1", "updated 2", "deleted 3"}, withoutIDs(s.log.told(t)))
}

// withoutIDs cuts the books' ids off what a log told.
func withoutIDs(told []string) []string {
	for i, text := range told {
		_, told[i], _ = strings.Cut(text, " ")
	}
	return told
}

func TestARejectionIsReplayedAsWell(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	book := s.create()
	s.bus.set(t, func(b *bus) { b.hold = true })
	async := []string{"Prefer: respond-async", `If-Match: "1"`}
	require.Equal(t, http.StatusAccepted, s.do(http.MethodPut, bookPath(book.ID), emma, async...).StatusCode)
	require.Equal(t, http.StatusAccepted, s.do(http.MethodPut, bookPath(book.ID), emma, append(async, "Idempotency-Key: k")...).StatusCode)
	s.bus.set(t, func(b *bus) { b.hold = false })
	for range 2 {
		a := s.do(http.MethodPut, bookPath(book.ID), emma, `If-Match: "1"`, "Idempotency-Key: k")
		a.problem(t, http.StatusPreconditionFailed, web.TypePreconditionFailed)
	}
	a := s.do(http.MethodPut, bookPath(book.ID), emma, `If-Match: "1"`, "Idempotency-Key: k")
	require.Equal(t, "true", a.Header.Get("Idempotency-Replayed"))
}

func TestOneBookForManyAtOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.bus.set(t, func(b *bus) { b.hold = true })
	books := make([]web.Book, 4)
	var group sync.WaitGroup
	for i := range books {
		group.Go(func() {
			books[i] = s.do(http.MethodPost, "/api/books", emma, "Idempotency-Key: same").book(t, http.StatusCreated)
		})
	}
	require.Eventually(t, func() bool { return len(s.bus.commands()) == len(books) }, patience, pollEvery)
	s.bus.set(t, func(b *bus) { b.hold = false })
	group.Wait()
	for _, book := range books {
		require.Equal(t, books[0], book)
	}
	require.Equal(t, []string{fmt.Sprintf("%d created 1", books[0].ID)}, s.log.told(t))
}

func TestOneOfTwoRequestsAtOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.bus.set(t, func(b *bus) { b.hold = true })
	answers := make([]answer, 2)
	var group sync.WaitGroup
	for i, body := range []string{emma, strings.Replace(emma, "Emma", "Persuasion", 1)} {
		group.Go(func() { answers[i] = s.do(http.MethodPost, "/api/books", body, "Idempotency-Key: same") })
	}
	require.Eventually(t, func() bool { return len(s.bus.commands()) == len(answers) }, patience, pollEvery)
	s.bus.set(t, func(b *bus) { b.hold = false })
	group.Wait()
	won, lost := answers[0], answers[1]
	if won.StatusCode != http.StatusCreated {
		won, lost = lost, won
	}
	require.Equal(t, []string{fmt.Sprintf("%d created 1", won.book(t, http.StatusCreated).ID)}, s.log.told(t))
	lost.problem(t, http.StatusUnprocessableEntity, web.TypeIdempotencyKeyReused)
}

// slowReader is a database whose answer on how a book stands comes late.
type slowReader struct {
	postgres.Reader
	meanwhile func()
}

func (r slowReader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	r.meanwhile()
	return r.Reader.Query(ctx, sql, args...)
}

// A first try was sent and not confirmed. It is decided between two looks of its
// retry, which must not take its own change for somebody else's.
func TestARetryThatMeetsItsFirstTry(t *testing.T) {
	t.Parallel()
	meanwhile := func() {}
	s := startService(t, func(a *command.API) {
		a.DB = slowReader{a.DB, func() { meanwhile() }}
	})
	book := s.create()
	update := func() answer {
		return s.do(http.MethodPut, bookPath(book.ID), emma, "Idempotency-Key: k", `If-Match: "1"`)
	}
	s.bus.set(t, func(b *bus) { b.hold, b.fail = true, events.ErrMaybeWritten })
	update().problem(t, http.StatusServiceUnavailable, web.TypeMaybeWritten)
	meanwhile = func() {
		s.bus.set(t, func(b *bus) { b.hold, b.fail = false, nil })
		require.Eventually(t, func() bool { all, open := decisions(t, s.pool); return all == 2 && open == 0 }, patience, pollEvery)
	}
	require.Equal(t, int64(2), update().book(t, http.StatusOK).Version)
	require.Len(t, s.log.all(), 2)
}

// A command was decided, and its event could not be published yet. A retry must
// not take its own change for somebody else's.
func TestARetryOfWhatIsDecidedAndNotPublished(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	book := s.create()
	away := make(chan struct{})
	s.log.before = func([]events.Encoded) error {
		select {
		case <-away:
			return nil
		default:
			return events.ErrLogUnavailable
		}
	}
	update := func(headers ...string) answer {
		return s.do(http.MethodPut, bookPath(book.ID), emma, append(headers, "Idempotency-Key: k", `If-Match: "1"`)...)
	}
	require.Equal(t, http.StatusAccepted, update("Prefer: respond-async").StatusCode)
	require.Eventually(t, func() bool { all, _ := decisions(t, s.pool); return all == 2 }, patience, pollEvery)

	require.Equal(t, http.StatusAccepted, update("Prefer: wait=0").StatusCode)
	s.do(http.MethodPut, bookPath(book.ID), emma, "Idempotency-Key: k", `If-Match: "2"`).problem(t, http.StatusUnprocessableEntity, web.TypeIdempotencyKeyReused)
	close(away)
	require.Equal(t, int64(2), update().book(t, http.StatusOK).Version)
	require.Len(t, s.bus.commands(), 2, "what is decided is not sent again")
}

func TestAsynchronousWrites(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.bus.set(t, func(b *bus) { b.hold = true })
	for i, prefer := range []string{"respond-async", "wait=0", "respond-async, wait=10"} {
		a := s.do(http.MethodPost, "/api/books", emma, "Prefer: "+prefer)
		status := a.command(t, http.StatusAccepted)
		id := s.bus.commands()[i].ID
		require.Equal(t, map[string]any{"command_id": id, "status": "pending", "location": "/api/commands/" + id}, status)
		require.Equal(t, "/api/commands/"+id, a.Header.Get("Location"))
		require.Empty(t, a.Header.Get("ETag"))
		require.Equal(t, status, s.do(http.MethodGet, a.Header.Get("Location"), "").command(t, http.StatusOK))
	}
}

func TestTheWaitRunsOut(t *testing.T) {
	t.Parallel()
	s := startService(t, func(a *command.API) { a.Wait = time.Millisecond })
	s.bus.set(t, func(b *bus) { b.hold = true })
	require.Equal(t, http.StatusAccepted, s.do(http.MethodPost, "/api/books", emma).StatusCode)
}

// deaf is a read model that is never up to date.
type deaf struct{}

func (deaf) WaitFor(ctx context.Context, _ events.Token) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestTheReadModelIsBehind(t *testing.T) {
	t.Parallel()
	s := startService(t, func(a *command.API) { a.ReadModel = deaf{} })
	a := s.do(http.MethodPost, "/api/books", emma, "Prefer: wait=1")
	status := a.command(t, http.StatusAccepted)
	require.Equal(t, "0.0", a.Header.Get("Consistency-Token"), "what to ask the read model for")
	require.Equal(t, "accepted", s.do(http.MethodGet, status["location"].(string), "").command(t, http.StatusOK)["status"])
}

func TestWhatBecameOfACommand(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	book := s.create()
	s.bus.set(t, func(b *bus) { b.hold = true })
	location := func(headers ...string) string {
		a := s.do(http.MethodPut, bookPath(book.ID), emma, append(headers, "Prefer: respond-async")...)
		require.Equal(t, http.StatusAccepted, a.StatusCode, a.body)
		return a.Header.Get("Location")
	}
	good, bad := location(`If-Match: "1"`), location(`If-Match: "1"`)
	unknown := "/api/commands/" + uuid.NewString()
	require.Equal(t, "pending", s.do(http.MethodGet, unknown, "").command(t, http.StatusOK)["status"], "it may be among those that are not decided")
	s.bus.set(t, func(b *bus) { b.hold = false })

	require.Eventually(t, func() bool { _, open := decisions(t, s.pool); return open == 0 && len(s.log.all()) == 3 }, patience, pollEvery)
	a := s.do(http.MethodGet, good, "")
	accepted := a.command(t, http.StatusOK)
	require.Equal(t, "accepted", accepted["status"])
	require.Equal(t, bookPath(book.ID), accepted["location"])
	require.InDelta(t, book.ID, accepted["book_id"], 0)
	require.InDelta(t, 2, accepted["version"], 0)
	require.NotEmpty(t, accepted["decided_at"])
	require.Equal(t, "0.1", a.Header.Get("Consistency-Token"))
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))

	rejected := s.do(http.MethodGet, bad, "").command(t, http.StatusOK)
	require.Equal(t, "rejected", rejected["status"])
	require.Equal(t, string(events.RejectedVersion), rejected["reason"])
	require.Equal(t, bad, rejected["location"])

	s.do(http.MethodGet, unknown, "").problem(t, http.StatusNotFound, web.TypeNotFound)
	p := s.do(http.MethodGet, "/api/commands/17", "").problem(t, http.StatusBadRequest, web.TypeBadRequest)
	require.Equal(t, []string{"id"}, fields(p))
	same := "/api/commands/" + strings.ToUpper(strings.TrimPrefix(good, "/api/commands/"))
	require.Equal(t, "accepted", s.do(http.MethodGet, same, "").command(t, http.StatusOK)["status"])
}

// A decision whose event is not on the log yet is not told: consumers can't see
// it yet.
func TestACommandIsPendingUntilItsEventIsThere(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	away := make(chan struct{})
	s.log.before = func([]events.Encoded) error {
		select {
		case <-away:
			return nil
		default:
			return events.ErrLogUnavailable
		}
	}
	location := s.do(http.MethodPost, "/api/books", emma, "Prefer: respond-async").Header.Get("Location")
	require.Eventually(t, func() bool { all, _ := decisions(t, s.pool); return all == 1 }, patience, pollEvery)
	require.Equal(t, "pending", s.do(http.MethodGet, location, "").command(t, http.StatusOK)["status"])
	close(away)
	require.Eventually(t, func() bool {
		return s.do(http.MethodGet, location, "").command(t, http.StatusOK)["status"] == "accepted"
	}, patience, pollEvery)
}

func TestTheLogIsAway(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.bus.set(t, func(b *bus) { b.fail, b.lost = events.ErrLogUnavailable, true })
	a := s.do(http.MethodPost, "/api/books", emma)
	a.problem(t, http.StatusServiceUnavailable, web.TypeUnavailable)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	all, _ := decisions(t, s.pool)
	require.Zero(t, all)
}

// A write that was not confirmed may have arrived. Under the same key the retry is
// safe, whether it did or not.
func TestAWriteThatWasNotConfirmed(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"arrived": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startService(t, nil)
			s.bus.set(t, func(b *bus) { b.fail, b.lost = events.ErrMaybeWritten, lost })
			a := s.do(http.MethodPost, "/api/books", emma, "Idempotency-Key: k")
			a.problem(t, http.StatusServiceUnavailable, web.TypeMaybeWritten)
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			s.bus.set(t, func(b *bus) { b.fail, b.lost = nil, false })
			book := s.do(http.MethodPost, "/api/books", emma, "Idempotency-Key: k").book(t, http.StatusCreated)
			require.Equal(t, int64(1), book.Version)
			require.Len(t, s.log.all(), 1)
		})
	}
}

// Each mistake is named, and nothing comes of it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	book := s.create()
	path := bookPath(book.ID)
	with := func(member, value string) string {
		members := map[string]string{"title": `"T"`, "author": `"A"`}
		members[member] = value
		var parts []string
		for name, value := range members {
			parts = append(parts, fmt.Sprintf("%q: %s", name, value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }

	for name, tc := range map[string]struct {
		body    string
		headers []string
		status  int
		fields  []string
	}{
		"no body":               {body: " ", status: http.StatusBadRequest},
		"cut off":               {body: `{"title": "T"`, status: http.StatusBadRequest},
		"no JSON":               {body: `title=T`, status: http.StatusBadRequest},
		"a list":                {body: `[]`, status: http.StatusBadRequest},
		"null":                  {body: `null`, status: http.StatusBadRequest},
		"two values":            {body: emma + emma, status: http.StatusBadRequest},
		"invalid UTF-8":         {body: with("title", "\"\xff\""), status: http.StatusBadRequest},
		"raw NUL":               {body: with("title", "\"a\x00b\""), status: http.StatusBadRequest},
		"escaped NUL":           {body: with("title", `"a\u0000b"`), status: http.StatusUnprocessableEntity, fields: []string{"title"}},
		"half a surrogate pair": {body: with("author", `"\ud800"`), status: http.StatusUnprocessableEntity, fields: []string{"author"}},
		"unknown member":        {body: with("titel", `"T"`), status: http.StatusUnprocessableEntity, fields: []string{"titel"}},
		"an id":                 {body: with("id", `7`), status: http.StatusUnprocessableEntity, fields: []string{"id"}},
		"wrong type":            {body: with("title", `7`), status: http.StatusUnprocessableEntity, fields: []string{"title"}},
		"wrong types":           {body: `{"title": {}, "author": [], "published_at": 1815}`, status: http.StatusUnprocessableEntity, fields: []string{"author", "published_at", "title"}},
		"null member":           {body: with("description", `null`), status: http.StatusUnprocessableEntity, fields: []string{"description"}},
		"doubled member":        {body: `{"title": "T", "title": "U", "author": "A"}`, status: http.StatusUnprocessableEntity, fields: []string{"title"}},
		"empty object":          {body: `{}`, status: http.StatusUnprocessableEntity, fields: []string{"author", "title"}},
		"an ISBN as a number":   {body: with("isbn", `9783161484100`), status: http.StatusUnprocessableEntity, fields: []string{"isbn"}},
		"another book's ISBN":   {body: with("isbn", `"978-3-16-148410-1"`), status: http.StatusUnprocessableEntity, fields: []string{"isbn"}},
		"a space for an ISBN":   {body: with("isbn", `" "`), status: http.StatusUnprocessableEntity, fields: []string{"isbn"}},
		"empty title":           {body: with("title", `""`), status: http.StatusUnprocessableEntity, fields: []string{"title"}},
		"blank author":          {body: with("author", `" \t "`), status: http.StatusUnprocessableEntity, fields: []string{"author"}},
		"long title":            {body: with("title", text(10_000)), status: http.StatusUnprocessableEntity, fields: []string{"title"}},
		"long description":      {body: with("description", text(1<<20)), status: http.StatusUnprocessableEntity, fields: []string{"description"}},
		"large body":            {body: with("description", text(5<<20)), status: http.StatusRequestEntityTooLarge},
		"February 30":           {body: with("published_at", `"1815-02-30"`), status: http.StatusUnprocessableEntity, fields: []string{"published_at"}},
		"month 13":              {body: with("published_at", `"1815-13"`), status: http.StatusUnprocessableEntity, fields: []string{"published_at"}},
		"no date":               {body: with("published_at", `"last year"`), status: http.StatusUnprocessableEntity, fields: []string{"published_at"}},
		"a date with time":      {body: with("published_at", `"1815-12-23T00:00:00Z"`), status: http.StatusUnprocessableEntity, fields: []string{"published_at"}},
		"control character":     {body: with("author", `"\u001b[31m"`), status: http.StatusUnprocessableEntity, fields: []string{"author"}},
		"other content type":    {body: emma, headers: []string{"Content-Type: text/plain"}, status: http.StatusUnsupportedMediaType},
		"key with a space":      {body: emma, headers: []string{"Idempotency-Key: a b"}, status: http.StatusBadRequest, fields: []string{"Idempotency-Key"}},
		"empty key":             {body: emma, headers: []string{"Idempotency-Key: "}, status: http.StatusBadRequest, fields: []string{"Idempotency-Key"}},
		"long key":              {body: emma, headers: []string{"Idempotency-Key: " + strings.Repeat("k", 256)}, status: http.StatusBadRequest, fields: []string{"Idempotency-Key"}},
		"long user id":          {body: emma, headers: []string{"X-User-Id: " + strings.Repeat("u", 129)}, status: http.StatusBadRequest, fields: []string{"X-User-Id"}},
	} {
		for method, target := range map[string]string{http.MethodPost: "/api/books", http.MethodPut: path} {
			a := s.do(method, target, tc.body, tc.headers...)
			require.Equal(t, tc.status, a.StatusCode, "%s %s: %s", method, name, a.body)
			p := a.problem(t, tc.status, kindOf(t, a))
			require.ElementsMatch(t, tc.fields, fields(p), "%s %s: %s", method, name, a.body)
		}
	}

	for _, id := range []string{"abc", "0", "-1", "1.5", "9223372036854775808", "1e3", "%00", "%FF", "1%20"} {
		for method, body := range map[string]string{http.MethodPut: emma, http.MethodDelete: ""} {
			p := s.do(method, "/api/books/"+id, body).problem(t, http.StatusBadRequest, web.TypeBadRequest)
			require.Equal(t, []string{"id"}, fields(p), "%s %s", method, id)
		}
	}
	for _, id := range []string{"9223372036854775807", "999999"} {
		s.do(http.MethodPut, "/api/books/"+id, emma).problem(t, http.StatusNotFound, web.TypeNotFound)
		s.do(http.MethodDelete, "/api/books/"+id, "").problem(t, http.StatusNotFound, web.TypeNotFound)
	}

	require.Len(t, s.bus.commands(), 1, "no command was sent but the first")
	all, _ := decisions(t, s.pool)
	require.Equal(t, 1, all)
}

// kindOf is the type of the problem in an answer.
func kindOf(t require.TestingT, a answer) string {
	kinds := map[int]string{
		http.StatusBadRequest:            web.TypeBadRequest,
		http.StatusUnprocessableEntity:   web.TypeInvalidFields,
		http.StatusRequestEntityTooLarge: web.TypePayloadTooLarge,
		http.StatusUnsupportedMediaType:  web.TypeUnsupportedMediaType,
	}
	require.Contains(t, kinds, a.StatusCode)
	return kinds[a.StatusCode]
}
