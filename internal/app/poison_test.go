package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/operations"
	"bookstore/internal/query"
	"bookstore/internal/testenv"
	"bookstore/internal/verify"
	"bookstore/internal/web"
)

// publish puts messages onto a topic as any program can, past the service.
func (b bookstore) publish(t testing.TB, topic string, messages ...events.Encoded) {
	t.Helper()
	publisher, err := messaging.NewPublisher(b.kafka())
	require.NoError(t, err)
	defer publisher.Close()
	ctx, cancel := context.WithTimeout(t.Context(), recovery)
	defer cancel()
	const atOnce = 2000
	for len(messages) > 0 {
		n := min(atOnce, len(messages))
		_, err := messaging.Writer{Publisher: publisher, Topic: topic}.Append(ctx, messages[:n])
		require.NoError(t, err)
		messages = messages[n:]
	}
}

// asked encodes a command.
func asked(t testing.TB, c events.Command) events.Encoded {
	t.Helper()
	encoded, err := events.EncodeCommand(events.Envelope{ID: uuid.NewString(), Source: "/tests", Time: time.Now()}, c)
	require.NoError(t, err)
	return encoded
}

// verified compares the database with the log, and returns what is parked.
func (b bookstore) verified(t testing.TB, pool *pgxpool.Pool) (report verify.Report, parked []verify.Difference) {
	t.Helper()
	report, err := verify.Run(t.Context(), b.verification(pool, func(d verify.Difference) {
		require.Equal(t, verify.FieldParked, d.Field, "%+v", d)
		parked = append(parked, d)
	}))
	require.NoError(t, err)
	require.Zero(t, report.Differences)
	return report, parked
}

// readyParked is what /readyz tells of parked records, by consumer.
func readyParked(t testing.TB, c caller) map[string][]struct{ Generation, Records, Poison int64 } {
	t.Helper()
	ready := c.get("/readyz", nil)
	require.Equal(t, http.StatusOK, ready.status, "the service can do its work")
	for _, check := range decode[struct {
		Checks []struct {
			Name, State string
			Detail      json.RawMessage
		}
	}](t, ready).Checks {
		if check.Name != "parked" || check.State == "ok" {
			continue
		}
		var detail map[string][]struct{ Generation, Records, Poison int64 }
		require.NoError(t, json.Unmarshal(check.Detail, &detail))
		return detail
	}
	return nil
}

// One event among ten thousand can't be applied, as a bug in the read models has
// it. Its book is parked, and says so; the others are right; and when the bug is
// fixed a retry brings it level.
func TestOnePoisonEventAmongTenThousand(t *testing.T) {
	t.Parallel()
	const books, first, poisoned = 10_000, 1_000_001, 1_004_711 // the service gives other ids itself
	b := newBookstore(t)
	c := newCaller(t, b.start(t, nil).URL())
	pool := b.connect(t)
	for _, table := range []string{`catalog_books_g1 ADD CONSTRAINT bug CHECK (title <> 'Poison')`, `history_entries_g1 ADD CONSTRAINT bug CHECK (details->>'title' <> 'Poison')`} {
		_, err := pool.Exec(t.Context(), `ALTER TABLE `+table)
		require.NoError(t, err)
	}
	commands := make([]events.Encoded, 0, books+1)
	titled := func(title string) events.Details { return events.Details{Title: title, Author: "Somebody"} }
	for i := range int64(books) {
		id := first + i
		commands = append(commands, asked(t, events.CreateBook{ID: id, Details: titled(fmt.Sprintf("Volume v%d", id))}))
		if i == books/2 {
			commands = append(commands, asked(t, events.UpdateBook{ID: poisoned, Details: titled("Poison")}))
		}
	}
	b.publish(t, b.topics.Commands, commands...)
	b.awaitApplied(t, pool, time.Minute)
	// Later, as within one batch the catalog writes a book's last state only.
	b.publish(t, b.topics.Commands,
		asked(t, events.UpdateBook{ID: poisoned, Details: titled("Third edition")}), asked(t, events.UpdateBook{ID: poisoned, Details: titled("Fourth edition")}))
	b.awaitApplied(t, pool, recovery)

	// The book, and nothing but it.
	report, differences := b.verified(t, pool)
	require.EqualValues(t, books, report.Catalog.Found)
	require.Equal(t, verify.Parked{Books: 1, Events: 3}, report.Parked)
	require.Len(t, differences, 2, "in the catalog and in the history")
	for _, d := range differences {
		require.EqualValues(t, poisoned, d.Book)
	}
	shown := c.get(bookPath(poisoned), nil)
	require.Equal(t, http.StatusOK, shown.status)
	book := decode[web.Book](t, shown)
	require.Equal(t, "Volume v1004711", book.Title, "as it was before")
	require.EqualValues(t, 3, book.ParkedEvents)
	require.Empty(t, shown.header.Get("ETag"))
	found := decode[[]web.Book](t, c.get("/api/books?q=v1004711", nil))
	require.Equal(t, []web.Book{book}, found)
	history := decode[[]query.Entry](t, c.get(bookPath(poisoned)+"/history", nil))
	require.Len(t, history, 1)
	require.EqualValues(t, 3, history[0].ParkedEvents)
	require.NotContains(t, string(c.get(bookPath(poisoned+1), nil).body), "parked")

	// It is shown to operators.
	for _, consumer := range []string{"catalog", "history"} {
		require.Equal(t, []struct{ Generation, Records, Poison int64 }{{1, 3, 1}}, readyParked(t, c)[consumer])
		require.Contains(t, string(c.get("/metrics", nil).body), fmt.Sprintf(`bookstore_parked_records{consumer="%s",generation="1"} 3`, consumer))
	}
	require.Len(t, decode[[]operations.Parked](t, c.get(fmt.Sprintf("/api/parked?book=%d", poisoned), nil)), 6)
	require.Len(t, decode[[]operations.Parked](t, c.get("/api/parked", nil)), 6)

	// With the bug still there a retry is in vain, and everything goes on.
	retried := decode[operations.Asked](t, c.do(http.MethodPost, "/api/parked/retry", nil, nil))
	require.Equal(t, 6, retried.Parked, "%+v", retried)
	c.create(mobyDick)
	_, differences = b.verified(t, pool)
	require.Len(t, differences, 2)

	// The fix.
	for _, table := range []string{"catalog_books_g1", "history_entries_g1"} {
		_, err := pool.Exec(t.Context(), `ALTER TABLE `+table+` DROP CONSTRAINT bug`)
		require.NoError(t, err)
	}
	retried = decode[operations.Asked](t, c.do(http.MethodPost, "/api/parked/retry", nil, nil))
	require.Equal(t, 6, retried.Applied, "%+v", retried)
	report = b.requireVerified(t, pool)
	require.True(t, report.Equal())
	require.EqualValues(t, books+1, report.Catalog.Found)
	book = decode[web.Book](t, c.get(bookPath(poisoned), nil))
	require.Equal(t, "Fourth edition", book.Title)
	require.Zero(t, book.ParkedEvents)
	require.Len(t, decode[[]query.Entry](t, c.get(bookPath(poisoned)+"/history", nil)), 4)
	require.Empty(t, readyParked(t, c))
}

