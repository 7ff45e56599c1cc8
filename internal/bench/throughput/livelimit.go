package throughput

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
)

// liveLimit writes the rows that the live engine wrote, into the same indexed
// tables, in batches of the sizes that it was seen to make and over as many
// connections. What makes rows of events is not timed: they are prepared in
// memory, a chunk at a time, and the clock runs while a chunk is written. There
// are no checkpoints, no reading of what is there, and no care for conflicts;
// commits don't wait for the disk, as the engine's don't.
func (w *worker) liveLimit(ctx context.Context) (Outcome, error) {
	l := &limitRun{worker: w, cutters: make([]cutter, w.Connections), seen: make(map[int64]int64), known: make(map[string]bool)}
	for range w.Connections {
		conn, err := w.pool.Acquire(ctx)
		if err != nil {
			return Outcome{}, fmt.Errorf("get a connection: %w", err)
		}
		defer conn.Release()
		if _, err := conn.Exec(ctx, `SET synchronous_commit = off`); err != nil {
			return Outcome{}, err
		}
		l.conns = append(l.conns, conn)
	}
	err := messaging.ReadLog(ctx, w.kafka, w.Topic, w.From, w.To, func(r events.Record) error { return l.add(ctx, r) })
	if err != nil {
		return Outcome{}, err
	}
	for i := range l.cutters {
		l.cut(i)
	}
	if err := l.write(ctx); err != nil {
		return Outcome{}, err
	}
	return Outcome{Events: l.events, Seconds: l.clock.Seconds(), Connections: w.Connections}, nil
}

// limitRun prepares batches and writes them.
type limitRun struct {
	*worker
	conns   []*pgxpool.Conn
	cutters []cutter
	seen    map[int64]int64 // the version that each book has come to
	known   map[string]bool // the vocabulary
	sizes   int             // how many of Batches are used
	events  int
	ready   int // events in batches that are ready
	clock   time.Duration
}

// cutter collects what goes over one connection: some of the partitions, so that
// a book's rows keep their order.
type cutter struct {
	size    int // of the batch that is being made
	n       int // events in it
	rows    *rowBatch
	batches []*pgx.Batch
}

// chunk is how many events are made ready before they are written: enough that the
// end of a chunk, where a connection may have to wait for another, doesn't count.
const chunk = 200_000

func (l *limitRun) add(ctx context.Context, r events.Record) error {
	recorded, err := events.DecodeEvent(r)
	if err != nil {
		return err
	}
	i := int(r.Partition) % len(l.cutters)
	c := &l.cutters[i]
	if c.rows == nil {
		c.size, c.rows = l.nextSize(), newRowBatch()
	}
	l.events++
	c.n++
	if event, ok := recorded.Event.(events.BookEvent); ok && event.BookVersion() > l.seen[event.Book()] {
		l.seen[event.Book()] = event.BookVersion()
		c.rows.add(event)
		c.rows.words = l.learn(c.rows.words, event)
	}
	if c.n == c.size {
		l.cut(i)
	}
	if l.ready >= chunk {
		return l.write(ctx)
	}
	return nil
}

// learn appends the words of an event that are new to the vocabulary: each is written
// once, and nobody has to look.
func (l *limitRun) learn(words []string, event events.BookEvent) []string {
	var said events.Details
	switch e := event.(type) {
	case events.BookCreated:
		said = e.Details
	case events.BookUpdated:
		said = e.Details
	}
	for _, word := range wordsOf(said) {
		if !l.known[word] {
			l.known[word] = true
			words = append(words, word)
		}
	}
	return words
}

// nextSize takes the sizes in their order, and again from the first on: batches
// are distributed over partitions in another order than they were.
func (l *limitRun) nextSize() int {
	size := l.Batches[l.sizes%len(l.Batches)]
	l.sizes++
	return size
}

// cut ends the batch that a cutter is making.
func (l *limitRun) cut(i int) {
	c := &l.cutters[i]
	if c.rows == nil {
		return
	}
	c.batches = append(c.batches, c.rows.statements(l.Task))
	l.ready += c.n
	c.rows, c.n = nil, 0
}

