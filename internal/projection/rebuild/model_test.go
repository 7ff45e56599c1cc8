package rebuild_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

// model is what the read models hold, the simple way: one event at a time.
type model struct {
	heads   map[int64]int64
	books   map[int64]string   // the title
	history map[int64][]string // what happened, by version
}

func newModel() *model {
	return &model{heads: map[int64]int64{}, books: map[int64]string{}, history: map[int64][]string{}}
}

func (m *model) apply(event events.Event) {
	e, changesBook := event.(events.BookEvent)
	if !changesBook || e.BookVersion() <= m.heads[e.Book()] {
		return
	}
	id := e.Book()
	m.heads[id] = e.BookVersion()
	switch e := event.(type) {
	case events.BookCreated:
		m.books[id] = e.Title
		m.history[id] = append(m.history[id], "created")
	case events.BookUpdated:
		m.books[id] = e.Title
		m.history[id] = append(m.history[id], "updated")
	case events.BookDeleted:
		delete(m.books, id)
		m.history[id] = append(m.history[id], "deleted")
	}
}

// teller draws the histories of a few books, in any interleaving.
type teller struct {
	past  map[int64][]events.Event // by book: what was told
	ended map[int64]bool
}

// draw tells what happens next: a step in a book's history, a rejection, or a part
// of what was told already, as a crash of the write side makes it be published again.
func (h *teller) draw(t *rapid.T) []events.Event {
	id := rapid.Int64Range(1, 6).Draw(t, "book")
	past := h.past[id]
	version := int64(len(past)) + 1
	var event events.Event
	switch kind := rapid.SampledFrom([]string{"step", "step", "step", "delete", "reject", "again"}).Draw(t, "kind"); {
	case kind == "reject":
		return []events.Event{rejected(id)}
	case kind == "again" || h.ended[id]:
		from := rapid.IntRange(0, len(past)).Draw(t, "from")
		return past[from:rapid.IntRange(from, len(past)).Draw(t, "to")]
	case version == 1:
		event = created(id)
	case kind == "delete":
		event, h.ended[id] = deleted(id, version), true
	default:
		event = updated(id, version)
	}
	h.past[id] = append(past, event)
	return []events.Event{event}
}

func TestAnyHistoryIsRebuiltAsItWasLived(t *testing.T) {
	t.Parallel()
	pool := newStore(t).pool
	rapid.Check(t, func(t *rapid.T) {
		want := newModel()
		told := teller{past: map[int64][]events.Event{}, ended: map[int64]bool{}}
		r := newRound(t, pool, projection.Catalog{}, projection.History{})
		r.more = func() {
			for _, event := range told.draw(t) { // some of it says nothing new
				want.apply(event)
				r.log.add(t, event)
			}
		}
		r.play()
		require.Empty(t, r.rows(`TABLE parked_records`))
		r.requireModel(want)
	})
}

// round is what happens to projections of one log, and how they are lived and rebuilt.
type round struct {
	*store
	draws       *rapid.T
	projections []projection.Projection
	more        func() // lets something happen: what the log has then, all projections are made of
	program     *program
	live        map[string]*live
}

// newRound begins with an empty database.
func newRound(t *rapid.T, pool *pgxpool.Pool, projections ...projection.Projection) *round {
	r := &round{
		store:       &store{t: t, pool: pool, log: newLog(rapid.IntRange(1, 3).Draw(t, "partitions"))},
		draws:       t,
		projections: projections,
		live:        map[string]*live{},
	}
	r.clear()
	return r
}

// play lets things happen in any order. In the end all is level, and the same as what
// was rebuilt last.
func (r *round) play() {
	r.happen()
	r.program = r.startProgram(r.projections...)
	require.NoError(r.t, r.program.Install(r.t.Context()))
	for _, p := range r.projections {
		r.restartLive(p)
	}
	for range rapid.IntRange(1, 12).Draw(r.draws, "steps") {
		r.step()
	}
	r.finish()
}

// clear takes away what the round before has left. What that was stopped over may go on in
// the database for a moment, and drop or lock the same tables.
func (r *round) clear() {
	r.eventually(func() bool {
		return pgx.BeginFunc(r.t.Context(), r.pool, func(tx pgx.Tx) error {
			found, err := tx.Query(r.t.Context(), `
				SELECT 'DROP VIEW ' || viewname FROM pg_views WHERE schemaname = current_schema
				UNION ALL SELECT 'DROP TABLE ' || unnest(tables) FROM generations
				UNION ALL SELECT 'TRUNCATE generations, checkpoints, rebuilds, parked_records RESTART IDENTITY'`)
			if err != nil {
				return err
			}
			drops, err := pgx.CollectRows(found, pgx.RowTo[string])
			for _, drop := range drops {
				if err == nil {
					_, err = tx.Exec(r.t.Context(), drop)
				}
			}
			return err
		}) == nil
	}, "the round before to be gone")
}

func (r *round) happen() {
	for range rapid.IntRange(0, 10).Draw(r.draws, "events") {
		r.more()
	}
}

