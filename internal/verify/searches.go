package verify

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// foldSearches reads the topic of searches, for all three read models that are made
// of it.
func (v *verification) foldSearches(ctx context.Context, _ pgx.Tx) error {
	if v.report.Served.NotCompared != "" {
		return nil
	}
	return v.readWhole(ctx, v.topics[InSearches], func(r events.Record) {
		v.report.Searches++
		at := r.Position()
		v.countDiscarded(at, InServed, InTrends, InInterests)
		search, err := events.DecodeSearch(r)
		if v.counts(InServed, at, err) {
			for _, book := range search.Books {
				v.served.add(book.ID)
			}
		}
		if v.counts(InTrends, at, err) {
			v.trends.add(search, at)
		}
		if v.counts(InInterests, at, err) {
			v.interests.add(search, at)
		}
	})
}

// counts says whether a read model must have counted the record at a position. One
// that can't be read it must have parked, unless somebody has discarded it.
func (v *verification) counts(model string, at events.Position, unreadable error) bool {
	switch {
	case !v.applied(model, at) || v.discarded[model][at]:
		return false
	case unreadable != nil:
		v.differs(Difference{Where: model, Field: "record " + at.String(), Log: unreadable.Error(), Model: "neither parked nor discarded"})
		return false
	}
	return true
}

// countDiscarded counts a record once, in however many read models it was discarded.
func (v *verification) countDiscarded(at events.Position, models ...string) {
	if slices.ContainsFunc(models, func(model string) bool { return v.discarded[model][at] }) {
		v.report.Discarded++
	}
}

// unexplained is a difference of which only a record of the topic can tell the text.
type unexplained struct {
	Difference
	explain func(*Difference, events.SearchServed)
}

// differsBy reports a difference when the search at a position has been read again,
// which is where its texts are: here are only digests of them.
func (v *verification) differsBy(ctx context.Context, at events.Position, u unexplained) error {
	v.again[at] = append(v.again[at], u)
	if len(v.again) < explainAtOnce {
		return nil
	}
	return v.explainSearches(ctx, nil)
}

// explainSearches reads the topic of searches again and reports what waits for it. A
// record that has been deleted since leaves the difference without its text.
func (v *verification) explainSearches(ctx context.Context, _ pgx.Tx) error {
	if len(v.again) == 0 {
		return nil
	}
	err := v.searchesAgain(ctx, func(search events.SearchServed, at events.Position) {
		for _, u := range v.again[at] {
			u.explain(&u.Difference, search)
			v.differs(u.Difference)
		}
		delete(v.again, at)
	})
	if err != nil {
		return err
	}
	for _, waiting := range v.again {
		for _, u := range waiting {
			v.differs(u.Difference)
		}
	}
	clear(v.again)
	return nil
}

// searchesAgain calls fn with all searches that can be read.
func (v *verification) searchesAgain(ctx context.Context, fn func(events.SearchServed, events.Position)) error {
	t := v.topics[InSearches]
	return t.log.Read(ctx, t.end, func(r events.Record) error {
		if search, err := events.DecodeSearch(r); err == nil {
			fn(search, r.Position())
		}
		return nil
	})
}

// keys numbers the keys of queries and readers, so that what is known of a query and a
// reader needs 8 bytes to say of which, and not 32.
type keys struct{ queries, readers numbering }

func newKeys() *keys {
	return &keys{numbering{of: make(map[uuid.UUID]uint32)}, numbering{of: make(map[uuid.UUID]uint32)}}
}

type numbering struct {
	of   map[uuid.UUID]uint32
	keys []uuid.UUID // by number
}

// number returns a key's number, a new one where it has none.
func (n *numbering) number(key uuid.UUID) uint32 {
	number, known := n.of[key]
	if !known {
		number = uint32(len(n.keys)) // memory ends before four billion
		n.of[key], n.keys = number, append(n.keys, key)
	}
	return number
}

// pair is a query and a reader, by their numbers.
type pair struct{ query, reader uint32 }

func (k *keys) pair(query, reader uuid.UUID) pair {
	return pair{k.queries.number(query), k.readers.number(reader)}
}

func (k *keys) aboutQuery(query uint32) Difference {
	return Difference{Query: k.queries.keys[query].String()}
}

func (k *keys) aboutPair(p pair) Difference {
	return Difference{Query: k.queries.keys[p.query].String(), Reader: k.readers.keys[p.reader].String()}
}

// newest is the last of some searches, with a digest of the books that it was served.
type newest struct {
	at        int64 // microseconds since 1970, or never
	partition int32
	offset    int64
	books     digest
}

// never is no time that a search has.
const never = math.MinInt64

// none is the newest search where there is none.
func none() newest { return newest{at: never, partition: -1, offset: -1, books: digestOfBooks(nil)} }

// orAfter is a search, with as many of its books as are kept, if it is newer than n:
// of the same moment the one that lies further on in the topic is.
func (n newest) orAfter(search events.SearchServed, at events.Position, most int) newest {
	when := search.At.UnixMicro()
	newer := when > n.at
	if when == n.at {
		newer = at.Partition > n.partition || at.Partition == n.partition && at.Offset > n.offset
	}
	if !newer {
		return n
	}
	return newest{when, at.Partition, at.Offset, digestOfBooks(booksOf(search, most))}
}

func (n newest) position() events.Position {
	return events.Position{Partition: n.partition, Offset: n.offset}
}

// values are all but the books, which only the search can tell.
func (n newest) values(prefix string) []value {
	return []value{
		{prefix + "at", moment(n.at)},
		{prefix + "partition", number(int64(n.partition))},
		{prefix + "offset", number(n.offset)},
	}
}

// booksDiffer reports that the books of a row are not those of the search that is the
// newest by the log.
func (v *verification) booksDiffer(ctx context.Context, expected newest, found []int64, most int, d Difference) error {
	d.Model = fmt.Sprint(found)
	if expected == none() {
		d.Log = fmt.Sprint([]int64{})
		v.differs(d)
		return nil
	}
	d.Log = "those served at " + expected.position().String()
	return v.differsBy(ctx, expected.position(), unexplained{d, func(d *Difference, search events.SearchServed) {
		d.Log = fmt.Sprint(booksOf(search, most))
	}})
}

// booksOf are the ids of the first books that a search was served.
func booksOf(search events.SearchServed, most int) []int64 {
	ids := make([]int64, 0, len(search.Books))
	for _, book := range search.Books[:min(most, len(search.Books))] {
		ids = append(ids, book.ID)
	}
	return ids
}

func digestOfBooks(ids []int64) digest {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = number(id)
	}
	return digestOf(texts...)
}

// moment shows a time in microseconds since 1970.
func moment(at int64) string {
	if at == never {
		return absent
	}
	return events.FormatTime(time.UnixMicro(at))
}
