package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"bookstore/internal/events"
)

// A frame is a header of 32 bytes, all numbers big-endian, and a payload:
//
//	 0  marker            FF 53 50 01, the last byte being the format's version
//	 4  payload length    uint32
//	 8  sequence          uint64, one more with each frame of the spool
//	16  appended at       int64, microseconds since 1970
//	24  payload checksum  uint32, CRC-32C
//	28  header checksum   uint32, CRC-32C of the 28 bytes before it
//	32  payload           see appendRecord
//
// The header has a checksum of its own so that a damaged length is told from a
// frame that was cut short: the first is damage, the second is what a kill
// within write(2) leaves. The marker is how the next frame is found behind a
// damaged header. Its first byte never occurs in UTF-8, so no key, value or
// header looks like one.
const headerSize = 32

var (
	marker     = []byte{0xFF, 'S', 'P', 1}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Why there is no frame where one should be.
var (
	errShort   = errors.New("the frame is cut short")
	errHeader  = errors.New("the frame's header is damaged")
	errPayload = errors.New("the frame's payload is damaged")
)

// newFrame builds all of a frame but sequence and time, which [stamp] adds once
// the frame's place is known. The expensive part is thus done before the lock.
func newFrame(e events.Encoded, limit int) ([]byte, error) {
	frame := make([]byte, headerSize, headerSize+recordSize(e))
	frame = appendRecord(frame, e)
	if len(frame) > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(frame), limit)
	}
	payload := frame[headerSize:]
	copy(frame, marker)
	binary.BigEndian.PutUint32(frame[4:], uint32(len(payload)))
	binary.BigEndian.PutUint32(frame[24:], crc32.Checksum(payload, castagnoli))
	return frame, nil
}

// stamp completes a frame.
func stamp(frame []byte, sequence uint64, at time.Time) {
	binary.BigEndian.PutUint64(frame[8:], sequence)
	binary.BigEndian.PutUint64(frame[16:], uint64(at.UnixMicro()))
	binary.BigEndian.PutUint32(frame[28:], crc32.Checksum(frame[:28], castagnoli))
}

// header is what a frame says about itself.
type header struct {
	length      int // of the payload
	sequence    uint64
	at          time.Time
	payloadHash uint32
}

// size is the length of the whole frame.
func (h header) size() int64 { return headerSize + int64(h.length) }

// parseHeader reads the header at the beginning of data. It fails with errShort
// or errHeader.
func parseHeader(data []byte) (header, error) {
	if len(data) < headerSize {
		return header{}, errShort
	}
	if !bytes.Equal(data[:len(marker)], marker) ||
		crc32.Checksum(data[:28], castagnoli) != binary.BigEndian.Uint32(data[28:]) {
		return header{}, errHeader
	}
	h := header{
		length:      int(binary.BigEndian.Uint32(data[4:])),
		sequence:    binary.BigEndian.Uint64(data[8:]),
		at:          time.UnixMicro(int64(binary.BigEndian.Uint64(data[16:]))),
		payloadHash: binary.BigEndian.Uint32(data[24:]),
	}
	if h.size() > maxRecordBytes {
		return header{}, errHeader
	}
	return h, nil
}

// parse reads the record of the frame at the beginning of data. It fails with
// errShort, errPayload or errRecord.
func (h header) parse(data []byte) (events.Encoded, error) {
	if int64(len(data)) < h.size() {
		return events.Encoded{}, errShort
	}
	payload := data[headerSize:h.size()]
	if crc32.Checksum(payload, castagnoli) != h.payloadHash {
		return events.Encoded{}, errPayload
	}
	return parseRecord(payload)
}

// nextHeader finds the first sound header in data whose sequence is at least
// from. It returns the header's index, or -1.
func nextHeader(data []byte, from uint64) (int, header) {
	for at := 0; ; at++ {
		i := bytes.Index(data[at:], marker)
		if i < 0 {
			return -1, header{}
		}
		at += i
		if h, err := parseHeader(data[at:]); err == nil && h.sequence >= from {
			return at, h
		}
	}
}
