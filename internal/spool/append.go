package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"bookstore/internal/events"
)

// Append stores a record. Once it has returned nil, the record outlives the
// process; within about a second it outlives the machine. It takes microseconds
// and waits for neither the log nor a disk.
//
// It fails with [ErrFull], [ErrTooLarge], [ErrClosed] or an error of the file
// system, and then nothing was stored.
func (s *Spool) Append(e events.Encoded) error {
	frame, err := newFrame(e, s.config.maxRecord())
	if err != nil {
		s.metrics.refused.WithLabelValues(reasonTooLarge).Inc()
		return fmt.Errorf("append to the spool of %s: %w", s.config.Name, err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("append to the spool of %s: %w", s.config.Name, ErrClosed)
	}
	now := time.Now()
	if err = s.admit(int64(len(frame)), now); err == nil {
		err = s.write(frame, now)
	}
	if err != nil {
		s.refuse(err, now)
		return fmt.Errorf("append to the spool of %s: %w", s.config.Name, err)
	}
	s.accept(now)
	s.metrics.appended.Inc()
	wake(s.more)
	return nil
}

// write puts a frame behind the last one.
func (s *Spool) write(frame []byte, now time.Time) error {
	size := int64(len(frame))
	if s.active != nil && s.active.size > 0 && s.active.size+size > s.config.SegmentBytes {
		s.seal()
	}
	if s.active == nil {
		created, err := createSegment(s.config.Dir, s.next)
		if err != nil {
			return diskFull(err)
		}
		s.active = created
		s.segments = append(s.segments, created)
	}

	stamp(frame, s.next, now)
	if _, err := s.active.file.WriteAt(frame, s.active.size); err != nil {
		return diskFull(errors.Join(err, s.undoWrite()))
	}
	if s.next == s.at.sequence {
		s.oldest = now
	}
	s.next++
	s.active.size += size
	s.disk += size
	s.markDirty(s.active)
	return nil
}

// undoWrite takes back what a failed write left behind the last whole frame. A
// shorter frame written over it would be followed by the rest of it, which a
// reader would have to take for damage.
func (s *Spool) undoWrite() error {
	err := s.active.file.Truncate(s.active.size)
	if err == nil {
		return nil
	}
	failed := s.active
	s.seal()
	if failed.size > 0 {
		return err
	}
	// The next segment gets the same name.
	s.segments = s.segments[:len(s.segments)-1]
	return errors.Join(err, os.Remove(segmentPath(s.config.Dir, failed.base)))
}

// seal ends the active segment, if there is one. The next sync closes its file.
func (s *Spool) seal() {
	if s.active == nil {
		return
	}
	s.active.sealed = true
	s.markDirty(s.active)
	s.active = nil
}

// diskFull adds ErrFull to the errors that mean it.
func diskFull(err error) error {
	if isDiskFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// isDiskFull knows how a file system says that there is no more room: on the
// disk, in the quota, in the process's file size limit.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
