package projection

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/searchkey"
)

// Apply implements [Projection]. It fails with [*events.DecodeError] for each record
// that can't be read, joined.
//
// Batches of other lanes and processes may count the same queries at the same moment.
// All write the tables in the same order, and the rows of each in the order of its key:
// of two that meet at a row one waits for the other to commit, and never both.
func (Trends) Apply(_ context.Context, _ postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, error) {
	fold := newTrendsFold()
	if err := eachSearch(records, fold.add); err != nil || len(fold.queries) == 0 {
		return nil, err
	}
	batch := &pgx.Batch{}
	fold.writeQueries(batch, generation)
	fold.writeSlots(batch, generation)
	fold.writeForms(batch, generation)
	return batch, nil
}

// trendsSlot is how finely searches are counted over time: a window begins at a
// multiple of it.
const trendsSlot = 5 * time.Minute

// trendsFold is what a batch adds to each row.
type trendsFold struct {
	queries map[uuid.UUID]*queryCount
	readers map[[2]uuid.UUID]*readerCount // by query and reader
	slots   map[slotKey]*slotCount
	forms   map[formKey]int64
}

type queryCount struct {
	searches, anonymous int64
	firstAt             time.Time
	newest              *page // nil where only later pages were served
}

type readerCount struct {
	searches int64
	lastAt   time.Time
}

type slotKey struct {
	slot  time.Time // UTC, so that equal times are equal keys
	query uuid.UUID
}

type slotCount struct{ searches, anonymous int64 }

type formKey struct {
	query uuid.UUID
	form  string
}

func newTrendsFold() trendsFold {
	return trendsFold{
		queries: make(map[uuid.UUID]*queryCount),
		readers: make(map[[2]uuid.UUID]*readerCount),
		slots:   make(map[slotKey]*slotCount),
		forms:   make(map[formKey]int64),
	}
}

func (f trendsFold) add(r events.Record, s searched) error {
	form := searchkey.Form(s.typed)
	// PostgreSQL has no other text. Our own API takes none, other publishers may.
	if !utf8.ValidString(form) || strings.ContainsRune(form, 0) {
		return &events.DecodeError{Topic: r.Topic, Position: r.Position(), Reason: "the query is no text that can be kept: it has NUL, or is not UTF-8"}
	}
	var anonymous int64
	if s.reader == searchkey.Nobody {
		anonymous = 1
	}

	q := f.queries[s.query]
	if q == nil {
		q = &queryCount{firstAt: s.page.at}
		f.queries[s.query] = q
	}
	q.searches++
	q.anonymous += anonymous
	if s.page.at.Before(q.firstAt) {
		q.firstAt = s.page.at
	}
	if s.first && (q.newest == nil || s.page.newerThan(*q.newest)) {
		q.newest = &s.page
	}

	reader := f.readers[[2]uuid.UUID{s.query, s.reader}]
	if reader == nil {
		reader = &readerCount{lastAt: s.page.at}
		f.readers[[2]uuid.UUID{s.query, s.reader}] = reader
	}
	reader.searches++
	if s.page.at.After(reader.lastAt) {
		reader.lastAt = s.page.at
	}

	at := slotKey{s.page.at.Truncate(trendsSlot), s.query}
	slot := f.slots[at]
	if slot == nil {
		slot = &slotCount{}
		f.slots[at] = slot
	}
	slot.searches++
	slot.anonymous += anonymous

	f.forms[formKey{s.query, form}]++
	return nil
}

