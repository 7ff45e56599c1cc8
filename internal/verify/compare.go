package verify

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// compareCatalog finds the books whose row is not what the log gives.
func (v *verification) compareCatalog(ctx context.Context, tx pgx.Tx) error {
	err := v.eachBook(ctx, tx, nil, func(row book) {
		v.report.Catalog.Found++
		b := v.books[row.id]
		if !b.listed || b.listing != row.digest() {
			v.suspects[row.id] = true
			return
		}
		b.found.catalog = true
		v.books[row.id] = b
	})
	if err != nil {
		return err
	}
	for id, b := range v.books {
		if b.listed {
			v.report.Catalog.Expected++
			if !b.found.catalog {
				v.suspects[id] = true
			}
		}
	}
	return nil
}

// compareHistory finds the books whose rows are not what the log gives.
func (v *verification) compareHistory(ctx context.Context, tx pgx.Tx) error {
	var id int64
	var timeline digest
	judge := func() {
		if id == 0 {
			return
		}
		b := v.books[id]
		if b.entries == 0 || b.timeline != timeline {
			v.suspects[id] = true
			return
		}
		b.found.history = true
		v.books[id] = b
	}
	err := v.eachEntry(ctx, tx, nil, func(row entry) {
		v.report.History.Found++
		if row.book != id {
			judge()
			id, timeline = row.book, digest{}
		}
		timeline = row.after(timeline)
	})
	if err != nil {
		return err
	}
	judge()
	for id, b := range v.books {
		v.report.History.Expected += b.entries
		if b.entries > 0 && !b.found.history {
			v.suspects[id] = true
		}
	}
	return nil
}