// Somebody puts something onto the events topic that nothing can read. It is parked,
// with what the service says of the same book; and a start on an empty database comes
// to the same.
func TestWhatNobodyCanReadIsParkedAlsoOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	service := b.start(t, nil)
	c := newCaller(t, service.URL())
	book, _ := c.create(mobyDick)
	other, _ := c.create(mobyDick)
	pool := b.connect(t)
	unknown := events.Encoded{Key: events.BookKey(book.ID), Value: []byte(`{}`), Headers: events.Envelope{
		ID: "e", Source: "/elsewhere", Type: "bookstore.book.updated.v9", Time: time.Now(),
	}.Headers()}
	b.publish(t, b.topics.Events, unknown)
	b.awaitApplied(t, pool, recovery)
	revised := mobyDick
	revised.Title = "Moby Dick"
	// Its own book is held back, so nobody can wait for it to be readable.
	require.Equal(t, http.StatusAccepted, c.do(http.MethodPut, bookPath(book.ID), headers{"If-Match": `"1"`, "Prefer": "respond-async"}, revised).status)
	b.awaitApplied(t, pool, recovery)
	require.Equal(t, http.StatusOK, c.do(http.MethodPut, bookPath(other.ID), headers{"If-Match": `"1"`}, revised).status)
	requireParked := func(b bookstore, pool *pgxpool.Pool, c caller) {
		t.Helper()
		b.awaitApplied(t, pool, recovery)
		report, _ := b.verified(t, pool)
		require.Equal(t, verify.Parked{Books: 1, Events: 2}, report.Parked)
		shown := decode[web.Book](t, c.get(bookPath(book.ID), nil))
		require.Equal(t, mobyDick.Title, shown.Title)
		require.EqualValues(t, 2, shown.ParkedEvents)
		require.Equal(t, revised.Title, decode[web.Book](t, c.get(bookPath(other.ID), nil)).Title)
	}
	requireParked(b, pool, c)

	require.NoError(t, service.Close(t.Context())) // it would share the partitions with the next one
	again := b
	again.database = testenv.Database(t)
	emptied, c2 := again.connect(t), newCaller(t, again.start(t, nil).URL())
	requireParked(again, emptied, c2)

	// Given up, it is in nobody's way.
	for _, consumer := range []string{"catalog", "history"} {
		first := decode[[]operations.Parked](t, c2.get("/api/parked?consumer="+consumer, nil))[0]
		require.True(t, first.Poison)
		given := decode[operations.Asked](t, c2.do(http.MethodPost, fmt.Sprintf("/api/parked/%d/discard", first.ID), nil, nil))
		require.Equal(t, 1, given.Discarded)
	}
	await(t, recovery, "what was held back is not applied", func() bool {
		shown := decode[web.Book](t, c2.get(bookPath(book.ID), nil))
		return shown.Title == revised.Title && shown.ParkedEvents == 0
	})
	// What nobody can read and somebody has given up is counted, and no difference.
	var differences []verify.Difference
	report, err := verify.Run(t.Context(), again.verification(emptied, func(d verify.Difference) { differences = append(differences, d) }))
	require.NoError(t, err)
	require.Empty(t, differences)
	require.True(t, report.Equal())
	require.EqualValues(t, 1, report.Discarded)
}
