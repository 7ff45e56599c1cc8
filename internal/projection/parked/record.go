package parked

import (
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// Wish is what an operator wants to become of a parked record.
type Wish string

// The wishes there are.
const (
	Retry   Wish = "retry"   // the record's line, from its beginning
	Discard Wish = "discard" // this record; those behind it in its line are then retried
)

// Record is a parked record and what is known of it.
type Record struct {
	ID         int64
	Consumer   string // the projection, or commands
	Generation int64

	// As it lies in the log. A nil Key or Value is one that the log has none of.
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time // UTC, in microseconds at best
	Key       []byte
	Value     []byte
	Headers   []events.Header // bytes: nothing says they are text

	Book        int64     // 0 where the key is no book's
	Poison      bool      // could not be applied itself; else it is only held back by one that couldn't
	Error       string    // of the last try; of one that is held back, why
	Tries       int       // at least 1
	ParkedAt    time.Time // UTC
	TriedAt     time.Time // UTC
	Request     Wish      // "" where nobody has asked for anything since the last try
	DiscardedAt time.Time // UTC; zero unless it was discarded
}

// Raw returns the record as it lies in the log.
func (r Record) Raw() events.Record {
	return events.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
		Key: r.Key, Value: r.Value, Headers: r.Headers,
	}
}

// What scan reads: about the record, then what is in it, or nothing of that.
const (
	about = `id, consumer, generation, topic, partition, record_offset, recorded_at, record_key,
		coalesce(book_id, 0), poison, error, tries, parked_at, tried_at, coalesce(request, ''), discarded_at`
	contents   = `record_value, header_keys, header_values`
	noContents = `NULL::bytea, '{}'::bytea[], '{}'::bytea[]`
)

func scan(row pgx.CollectableRow) (Record, error) {
	var r Record
	var discardedAt *time.Time
	var headerKeys, headerValues [][]byte
	err := row.Scan(&r.ID, &r.Consumer, &r.Generation, &r.Topic, &r.Partition, &r.Offset, &r.Timestamp, &r.Key,
		&r.Book, &r.Poison, &r.Error, &r.Tries, &r.ParkedAt, &r.TriedAt, &r.Request, &discardedAt,
		&r.Value, &headerKeys, &headerValues)
	if err != nil {
		return Record{}, err
	}
	for i, key := range headerKeys {
		r.Headers = append(r.Headers, events.Header{Key: string(key), Value: string(headerValues[i])})
	}
	if discardedAt != nil {
		r.DiscardedAt = discardedAt.UTC()
	}
	r.Timestamp, r.ParkedAt, r.TriedAt = r.Timestamp.UTC(), r.ParkedAt.UTC(), r.TriedAt.UTC()
	return r, nil
}
