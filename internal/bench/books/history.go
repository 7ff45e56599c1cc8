package books

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"bookstore/internal/events"
)

// Mix says what a history is made of: shares of all its events, 0 to 1. What is
// left are creations.
type Mix struct {
	Updated, Deleted float64
	// Republished are events that are there a second time, with the same bytes, as
	// after a crash between the publishing and the note of it.
	Republished float64
}

// DefaultMix is mostly creations, as a catalogue's log is.
func DefaultMix() Mix { return Mix{Updated: 0.08, Deleted: 0.01, Republished: 0.01} }

// Entry is an event of a history.
type Entry struct {
	Event   events.BookEvent
	Message events.Encoded // as it is written to the log
	Again   bool           // it was there before
}

// History yields n events in an order that the log could have: each book's
// versions one after the other, from 1 on, and some that come again. Ids are 1, 2,
// 3 and so on. A longer history begins as a shorter one does. It fails only where
// an event can't be encoded.
func (c *Catalogue) History(n int, mix Mix) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		h := &history{catalogue: c, mix: mix, random: c.random(0, 0), versions: make(map[int64]int64)}
		for i := range n {
			entry, err := h.next(i)
			if err != nil {
				yield(Entry{}, fmt.Errorf("make event %d: %w", i, err))
				return
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// history is how far a history has come.
type history struct {
	catalogue *Catalogue
	mix       Mix
	random    *rand.Rand

	created  int64           // ids 1 to created have been given
	versions map[int64]int64 // of the books that were changed; gone, where deleted
	recent   []Entry         // the last ones, of which one may come again
}

// gone is the version of a book that is deleted.
const gone = -1

// maxRecent is how far behind its first time an event may come again.
const maxRecent = 256

func (h *history) next(i int) (Entry, error) {
	kind := h.random.Float64()
	if kind < h.mix.Republished && len(h.recent) > 0 {
		entry := draw(h.random, h.recent)
		entry.Again = true
		return entry, nil
	}
	kind -= h.mix.Republished
	event, command := h.step(kind, at(i))
	message, err := events.EncodeEvent(h.envelope(i, command), event)
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{Event: event, Message: message}
	if len(h.recent) < maxRecent {
		h.recent = append(h.recent, entry)
	} else {
		h.recent[i%maxRecent] = entry
	}
	return entry, nil
}

// step decides what happens next, and which command asked for it.
func (h *history) step(kind float64, now time.Time) (events.BookEvent, events.Command) {
	if kind < h.mix.Updated+h.mix.Deleted {
		if id, version, ok := h.living(); ok {
			version++
			if kind < h.mix.Deleted {
				h.versions[id] = gone
				return events.BookDeleted{ID: id, Version: version, DeletedAt: now}, events.DeleteBook{ID: id}
			}
			h.versions[id] = version
			details := h.catalogue.Edition(id, version)
			return events.BookUpdated{ID: id, Version: version, Details: details, UpdatedAt: now},
				events.UpdateBook{ID: id, Details: details}
		}
	}
	h.created++
	details := h.catalogue.Book(h.created)
	return events.BookCreated{ID: h.created, Version: 1, Details: details, CreatedAt: now},
		events.CreateBook{ID: h.created, Details: details}
}

// living returns any book that can be changed; false where a few tries found none.
func (h *history) living() (id, version int64, ok bool) {
	const tries = 8
	for range tries {
		if h.created == 0 {
			break
		}
		id = 1 + h.random.Int64N(h.created)
		switch version, changed := h.versions[id]; {
		case !changed:
			return id, 1, true
		case version != gone:
			return id, version, true
		}
	}
	return 0, 0, false
}

// at is when the event i of a history happened: some twenty a second.
func at(i int) time.Time {
	return time.Date(2024, 4, 10, 7, 1, 51, 0, time.UTC).Add(time.Duration(i) * 51_317 * time.Microsecond)
}

// envelope has what the service's own events have.
func (h *history) envelope(i int, command events.Command) events.Envelope {
	id, trace := h.bytes(), h.bytes()
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // RFC 9562: version 4, of the usual variant
	name := uuid.UUID(id).String()
	return events.Envelope{
		ID: name, Source: events.SourceCommands, Time: at(i),
		Traceparent: "00-" + hex.EncodeToString(trace[:]) + "-" + hex.EncodeToString(id[:8]) + "-01",
		Cause: &events.Cause{
			CommandID: name, Hash: events.CommandHash(command),
			Position: events.Position{Offset: int64(i)},
		},
	}
}

func (h *history) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], h.random.Uint64())
	binary.BigEndian.PutUint64(b[8:], h.random.Uint64())
	return b
}
