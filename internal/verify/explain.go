package verify

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// explainAtOnce bounds how many books are in memory with their texts. For each
// that many the log is read once more.
const explainAtOnce = 20_000

// full is a book with all that is known of it.
type full struct {
	log, model struct {
		listing *book
		entries map[int64]entry // by version
	}
	version  int64            // the last one that was folded
	contents map[int64]digest // of the versions that are in the log more than once
}

// explainSuspects reads the log once more, for the books of which something
// differs, and says what.
func (v *verification) explainSuspects(ctx context.Context, tx pgx.Tx) error {
	for again := range v.repeated {
		v.suspects[again.book] = true
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(v.suspects)), explainAtOnce) {
		if err := v.explain(ctx, tx, ids); err != nil {
			return err
		}
	}
	v.books, v.decisions = nil, nil // the other read models need the memory
	return nil
}

func (v *verification) explain(ctx context.Context, tx pgx.Tx, ids []int64) error {
	books := make(map[int64]*full, len(ids))
	for _, id := range ids {
		f := &full{contents: make(map[int64]digest)}
		f.log.entries, f.model.entries = make(map[int64]entry), make(map[int64]entry)
		books[id] = f
	}
	err := v.cfg.Log.Read(ctx, v.topics[InLog].end, func(r events.Record) error {
		recorded, err := events.DecodeEvent(r)
		if err != nil {
			return nil //nolint:nilerr // was reported at the first reading
		}
		event, changesBook := recorded.Event.(events.BookEvent)
		if f := books[recorded.Event.Book()]; f != nil && changesBook {
			v.foldFull(f, r, recorded, event)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := v.eachBook(ctx, tx, ids, func(row book) { books[row.id].model.listing = &row }); err != nil {
		return err
	}
	if err := v.eachEntry(ctx, tx, ids, func(row entry) { books[row.book].model.entries[row.version] = row }); err != nil {
		return err
	}
	for _, id := range ids {
		v.compareListing(id, books[id])
		v.compareEntries(id, books[id])
	}
	return nil
}

// foldFull follows the same events as foldStep.
func (v *verification) foldFull(f *full, r events.Record, recorded events.Recorded, event events.BookEvent) {
	version := event.BookVersion()
	if v.repeated[step{event.Book(), version}] {
		v.compareContents(f, r, event)
	}
	if version != f.version+1 || version > v.books[event.Book()].version {
		return
	}
	f.version = version
	if v.applied(InCatalog, recorded.Position) {
		f.log.listing = applyTo(f.log.listing, event)
	}
	if v.applied(InHistory, recorded.Position) {
		f.log.entries[version] = entryOf(recorded, event)
	}
}

// compareContents reports a version that the log has more than once and not
// always the same: readers that drop the second would not have read it.
func (v *verification) compareContents(f *full, r events.Record, event events.BookEvent) {
	texts := []string{string(r.Key), string(r.Value)}
	for _, h := range r.Headers {
		texts = append(texts, h.Key, h.Value)
	}
	version, contents := event.BookVersion(), digestOf(texts...)
	before, again := f.contents[version]
	if !again {
		f.contents[version] = contents
		return
	}
	if before != contents {
		v.differs(Difference{
			Where: InLog, Book: event.Book(), Version: version, Field: "event",
			Log: "the record at " + r.Position().String() + " is another one than the first of this version",
		})
	}
}

func (v *verification) compareListing(id int64, f *full) {
	log, model := f.log.listing, f.model.listing
	differs := func(field, log, model string) {
		v.differs(Difference{Where: InCatalog, Book: id, Field: field, Log: log, Model: model})
	}
	switch {
	case log == nil && model == nil:
	case log == nil:
		differs("book", absent, model.Title)
	case model == nil:
		differs("book", log.Title, absent)
	default:
		compareValues(log.values(), model.values(), differs)
	}
}

func (v *verification) compareEntries(id int64, f *full) {
	versions := slices.Collect(maps.Keys(f.log.entries))
	for version := range f.model.entries {
		if _, both := f.log.entries[version]; !both {
			versions = append(versions, version)
		}
	}
	slices.Sort(versions)
	for _, version := range versions {
		log, inLog := f.log.entries[version]
		model, inModel := f.model.entries[version]
		differs := func(field, log, model string) {
			v.differs(Difference{Where: InHistory, Book: id, Version: version, Field: field, Log: log, Model: model})
		}
		switch {
		case !inLog:
			differs("entry", absent, model.kind)
		case !inModel:
			differs("entry", log.kind, absent)
		default:
			compareValues(log.values(), model.values(), differs)
		}
	}
}