// write writes what is ready, against the clock.
func (l *limitRun) write(ctx context.Context) error {
	began := time.Now()
	writers, ctx := errgroup.WithContext(ctx)
	for i, conn := range l.conns {
		writers.Go(func() error {
			for _, batch := range l.cutters[i].batches {
				if err := conn.SendBatch(ctx, batch).Close(); err != nil {
					return fmt.Errorf("write rows: %w", err)
				}
			}
			return nil
		})
	}
	if err := writers.Wait(); err != nil {
		return err
	}
	l.clock += time.Since(began)
	l.ready = 0
	for i := range l.cutters {
		l.cutters[i].batches = nil
	}
	return nil
}

// rowBatch is what events of a batch come to: each book once.
type rowBatch struct {
	order []int64
	books map[int64]*row
	words []string // that are new
}

// row is a book as the batch leaves it.
type row struct {
	version          int64
	details          events.Details
	created, updated time.Time
	isNew, isOver    bool
}

func newRowBatch() *rowBatch { return &rowBatch{books: make(map[int64]*row)} }

func (b *rowBatch) add(event events.BookEvent) {
	r := b.books[event.Book()]
	if r == nil {
		r = &row{}
		b.books[event.Book()] = r
		b.order = append(b.order, event.Book())
	}
	r.version = event.BookVersion()
	switch e := event.(type) {
	case events.BookCreated:
		r.details, r.created, r.updated, r.isNew = e.Details, e.CreatedAt, e.CreatedAt, true
	case events.BookUpdated:
		r.details, r.updated = e.Details, e.UpdatedAt
	case events.BookDeleted:
		r.isOver = true
	}
}

// columns of rows, as unnest takes them.
type columns struct {
	ids, versions                              []int64
	titles, authors, publishedAt, descriptions []string
	isbns                                      []string
	created, updated                           []time.Time
	lexemes                                    []string
}

func (c *columns) add(id int64, r *row) {
	c.ids = append(c.ids, id)
	c.versions = append(c.versions, r.version)
	c.titles = append(c.titles, r.details.Title)
	c.authors = append(c.authors, r.details.Author)
	c.publishedAt = append(c.publishedAt, r.details.PublishedAt)
	c.descriptions = append(c.descriptions, r.details.Description)
	c.isbns = append(c.isbns, r.details.ISBN)
	c.created = append(c.created, r.created)
	c.updated = append(c.updated, r.updated)
	c.lexemes = append(c.lexemes, lexemes(id, r.details))
}

func (c *columns) arguments() []any {
	return []any{c.ids, c.versions, c.titles, c.authors, c.publishedAt, c.descriptions, c.isbns, c.created, c.updated, c.lexemes}
}

const unnestRows = `
	SELECT id, version, title, author, published_at, description, isbn, created_at, updated_at, lexemes::tsvector
	FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
		$7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[])
	AS new (id, version, title, author, published_at, description, isbn, created_at, updated_at, lexemes)`

// statements is one pipeline, and so one transaction.
func (b *rowBatch) statements(t Task) *pgx.Batch {
	var created, updated, over columns
	for _, id := range b.order {
		switch r := b.books[id]; {
		case r.isOver:
			over.add(id, r)
		case r.isNew:
			created.add(id, r)
		default:
			updated.add(id, r)
		}
	}
	batch := &pgx.Batch{}
	if len(created.ids) > 0 {
		batch.Queue(`INSERT INTO `+t.books()+` (id, version, title, author, published_at, description,
			isbn, created_at, updated_at, lexemes)`+unnestRows, created.arguments()...)
	}
	if len(updated.ids) > 0 {
		batch.Queue(`UPDATE `+t.books()+` AS book SET version = n.version, title = n.title, author = n.author,
			published_at = n.published_at, description = n.description, isbn = n.isbn, updated_at = n.updated_at,
			lexemes = n.lexemes
			FROM (`+unnestRows+`) AS n WHERE book.id = n.id`, updated.arguments()...)
	}
	if len(over.ids) > 0 {
		batch.Queue(`DELETE FROM `+t.books()+` WHERE id = ANY($1)`, over.ids)
		batch.Queue(`INSERT INTO `+t.deleted()+` (id, version) SELECT * FROM unnest($1::bigint[], $2::bigint[])`, over.ids, over.versions)
	}
	if len(b.words) > 0 {
		slices.Sort(b.words)
		batch.Queue(t.insertWords(), vocabulary(b.words)...)
	}
	return batch
}