// writeQueries adds to queries and to their readers, in one statement: how many readers
// a query has more is what the database says of which rows were not there. Of a row
// that another batch is just adding that is known once that batch is committed, or
// undone, and for so long this one waits.
//
// A row that ON CONFLICT has changed was locked before, and carries that in xmax; one
// that is new carries nothing. The statement is to hold all rows of readers that it
// needs before the first one of queries: ORDER BY takes care of it, since what is
// sorted has to be complete.
func (f trendsFold) writeQueries(batch *pgx.Batch, generation int64) {
	var readers struct {
		queries, readers [][16]byte
		searches         []int64
		lastAt           []time.Time
	}
	for key, r := range f.readers {
		readers.queries = append(readers.queries, key[0])
		readers.readers = append(readers.readers, key[1])
		readers.searches = append(readers.searches, r.searches)
		readers.lastAt = append(readers.lastAt, r.lastAt)
	}
	var queries struct {
		queries             [][16]byte
		searches, anonymous []int64
		firstAt             []time.Time
		newest              pageColumns
	}
	for key, q := range f.queries {
		queries.queries = append(queries.queries, key)
		queries.searches = append(queries.searches, q.searches)
		queries.anonymous = append(queries.anonymous, q.anonymous)
		queries.firstAt = append(queries.firstAt, q.firstAt)
		queries.newest.add(q.newest)
	}
	batch.Queue(`
		WITH counted AS (
			INSERT INTO `+tableName(trendsReaders, generation)+` AS before (query, reader, searches, last_at)
			SELECT query, reader, searches, last_at
			FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[]) AS new (query, reader, searches, last_at)
			ORDER BY query, reader
			ON CONFLICT (query, reader) DO UPDATE SET
				searches = before.searches + excluded.searches,
				last_at = greatest(before.last_at, excluded.last_at)
			RETURNING query, xmax = 0 AS is_new
		), more AS (
			SELECT query, count(*) AS readers FROM counted WHERE is_new GROUP BY query
		)
		INSERT INTO `+tableName(trendsQueries, generation)+` AS before
			(query, searches, anonymous, readers, first_at, books, books_at, books_partition, books_offset)
		SELECT query, searches, anonymous, coalesce(more.readers, 0), first_at, books::bigint[], books_at, books_partition, books_offset
		FROM unnest($5::uuid[], $6::bigint[], $7::bigint[], $8::timestamptz[], $9::text[], $10::timestamptz[], $11::int[], $12::bigint[])
			AS new (query, searches, anonymous, first_at, books, books_at, books_partition, books_offset)
		LEFT JOIN more USING (query)
		ORDER BY query
		ON CONFLICT (query) DO UPDATE SET
			searches = before.searches + excluded.searches,
			anonymous = before.anonymous + excluded.anonymous,
			readers = before.readers + excluded.readers,
			first_at = least(before.first_at, excluded.first_at),
			`+keepNewest("books", "books_at", "books_partition", "books_offset"),
		readers.queries, readers.readers, readers.searches, readers.lastAt,
		queries.queries, queries.searches, queries.anonymous, queries.firstAt,
		queries.newest.books, queries.newest.at, queries.newest.partitions, queries.newest.offsets)
}

func (f trendsFold) writeSlots(batch *pgx.Batch, generation int64) {
	var (
		slots               []time.Time
		queries             [][16]byte
		searches, anonymous []int64
	)
	for key, count := range f.slots {
		slots = append(slots, key.slot)
		queries = append(queries, key.query)
		searches = append(searches, count.searches)
		anonymous = append(anonymous, count.anonymous)
	}
	batch.Queue(`
		INSERT INTO `+tableName(trendsSlots, generation)+` AS before (slot, query, searches, anonymous)
		SELECT slot, query, searches, anonymous
		FROM unnest($1::timestamptz[], $2::uuid[], $3::bigint[], $4::bigint[]) AS new (slot, query, searches, anonymous)
		ORDER BY slot, query
		ON CONFLICT (slot, query) DO UPDATE SET
			searches = before.searches + excluded.searches,
			anonymous = before.anonymous + excluded.anonymous`,
		slots, queries, searches, anonymous)
}

func (f trendsFold) writeForms(batch *pgx.Batch, generation int64) {
	var (
		queries  [][16]byte
		forms    []string
		searches []int64
	)
	for key, count := range f.forms {
		queries = append(queries, key.query)
		forms = append(forms, key.form)
		searches = append(searches, count)
	}
	batch.Queue(`
		INSERT INTO `+tableName(trendsForms, generation)+` AS before (query, form, searches)
		SELECT query, form, searches
		FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS new (query, form, searches)
		ORDER BY query, form COLLATE "C"
		ON CONFLICT (query, form) DO UPDATE SET searches = before.searches + excluded.searches`,
		queries, forms, searches)
}
