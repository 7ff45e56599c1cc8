package verify

import (
	"context"
	"math/bits"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// counted is how often each book occurs in a topic: what the log gives of the read
// models served and opened.
type counted struct {
	table[int64, count]
}

// count is the row of a book.
type count struct{ times, level int64 }

func (c count) values() []value {
	return []value{{"times", number(c.times)}, {"level", number(c.level)}}
}

func newCounted(model string) counted { return counted{newTable[int64, count](model, "book")} }

// add counts a book once more. Its level is the number of binary digits of its count.
func (c counted) add(book int64) {
	times := c.rows[book].times + 1
	c.rows[book] = count{times, int64(bits.Len64(uint64(times)))}
}

func (v *verification) foldOpens(ctx context.Context, _ pgx.Tx) error {
	if v.report.Opened.NotCompared != "" {
		return nil
	}
	return v.readWhole(ctx, v.topics[InOpens], func(r events.Record) {
		v.report.Opens++
		v.countDiscarded(r.Position(), InOpened)
		opened, err := events.DecodeOpened(r)
		if v.counts(InOpened, r.Position(), err) {
			v.opened.add(opened.Book)
		}
	})
}

func (v *verification) compareOpened(ctx context.Context, tx pgx.Tx) error {
	return v.compareCounted(ctx, tx, v.opened)
}

func (v *verification) compareServed(ctx context.Context, tx pgx.Tx) error {
	return v.compareCounted(ctx, tx, v.served)
}

func (v *verification) compareCounted(ctx context.Context, tx pgx.Tx, c counted) error {
	if v.models[c.model].NotCompared != "" {
		return nil
	}
	var book int64
	var found count
	about := func(book int64) Difference { return Difference{Book: book} }
	err := v.eachRow(ctx, tx, c.model, "book_id, times, level", c.model+"_books", []any{&book, &found.times, &found.level}, func() error {
		c.meet(v, book, found, func() Difference { return about(book) })
		return nil
	})
	if err != nil {
		return err
	}
	c.missing(v, about)
	return nil
}
