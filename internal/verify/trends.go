package verify

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/searchkey"
)

// trends is what the log gives of the read model of that name, table by table.
type trends struct {
	keys    *keys
	queries table[uint32, trendsQuery]
	readers table[pair, trendsReader]
	slots   table[slot, trendsSlot]
	forms   table[digest, trendsForm] // by query and form
}

type trendsQuery struct {
	searches, anonymous, readers int64
	firstAt                      int64
	latest                       newest // first page
}

type trendsReader struct{ searches, lastAt int64 }

// slot is a query's part of a stretch of time.
type slot struct {
	begins int64
	query  uint32
}

type trendsSlot struct{ searches, anonymous int64 }

type trendsForm struct{ searches int64 }

func newTrends(known *keys) trends {
	return trends{
		known,
		newTable[uint32, trendsQuery](InTrends, "query"),
		newTable[pair, trendsReader](InTrends, "reader"),
		newTable[slot, trendsSlot](InTrends, "slot"),
		newTable[digest, trendsForm](InTrends, "form"),
	}
}

func (q trendsQuery) values() []value {
	return append([]value{
		{"searches", number(q.searches)},
		{"anonymous", number(q.anonymous)},
		{"readers", number(q.readers)},
		{"first_at", moment(q.firstAt)},
	}, q.latest.values("books_")...)
}

func (r trendsReader) values() []value {
	return []value{{"searches", number(r.searches)}, {"last_at", moment(r.lastAt)}}
}

func (s trendsSlot) values() []value {
	return []value{{"searches", number(s.searches)}, {"anonymous", number(s.anonymous)}}
}

func (f trendsForm) values() []value { return []value{{"searches", number(f.searches)}} }

// slotLength is how long a slot is, in microseconds.
const slotLength = int64(5 * time.Minute / time.Microsecond)

// add counts a search in all four tables.
func (t trends) add(search events.SearchServed, at events.Position) {
	key, isOne := searchkey.Query(search.Query)
	if !isOne {
		return
	}
	query := t.keys.queries.number(key)
	about, known := t.queries.rows[query]
	if !known {
		about.firstAt, about.latest = math.MaxInt64, none()
	}
	when := search.At.UnixMicro()
	about.searches++
	about.firstAt = min(about.firstAt, when)
	if search.Offset == 0 {
		about.latest = about.latest.orAfter(search, at, math.MaxInt)
	}
	// Rounded down, also before 1970.
	begins := when - (when%slotLength+slotLength)%slotLength
	inSlot := t.slots.rows[slot{begins, query}]
	inSlot.searches++
	if search.UserID == "" {
		about.anonymous++
		inSlot.anonymous++
	}
	t.slots.rows[slot{begins, query}] = inSlot

	who := t.keys.pair(key, searchkey.Reader(search.UserID))
	reader, again := t.readers.rows[who]
	if !again {
		about.readers++
		reader.lastAt = when
	}
	reader.searches++
	reader.lastAt = max(reader.lastAt, when)
	t.readers.rows[who] = reader
	t.queries.rows[query] = about

	form := formKey(key, searchkey.Form(search.Query))
	t.forms.rows[form] = trendsForm{t.forms.rows[form].searches + 1}
}

func formKey(query uuid.UUID, form string) digest { return digestOf(string(query[:]), form) }

func (v *verification) compareTrends(ctx context.Context, tx pgx.Tx) error {
	if v.report.Trends.NotCompared != "" {
		return nil
	}
	for _, compare := range []func(context.Context, *verification, pgx.Tx) error{
		v.trends.compareQueries, v.trends.compareReaders, v.trends.compareSlots, v.trends.compareForms,
	} {
		if err := compare(ctx, v, tx); err != nil {
			return err
		}
	}
	return nil
}

func (t trends) compareQueries(ctx context.Context, v *verification, tx pgx.Tx) error {
	var key [16]byte
	var found trendsQuery
	var firstAt time.Time
	var at *time.Time
	var books []int64
	into := []any{&key, &found.searches, &found.anonymous, &found.readers, &firstAt, &books, &at, &found.latest.partition, &found.latest.offset}
	err := v.eachRow(ctx, tx, InTrends, "query, searches, anonymous, readers, first_at, books, books_at, "+
		"coalesce(books_partition, -1), coalesce(books_offset, -1)", "trends_queries", into, func() error {
		query := t.keys.queries.number(key)
		found.firstAt, found.latest.at, found.latest.books = firstAt.UnixMicro(), never, digestOfBooks(books)
		if at != nil {
			found.latest.at = at.UnixMicro()
		}
		expected, both := t.queries.meet(v, query, found, func() Difference { return t.keys.aboutQuery(query) })
		if !both || expected.latest.books == found.latest.books {
			return nil
		}
		return v.booksDiffer(ctx, expected.latest, books, math.MaxInt, t.queries.difference(t.keys.aboutQuery(query), "books", "", ""))
	})
	if err != nil {
		return err
	}
	t.queries.missing(v, t.keys.aboutQuery)
	return nil
}

func (t trends) compareReaders(ctx context.Context, v *verification, tx pgx.Tx) error {
	var query, reader [16]byte
	var found trendsReader
	var lastAt time.Time
	into := []any{&query, &reader, &found.searches, &lastAt}
	err := v.eachRow(ctx, tx, InTrends, "query, reader, searches, last_at", "trends_readers", into, func() error {
		who := t.keys.pair(query, reader)
		found.lastAt = lastAt.UnixMicro()
		t.readers.meet(v, who, found, func() Difference { return t.keys.aboutPair(who) })
		return nil
	})
	if err != nil {
		return err
	}
	t.readers.missing(v, t.keys.aboutPair)
	return nil
}

func (t trends) compareSlots(ctx context.Context, v *verification, tx pgx.Tx) error {
	var query [16]byte
	var begins time.Time
	var found trendsSlot
	into := []any{&begins, &query, &found.searches, &found.anonymous}
	err := v.eachRow(ctx, tx, InTrends, "slot, query, searches, anonymous", "trends_slots", into, func() error {
		key := slot{begins.UnixMicro(), t.keys.queries.number(query)}
		t.slots.meet(v, key, found, func() Difference { return t.aboutSlot(key) })
		return nil
	})
	if err != nil {
		return err
	}
	t.slots.missing(v, t.aboutSlot)
	return nil
}

func (t trends) aboutSlot(s slot) Difference {
	about := t.keys.aboutQuery(s.query)
	about.Slot = time.UnixMicro(s.begins).UTC().Format(time.RFC3339Nano)
	return about
}

func (t trends) compareForms(ctx context.Context, v *verification, tx pgx.Tx) error {
	var query [16]byte
	var form string
	var found trendsForm
	about := func(query uuid.UUID, form string) Difference { return Difference{Query: query.String(), Form: form} }
	err := v.eachRow(ctx, tx, InTrends, "query, form, searches", "trends_forms", []any{&query, &form, &found.searches}, func() error {
		t.forms.meet(v, formKey(query, form), found, func() Difference { return about(query, form) })
		return nil
	})
	if err != nil || len(t.forms.rows) == 0 {
		return err
	}
	// How those are written that are missing, only the searches can tell.
	err = v.searchesAgain(ctx, func(search events.SearchServed, _ events.Position) {
		query, _ := searchkey.Query(search.Query)
		form := searchkey.Form(search.Query)
		if key := formKey(query, form); t.forms.has(key) {
			t.forms.miss(v, key, about(query, form))
		}
	})
	t.forms.missing(v, func(digest) Difference { return Difference{} }) // deleted since
	return err
}
