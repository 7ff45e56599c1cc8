package parked

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
)

// New is a record to be parked.
type New struct {
	Record   events.Record
	Bookless bool   // its key names no book, even where it looks like one
	Poison   bool   // could not be applied itself; else it is only held back
	Error    string // why not, or what holds it back
}

// Queue adds to a batch what parks records in a generation of a consumer: one
// statement, however many there are. What is parked there already stays as it
// is, also what was discarded.
func Queue(b *pgx.Batch, consumer string, generation int64, records []New) {
	if len(records) == 0 {
		return
	}
	topics, partitions, offsets := make([]string, len(records)), make([]int32, len(records)), make([]int64, len(records))
	timestamps, keys, values := make([]time.Time, len(records)), make([][]byte, len(records)), make([][]byte, len(records))
	headerKeys, headerValues := make([]string, len(records)), make([]string, len(records))
	books, poison, errs := make([]*int64, len(records)), make([]bool, len(records)), make([]string, len(records))
	for i, n := range records {
		r := n.Record
		topics[i], partitions[i], offsets[i] = r.Topic, r.Partition, r.Offset
		timestamps[i], keys[i], values[i] = storableTime(r.Timestamp), r.Key, r.Value
		headerKeys[i] = byteaArray(r.Headers, func(h events.Header) string { return h.Key })
		headerValues[i] = byteaArray(r.Headers, func(h events.Header) string { return h.Value })
		books[i], poison[i], errs[i] = n.book(), n.Poison, storable(n.Error)
	}
	b.Queue(`
		INSERT INTO parked_records (consumer, generation, topic, partition, record_offset, recorded_at,
			record_key, record_value, header_keys, header_values, book_id, poison, error)
		SELECT $1, $2, topic, partition, record_offset, recorded_at,
			record_key, record_value, header_keys::bytea[], header_values::bytea[], book_id, poison, error
		FROM unnest($3::text[], $4::int[], $5::bigint[], $6::timestamptz[],
			$7::bytea[], $8::bytea[], $9::text[], $10::text[], $11::bigint[], $12::boolean[], $13::text[])
			AS r (topic, partition, record_offset, recorded_at,
			record_key, record_value, header_keys, header_values, book_id, poison, error)
		ON CONFLICT (consumer, generation, partition, record_offset) DO NOTHING`,
		consumer, generation, topics, partitions, offsets, timestamps,
		keys, values, headerKeys, headerValues, books, poison, errs)
}

// QueueApplied adds to a batch what takes records away that it applies.
func QueueApplied(b *pgx.Batch, ids []int64) {
	b.Queue(`DELETE FROM parked_records WHERE id = ANY ($1)`, ids)
}

// QueueFailed adds to a batch that a record was tried again in vain, and why. Its
// request is done with, and so are those of the records behind it in its line:
// they can't be tried before it, and nobody shall try it again unasked.
func QueueFailed(b *pgx.Batch, id int64, err string) {
	b.Queue(`
		UPDATE parked_records SET tries = tries + 1, tried_at = now(), poison = true, error = $2, request = NULL
		WHERE id = $1`, id, storable(err))
	b.Queue(`
		UPDATE parked_records AS behind SET request = NULL FROM parked_records AS failed
		WHERE failed.id = $1 AND behind.request IS NOT NULL AND behind.record_offset > failed.record_offset
			AND `+sameLine("behind", "failed"), id)
}

// QueueRetry adds to a batch that the rest of a line is to be tried, so that who
// begins with it and is killed leaves it to the next owner.
func QueueRetry(b *pgx.Batch, ids []int64) {
	b.Queue(`UPDATE parked_records SET request = 'retry' WHERE id = ANY ($1) AND request IS NULL`, ids)
}

// QueueDiscarded adds to a batch that records are given up. They stay, and don't
// count as parked any more.
func QueueDiscarded(b *pgx.Batch, ids []int64) {
	b.Queue(`UPDATE parked_records SET discarded_at = now(), request = NULL WHERE id = ANY ($1)`, ids)
}

// sameLine is the condition that two rows are in the same line. It is made of
// equalities, which a hash join can use; IS NOT DISTINCT FROM is none.
func sameLine(a, b string) string {
	return fmt.Sprintf(`%[1]s.consumer = %[2]s.consumer AND %[1]s.generation = %[2]s.generation
			AND %[1]s.partition = %[2]s.partition AND coalesce(%[1]s.record_key, '') = coalesce(%[2]s.record_key, '')
			AND (%[1]s.record_key IS NULL) = (%[2]s.record_key IS NULL)`, a, b)
}

// byteaArray is a part of each header as PostgreSQL writes an array of bytea.
// Arrays of different lengths don't fit in one array, and so don't go through
// unnest themselves.
func byteaArray(headers []events.Header, part func(events.Header) string) string {
	var text strings.Builder
	text.WriteByte('{')
	for i, h := range headers {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(`"\\x` + hex.EncodeToString([]byte(part(h))) + `"`)
	}
	text.WriteByte('}')
	return text.String()
}

// book returns the book that the record's key names; nil where it names none. Only
// what [events.BookKey] writes names one: "07" is not book 7's key.
func (n New) book() *int64 {
	if n.Bookless {
		return nil
	}
	key := n.Record.Key
	id, err := strconv.ParseInt(string(key), 10, 64)
	if err != nil || id < 1 || !bytes.Equal(key, events.BookKey(id)) {
		return nil
	}
	return &id
}

// storableTime makes a time one that PostgreSQL takes and JSON can tell. It is the
// producer's to say, in milliseconds of 64 bits, and it is not what makes a record
// poison: one that could not be stored would hold up its partition.
func storableTime(t time.Time) time.Time {
	first, last := time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case t.Before(first):
		return first
	case t.After(last):
		return last
	}
	return t
}

// maxError bounds the text that is kept of an error, in bytes.
const maxError = 4000

// storable makes a text one that PostgreSQL takes. An error may quote what could
// not be read, and if it could not be stored the record could not be parked.
func storable(text string) string {
	text = strings.ReplaceAll(text, "\x00", "\uFFFD")
	if len(text) > maxError {
		text = text[:maxError] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
