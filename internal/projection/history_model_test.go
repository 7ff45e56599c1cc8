package projection_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// model is what the projections hold, the simple way: one event at a time.
type model struct {
	heads   map[int64]int64
	books   map[int64]catalogRow
	words   vocabulary
	history map[int64][]string // what happened, by version
}

func newModel() *model {
	return &model{heads: map[int64]int64{}, books: map[int64]catalogRow{}, words: vocabulary{}, history: map[int64][]string{}}
}

func (m *model) apply(event events.Event) {
	e, changesBook := event.(events.BookEvent)
	if !changesBook || e.BookVersion() <= m.heads[e.Book()] {
		return
	}
	id := e.Book()
	m.heads[id] = e.BookVersion()
	b := m.books[id]
	b.ID, b.Version = id, e.BookVersion()
	switch e := event.(type) {
	case events.BookCreated:
		b.Details, b.CreatedAt, b.UpdatedAt = e.Details, e.CreatedAt, e.CreatedAt
		m.history[id] = append(m.history[id], "created")
	case events.BookUpdated:
		b.Details, b.UpdatedAt = e.Details, e.UpdatedAt
		m.history[id] = append(m.history[id], "updated")
	case events.BookDeleted:
		m.history[id] = append(m.history[id], "deleted")
		delete(m.books, id)
		return
	}
	m.books[id] = b
	m.words.add(b.Details)
}

// drawLog draws a log of a few books: their histories in any interleaving, with
// rejections, and with parts that are published again.
func drawLog(t *rapid.T) []events.Event {
	const books = 4
	var happened [books + 1][]events.Event // by book: what is in the log
	var ended [books + 1]bool
	var all []events.Event
	for range rapid.IntRange(1, 40).Draw(t, "length") {
		id := rapid.Int64Range(1, books).Draw(t, "book")
		past := happened[id]
		version := int64(len(past)) + 1
		var event events.Event
		switch kind := rapid.SampledFrom([]string{"step", "step", "step", "delete", "reject", "again"}).Draw(t, "kind"); {
		case kind == "reject":
			all = append(all, rejected(id))
			continue
		case kind == "again" || ended[id]:
			from := rapid.IntRange(0, len(past)).Draw(t, "from")
			to := rapid.IntRange(from, len(past)).Draw(t, "to")
			all = append(all, past[from:to]...)
			continue
		case version == 1:
			event = created(id)
		case kind == "delete":
			event, ended[id] = deleted(id, version), true
		default:
			event = updated(id, version)
		}
		happened[id] = append(past, event)
		all = append(all, event)
	}
	return all
}

func TestAnyBatchesComeToWhatTheModelHas(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var generation atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		live, rebuilt := generation.Add(1), generation.Add(1)
		var l log
		want := newModel()
		for _, event := range drawLog(t) {
			l.add(t, event)
			want.apply(event)
		}
		for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
			create(t, pool, p, live)
			create(t, pool, p, rebuilt)
			for rest := l.records; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "batch")
				require.NoError(t, apply(pool, p, live, rest[:n]))
				rest = rest[n:]
			}
			require.NoError(t, apply(pool, p, rebuilt, l.records))
		}
		requireModel(t, pool, want, live)
		for _, table := range []string{"catalog_books", "catalog_deleted", "catalog_words", "history_entries"} {
			requireSameRows(t, pool, fmt.Sprintf("%s_g%d", table, live), fmt.Sprintf("%s_g%d", table, rebuilt))
		}
	})
}

// A log that has lost an event is never followed past it, however it is cut.
func TestAnyLostEventIsNoticed(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var generation atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.Int64Range(3, 20).Draw(t, "length")
		lost := rapid.Int64Range(1, length-1).Draw(t, "lost")
		var l log
		for version := int64(1); version <= length; version++ {
			switch version {
			case lost:
			case 1:
				l.add(t, created(1))
			default:
				l.add(t, updated(1, version))
			}
			l.add(t, rejected(1))
		}
		for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
			g := generation.Add(1)
			create(t, pool, p, g)
			var err error
			for rest := l.records; len(rest) > 0 && err == nil; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "batch")
				err = apply(pool, p, g, rest[:n])
				rest = rest[n:]
			}
			var gap *projection.GapError
			require.ErrorAs(t, err, &gap)
			require.Equal(t, []int64{1, lost - 1, lost + 1}, []int64{gap.Book, gap.Have, gap.Got})
		}
	})
}

func requireModel(t *rapid.T, pool *pgxpool.Pool, want *model, generation int64) {
	found := map[int64]catalogRow{}
	for _, row := range catalogRows(t, pool, generation) {
		found[row.ID] = row
	}
	require.Equal(t, want.books, found)
	require.Equal(t, want.words, vocabularyOf(t, pool, generation))

	history := map[int64][]string{}
	for _, row := range historyRows(t, pool, generation) {
		require.Equal(t, int64(len(history[row.BookID])+1), row.Version)
		history[row.BookID] = append(history[row.BookID], row.Type)
	}
	require.Equal(t, want.history, history)
}

func requireSameRows(t *rapid.T, pool *pgxpool.Pool, one, other string) {
	var differences int
	require.NoError(t, pool.QueryRow(t.Context(), fmt.Sprintf(`
		SELECT count(*) FROM (
			(TABLE %[1]s EXCEPT TABLE %[2]s) UNION ALL (TABLE %[2]s EXCEPT TABLE %[1]s)
		) AS difference`, one, other)).Scan(&differences))
	require.Zero(t, differences, "%s and %s", one, other)
}
