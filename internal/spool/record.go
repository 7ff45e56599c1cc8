package spool

import (
	"encoding/binary"
	"errors"

	"bookstore/internal/events"
)

// errRecord says that a payload is not what appendRecord wrote. Its checksum was
// right, so another version of this code wrote it.
var errRecord = errors.New("the payload is not a record")

// appendRecord writes a record as a payload: key, value, the number of headers,
// and name and value of each, every string with its length before it.
func appendRecord(buf []byte, e events.Encoded) []byte {
	buf = appendString(buf, e.Key)
	buf = appendString(buf, e.Value)
	buf = binary.AppendUvarint(buf, uint64(len(e.Headers)))
	for _, h := range e.Headers {
		buf = appendString(buf, h.Key)
		buf = appendString(buf, h.Value)
	}
	return buf
}

// recordSize is about what appendRecord needs; lengths are taken at their largest.
func recordSize(e events.Encoded) int {
	size := len(e.Key) + len(e.Value) + 3*binary.MaxVarintLen32
	for _, h := range e.Headers {
		size += len(h.Key) + len(h.Value) + 2*binary.MaxVarintLen32
	}
	return size
}

func appendString[S ~string | ~[]byte](buf []byte, s S) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}

// parseRecord is the inverse of appendRecord. Key and value of the record share
// memory with the payload.
func parseRecord(payload []byte) (events.Encoded, error) {
	var e events.Encoded
	rest := payload
	ok := true
	take := func() []byte {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			ok = false
			return nil
		}
		end := used + int(n)
		s := rest[used:end:end]
		rest = rest[end:]
		return s
	}

	e.Key = take()
	e.Value = take()
	count, used := binary.Uvarint(rest)
	// A header takes two bytes at least, which bounds what a wrong count allocates.
	if !ok || used <= 0 || count > uint64(len(rest)/2) {
		return events.Encoded{}, errRecord
	}
	rest = rest[used:]
	e.Headers = make([]events.Header, 0, count)
	for range count {
		name := take()
		e.Headers = append(e.Headers, events.Header{Key: string(name), Value: string(take())})
	}
	if !ok || len(rest) > 0 {
		return events.Encoded{}, errRecord
	}
	return e, nil
}
