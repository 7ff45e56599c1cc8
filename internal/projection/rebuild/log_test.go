package rebuild_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

// eventLog is the events topic, in memory: what rebuilds read and live consumers
// follow.
type eventLog struct {
	mu         sync.Mutex
	partitions [][]events.Record
	oldest     events.Offsets
	changed    chan struct{} // closed and replaced when there is more, or reads go on
	stalled    bool          // a rebuild's reads return nothing
}

func newLog(partitions int) *eventLog {
	return &eventLog{partitions: make([][]events.Record, partitions), oldest: make(events.Offsets, partitions), changed: make(chan struct{})}
}

// add writes events to the partitions of their books.
func (l *eventLog) add(t require.TestingT, happened ...events.Event) {
	for _, event := range happened {
		encoded, err := events.EncodeEvent(events.Envelope{
			ID: "e", Source: events.SourceCommands, Time: dayOne, Actor: "ada",
			Cause: &events.Cause{CommandID: "c", Hash: "h"},
		}, event)
		require.NoError(t, err)
		l.put(events.Record{Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}, event.Book())
	}
}

// put writes a record, whatever it says, to the partition of a book.
func (l *eventLog) put(r events.Record, book int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	partition := book % int64(len(l.partitions))
	r.Topic, r.Timestamp = events.DefaultEventsTopic, dayOne
	r.Partition, r.Offset = int32(partition), int64(len(l.partitions[partition]))
	l.partitions[partition] = append(l.partitions[partition], r)
	l.wake()
}

// forget takes the first records of a partition away, as retention does.
func (l *eventLog) forget(partition int, oldest int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.oldest[partition] = oldest
}

// wake must be called with the lock held.
func (l *eventLog) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// stall lets the reads of rebuilds find nothing until goOn. Live consumers go on.
func (l *eventLog) stall() (goOn func()) {
	set := func(stalled bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stalled = stalled
		l.wake()
	}
	set(true)
	return func() { set(false) }
}

func (l *eventLog) end() events.Offsets {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := make(events.Offsets, len(l.partitions))
	for i, records := range l.partitions {
		end[i] = int64(len(records))
	}
	return end
}

// Watermarks implements [rebuild.Log].
func (l *eventLog) Watermarks(context.Context) (oldest, newest events.Offsets, err error) {
	end := l.end()
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.oldest), end, nil
}

// Read implements [rebuild.Log].
func (l *eventLog) Read(ctx context.Context, from, to events.Offsets, fn func(events.Record) error) error {
	if err := l.await(ctx, func() bool { return !l.stalled }); err != nil {
		return err
	}
	for partition := range to {
		first := l.oldest[partition]
		if from != nil {
			if from[partition] < first {
				return fmt.Errorf("partition %d begins at %d, not at %d", partition, first, from[partition])
			}
			first = from[partition]
		}
		for _, r := range l.from(int32(partition), first) {
			if r.Offset >= to[partition] {
				break
			}
			if err := fn(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow hands over everything from next on, for ever.
func (l *eventLog) follow(ctx context.Context, next map[int32]int64, fn func(context.Context, events.Record) error) error {
	for {
		for partition := range next {
			for _, r := range l.from(partition, next[partition]) {
				if err := fn(ctx, r); err != nil {
					return err
				}
				next[partition] = r.Offset + 1
			}
		}
		err := l.await(ctx, func() bool {
			for partition, offset := range next {
				if int64(len(l.partitions[partition])) > offset {
					return true
				}
			}
			return false
		})
		if err != nil {
			return err
		}
	}
}

func (l *eventLog) from(partition int32, offset int64) []events.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.partitions[partition][min(offset, int64(len(l.partitions[partition]))):])
}

// await returns once holds does; that is called with the lock held.
func (l *eventLog) await(ctx context.Context, holds func() bool) error {
	for {
		l.mu.Lock()
		held, changed := holds(), l.changed
		l.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dayOne is when the logs of the tests begin.
var dayOne = time.Date(2024, 4, 10, 7, 1, 51, 123456000, time.UTC)

// Events of a book, with details that name its version.

func created(id int64) events.Event {
	return events.BookCreated{ID: id, Version: 1, Details: detailsOf(id, 1), CreatedAt: at(1)}
}

func updated(id, version int64) events.Event {
	return events.BookUpdated{ID: id, Version: version, Details: detailsOf(id, version), UpdatedAt: at(version)}
}

func deleted(id, version int64) events.Event {
	return events.BookDeleted{ID: id, Version: version, DeletedAt: at(version)}
}

func rejected(id int64) events.Event {
	return events.CommandRejected{ID: id, CommandType: events.TypeUpdateBook, Code: events.RejectedVersion, RejectedAt: dayOne}
}

// books are the creations of books 1 to n.
func books(n int64) []events.Event {
	var all []events.Event
	for id := int64(1); id <= n; id++ {
		all = append(all, created(id))
	}
	return all
}

// garbage is a record that can't be decoded, in the place of an event of a book.
func garbage(book int64) events.Record {
	return events.Record{Key: events.BookKey(book), Value: []byte("{")}
}

func at(version int64) time.Time { return dayOne.Add(time.Duration(version) * time.Minute) }

func detailsOf(id, version int64) events.Details {
	return events.Details{
		Title:  fmt.Sprintf("Book %d, edition %d", id, version),
		Author: "Émile O'Brien", PublishedAt: strconv.FormatInt(1800+version, 10), Description: "quotes \" ' and NULL",
	}
}
