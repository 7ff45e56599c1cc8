package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// folded is what the log says of one book.
type folded struct {
	version int64 // the last one; 0 where the log has only rejections
	deleted bool
	broken  bool // versions are missing: the rest of its history is not followed

	// What the catalog has at its position, and the history at its own.
	listed    bool
	listing   digest
	createdAt time.Time
	entries   int64
	timeline  digest

	found foundIn
}

// foundIn says in which read models a book was met as it should be.
type foundIn struct{ catalog, history bool }

// step is a version of a book.
type step struct{ book, version int64 }

// foldLog reads the whole log.
func (v *verification) foldLog(ctx context.Context, _ pgx.Tx) error {
	return v.readWhole(ctx, v.topics[InLog], func(r events.Record) {
		v.report.Events++
		v.foldRecord(r)
	})
}

func (v *verification) foldRecord(r events.Record) {
	recorded, err := events.DecodeEvent(r)
	if err != nil {
		if !v.unreadable(r) {
			v.differs(Difference{Where: InLog, Field: "record " + r.Position().String(), Log: err.Error()})
		}
		return
	}
	firstOfCommand := v.matchDecision(recorded)
	event, changesBook := recorded.Event.(events.BookEvent)
	if !changesBook {
		v.report.Rejections++
		if !firstOfCommand {
			v.report.Duplicates++
		}
		return
	}
	v.foldStep(recorded, event)
}

func (v *verification) foldStep(recorded events.Recorded, event events.BookEvent) {
	id, version := event.Book(), event.BookVersion()
	b := v.books[id]
	switch {
	case version <= b.version:
		v.report.Duplicates++
		v.repeated[step{id, version}] = true
		return
	case b.broken:
		return
	case version > b.version+1 || b.deleted || (version == 1) != (recorded.Type == events.TypeBookCreated):
		b.broken = true
		v.books[id] = b
		if v.unread.keys[string(events.BookKey(id))] {
			return // what is missing is what can't be read
		}
		v.differs(Difference{
			Where: InLog, Book: id, Version: version, Field: "version",
			Log: fmt.Sprintf("%s at %s comes after version %d%s", recorded.Type, recorded.Position, b.version, wasDeleted(b)),
		})
		return
	}
	_, deletes := recorded.Event.(events.BookDeleted)
	b.version, b.deleted = version, deletes
	if v.applied(InCatalog, recorded.Position) {
		b.list(event)
	}
	if v.applied(InHistory, recorded.Position) {
		b.entries++
		b.timeline = entryOf(recorded, event).after(b.timeline)
	}
	v.books[id] = b
}

// list makes the catalog's row follow an event.
func (f *folded) list(event events.BookEvent) {
	after := applyTo(&book{createdAt: f.createdAt}, event)
	if f.listed = after != nil; f.listed {
		f.listing, f.createdAt = after.digest(), after.createdAt
	}
}

func wasDeleted(b folded) string {
	if b.deleted {
		return ", which deleted it"
	}
	return ""
}

// describe names an event in a difference.
func describe(recorded events.Recorded) string {
	return recorded.Type + " at " + recorded.Position.String()
}
