package spool

import (
	"errors"
	"fmt"
	"os"
	"time"

	"bookstore/internal/events"
)

// Limits of a batch. A record above batchBytes is a batch of its own.
const (
	batchBytes   = 1 << 20
	batchRecords = 1000
)

// batch is frames that follow one another.
type batch struct {
	records []events.Encoded
	frames  []frame // of each record
}

// frame is where a record came from.
type frame struct {
	raw   []byte
	start position
	end   position // of the frame after it, in the same segment
	at    time.Time
}

// step is what Drain has to do next: one of a batch, damage, the end of a
// segment, and nothing.
type step struct {
	batch
	damage     *damage
	segmentEnd bool
	closed     bool // there will never be more
}

// view is what can be read at one moment. All of it is taken at once: a successor
// that is newer than the size would skip the frames between them.
type view struct {
	at        position
	size      int64 // of the segment that at lies in
	sealed    bool
	successor uint64 // sequence of the frame after size
	closed    bool
}

func (s *Spool) view() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := view{at: s.at, successor: s.next, closed: s.closed}
	if len(s.segments) > 0 {
		v.size, v.sealed = s.segments[0].size, s.segments[0].sealed
	}
	if len(s.segments) > 1 {
		v.successor = s.segments[1].base
	}
	return v
}

// read looks at the position and says what is there.
func (d *drain) read() (step, error) {
	v := d.view()
	switch {
	case v.at.offset < v.size:
		return d.readFrames(v)
	case v.sealed:
		return step{segmentEnd: true}, nil
	default:
		return step{closed: v.closed}, nil
	}
}

// readFrames reads a batch, or damage if there is some right at the position.
func (d *drain) readFrames(v view) (step, error) {
	left := v.size - v.at.offset
	data, err := d.readBytes(v.at, min(batchBytes, left))
	if err != nil {
		return step{}, err
	}
	if h, err := parseHeader(data); err == nil && int64(len(data)) < h.size() && h.size() <= left {
		if data, err = d.readBytes(v.at, h.size()); err != nil {
			return step{}, err
		}
	}
	b, why := parseBatch(data, v.at)
	if len(b.records) > 0 {
		return step{batch: b}, nil
	}
	rest, err := d.readBytes(v.at, left)
	if err != nil {
		return step{}, err
	}
	found := assess(rest, v.at, v.successor, why)
	return step{damage: &found}, nil
}

// parseBatch parses frames up to the limit, the end of data, or one that is not
// as it should be; why says which of the last two.
func parseBatch(data []byte, at position) (b batch, why error) {
	for len(data) > 0 && len(b.records) < batchRecords {
		h, err := parseHeader(data)
		if err != nil {
			return b, err
		}
		if h.sequence != at.sequence {
			return b, errSequence
		}
		record, err := h.parse(data)
		if err != nil {
			return b, err
		}
		end := position{segment: at.segment, offset: at.offset + h.size(), sequence: at.sequence + 1}
		b.records = append(b.records, record)
		b.frames = append(b.frames, frame{raw: data[:h.size()], start: at, end: end, at: h.at})
		data = data[h.size():]
		at = end
	}
	return b, nil
}

// readBytes reads from the segment that at lies in. Each call returns memory of
// its own: a log whose Append was given up on may still be sending the batch.
func (d *drain) readBytes(at position, length int64) ([]byte, error) {
	if d.file == nil || d.fileBase != at.segment {
		d.closeFile()
		file, err := os.Open(segmentPath(d.config.Dir, at.segment))
		if err != nil {
			return nil, fmt.Errorf("open spool segment: %w", err)
		}
		d.file, d.fileBase = file, at.segment
	}
	data := make([]byte, length)
	if _, err := d.file.ReadAt(data, at.offset); err != nil {
		return nil, fmt.Errorf("read spool segment %d at %d: %w", at.segment, at.offset, err)
	}
	return data, nil
}

// assess finds where damage ends that begins at the position. rest is all that
// the segment holds from there, successor the sequence of what comes behind it.
func assess(rest []byte, at position, successor uint64, why error) damage {
	found := damage{from: at, reason: why}
	h, err := parseHeader(rest)
	switch {
	case err == nil && h.sequence > at.sequence:
		// The frame is sound. Those that should come before it are not there.
		found.to, found.next = at.offset, h.sequence
	case err == nil && h.sequence == at.sequence && h.size() <= int64(len(rest)):
		found.to, found.next = at.offset+h.size(), at.sequence+1
	default:
		if i, h := nextHeader(rest[1:], at.sequence); i >= 0 {
			found.to, found.next = at.offset+1+int64(i), h.sequence
		} else {
			found.to, found.next = at.offset+int64(len(rest)), successor
		}
	}
	found.bytes = rest[:found.to-at.offset]
	return found
}

// Why frames are passed over, besides the reasons in frame.go.
var (
	errSequence = errors.New("the frame is not the one that comes next")
	errMissing  = errors.New("frames are missing")
)
