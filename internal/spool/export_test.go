package spool

import (
	"errors"
	"time"

	"bookstore/internal/events"
)

// Crash gives the directory up as a kill does: nothing is synced, closed or
// published. No Drain may be running.
func (s *Spool) Crash() error {
	s.closing.Do(func() { s.closeErr = ErrClosed })
	close(s.stopSync)
	<-s.syncDone
	return s.closeFiles()
}

// Draining says whether a Drain runs.
func (s *Spool) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drain != nil
}

// FrameSize is how many bytes a record takes in a segment.
func FrameSize(e events.Encoded) (int, error) {
	frame, err := newFrame(e, maxRecordBytes)
	return len(frame), err
}

// Frame is what a segment holds for a record.
func Frame(e events.Encoded, sequence uint64) ([]byte, error) {
	frame, err := newFrame(e, maxRecordBytes)
	if err == nil {
		stamp(frame, sequence, time.UnixMicro(1712732511000000))
	}
	return frame, err
}

// Walk reads a segment that begins with frame 1 as Open and Drain do.
func Walk(data []byte) (records []events.Encoded, damaged, torn int, err error) {
	keep, next := survey(data, 1)
	torn = len(data) - int(keep)
	data = data[:keep]
	at := position{segment: 1, sequence: 1}
	for int(at.offset) < len(data) {
		before := at
		b, why := parseBatch(data[at.offset:], at)
		if len(b.records) > 0 {
			records = append(records, b.records...)
			at = b.frames[len(b.frames)-1].end
		} else {
			found := assess(data[at.offset:], at, max(next, at.sequence), why)
			damaged += len(found.bytes)
			at.offset, at.sequence = found.to, found.next
		}
		if at.offset < before.offset || at.sequence < before.sequence || at == before {
			return nil, 0, 0, errors.New("no progress")
		}
	}
	return records, damaged, torn, nil
}

// Unsynced is how many segments wait for an fsync.
func (s *Spool) Unsynced() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dirty)
}