func (r *round) step() {
	p := rapid.SampledFrom(r.projections).Draw(r.draws, "projection")
	switch rapid.SampledFrom([]string{"events", "events", "rebuild", "rebuild", "gently", "live", "program", "rollback", "settle", "cancel"}).Draw(r.draws, "step") {
	case "events":
		r.happen()
	case "rebuild":
		r.start(p, rebuild.Request{})
	case "gently":
		r.startGently(p)
	case "live":
		r.restartLive(p)
	case "program":
		r.program.stop()
		r.program = r.startProgram(r.projections...)
	case "rollback":
		err := r.program.Rollback(r.t.Context(), p.Name())
		_, underWay := errors.AsType[*rebuild.UnderWayError](err)
		require.True(r.t, err == nil || underWay || errors.Is(err, rebuild.ErrNothingToRollBackTo), "%v", err)
	case "settle":
		r.settle(p)
	case "cancel":
		if b, there, err := rebuild.Unfinished(r.t.Context(), r.pool, p.Name()); err == nil && there {
			_, err = rebuild.SetWish(r.t.Context(), r.pool, b.ID, rebuild.Cancel)
			require.True(r.t, err == nil || errors.Is(err, rebuild.ErrOver), "%v", err)
		}
	}
}

// start begins a rebuild unless there is one.
func (r *round) start(p projection.Projection, request rebuild.Request) {
	_, err := r.program.Start(r.t.Context(), p.Name(), request)
	if _, underWay := errors.AsType[*rebuild.UnderWayError](err); !underWay {
		require.NoError(r.t, err)
	}
}

// startGently begins a rebuild that gives way to queries, and as if it had begun a
// minute ago: it need not first find out how long they take.
func (r *round) startGently(p projection.Projection) {
	r.program.stop()
	r.start(p, rebuild.Request{MaxQuerySlowdown: new(2.0)})
	r.exec(`UPDATE rebuilds SET started_at = started_at - interval '1 min' WHERE max_query_slowdown IS NOT NULL`)
	r.program = r.startProgram(r.projections...)
}

func (r *round) restartLive(p projection.Projection) {
	r.store.live = r.live[p.Name()] // nil at first
	r.live[p.Name()] = r.startLive(p)
}

// settle waits until there is no rebuild of a projection.
func (r *round) settle(p projection.Projection) {
	r.eventually(func() bool {
		_, there, err := rebuild.Unfinished(r.t.Context(), r.pool, p.Name())
		require.NoError(r.t, err)
		return !there
	}, "the rebuild of %s to be over", p.Name())
}

// finish rebuilds all once more, while the last events happen, and compares.
func (r *round) finish() {
	for _, p := range r.projections {
		r.settle(p)
		r.start(p, rebuild.Request{})
	}
	r.happen()
	for _, p := range r.projections {
		r.settle(p)
		r.awaitLive(p.Name())
		r.eventually(func() bool { return len(r.live[p.Name()].Faults()) == 0 }, "%s to have got over it", p.Name())
	}
	r.program.stop()

	require.Empty(r.t, r.rows(`SELECT id, phase, trouble, verification FROM rebuilds
		WHERE phase NOT IN ('switched', 'cancelled') OR trouble <> '' OR (verification->>'differences')::int > 0`))
	for _, p := range r.projections {
		last, _, err := rebuild.Last(r.t.Context(), r.pool, p.Name())
		require.NoError(r.t, err)
		require.Equal(r.t, rebuild.Switched, last.Phase)
		active, err := projection.ActiveGeneration(r.t.Context(), r.pool, p.Name())
		require.NoError(r.t, err)
		require.Equal(r.t, last.Generation, active)
		require.True(r.t, slices.Contains(r.generations(p.Name()), fmt.Sprintf("(%d,%d,retired,t)", *last.Replaces, p.Version())))
		r.requireSame(p, *last.Replaces, active)
	}
	r.requireNothingLeft()
}

func (r *round) requireModel(want *model) {
	titles := map[int64]string{}
	rows, err := r.pool.Query(r.t.Context(), `SELECT id, title FROM books`)
	require.NoError(r.t, err)
	var id, version int64
	var text string
	_, err = pgx.ForEachRow(rows, []any{&id, &text}, func() error { titles[id] = text; return nil })
	require.NoError(r.t, err)
	require.Equal(r.t, want.books, titles)

	history := map[int64][]string{}
	rows, err = r.pool.Query(r.t.Context(), `SELECT book_id, version, type FROM book_history ORDER BY book_id, version`)
	require.NoError(r.t, err)
	_, err = pgx.ForEachRow(rows, []any{&id, &version, &text}, func() error {
		require.Equal(r.t, int64(len(history[id])+1), version)
		history[id] = append(history[id], text)
		return nil
	})
	require.NoError(r.t, err)
	require.Equal(r.t, want.history, history)
}

// requireNothingLeft checks that there are the tables and checkpoints of the
// generations that are kept, and no others.
func (r *round) requireNothingLeft() {
	require.Empty(r.t, r.rows(`SELECT relname::text FROM pg_class
		WHERE relnamespace = current_schema::regnamespace AND relkind = 'r' AND relname ~ '_g\d+$'
		EXCEPT SELECT unnest(tables) FROM generations`))
	require.Empty(r.t, r.rows(`SELECT consumer FROM checkpoints WHERE consumer LIKE '%/%'`))
}
