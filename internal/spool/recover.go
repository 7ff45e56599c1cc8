package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// takeUp goes on with what earlier processes left, however they ended.
func (s *Spool) takeUp() error {
	segments, err := listSegments(s.config.Dir)
	if err != nil {
		return err
	}
	var found bool
	if s.position, s.at, found, err = openPositionFile(filepath.Join(s.config.Dir, "position")); err != nil {
		return err
	}
	if !found && len(segments) > 0 {
		s.log.Warn("the spool's position is lost: all that is in it is published, some of it again",
			"from", segments[0].base)
	}

	if segments, err = s.recoverTail(segments); err != nil {
		return err
	}
	if segments, err = s.dropPublished(segments); err != nil {
		return err
	}
	s.segments = segments
	for _, seg := range segments {
		s.disk += seg.size
	}
	s.recoverPosition(found)
	if err := s.position.write(s.at); err != nil {
		return err
	}
	if err := s.recoverOldest(); err != nil {
		return err
	}
	return s.remindOfSetAside()
}

// recoverTail mends the newest segment and finds the sequence to go on with.
func (s *Spool) recoverTail(segments []*segment) ([]*segment, error) {
	// After a power cut the position may know more frames than the segments have.
	// Those were published; their numbers are not given out again.
	s.next = max(1, s.at.sequence)
	if len(segments) == 0 {
		return nil, nil
	}
	newest := segments[len(segments)-1]
	cut, next, err := cutTornTail(s.config.Dir, newest)
	if err != nil {
		return nil, err
	}
	s.next = max(s.next, next)
	if cut > 0 {
		s.log.Warn("cut off a record that was being spooled when the process ended",
			"segment", newest.base, "offset", newest.size, "bytes", cut)
	}
	if newest.size > 0 {
		return segments, nil
	}
	// The next segment may get the same name.
	if err := os.Remove(segmentPath(s.config.Dir, newest.base)); err != nil {
		return nil, fmt.Errorf("remove empty spool segment: %w", err)
	}
	return segments[:len(segments)-1], nil
}

// dropPublished deletes segments that lie before the position: the process ended
// between writing it and deleting them.
func (s *Spool) dropPublished(segments []*segment) ([]*segment, error) {
	for len(segments) > 0 && segments[0].base < s.at.segment {
		if err := os.Remove(segmentPath(s.config.Dir, segments[0].base)); err != nil {
			return nil, fmt.Errorf("remove published spool segment: %w", err)
		}
		segments = segments[1:]
	}
	return segments, nil
}

// recoverPosition makes the position one that exists.
func (s *Spool) recoverPosition(found bool) {
	if len(s.segments) == 0 {
		s.at = position{segment: s.next, sequence: s.next}
		return
	}
	first := s.segments[0]
	if first.base == s.at.segment {
		s.at.offset = min(s.at.offset, first.size)
		return
	}
	if found && first.base > s.at.sequence {
		s.reportDamage(damage{from: s.at, next: first.base, reason: errMissing})
	}
	s.at = position{segment: first.base, sequence: first.base}
}

// recoverOldest reads when the first unpublished frame was appended.
func (s *Spool) recoverOldest() error {
	if len(s.segments) == 0 {
		return nil
	}
	// Where the position is at a segment's end or at damage there is no frame to
	// ask; when the file was last written is near enough until Drain gets there.
	file, err := os.Open(segmentPath(s.config.Dir, s.at.segment))
	if err != nil {
		return fmt.Errorf("open spool segment: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open spool segment: %w", err)
	}
	s.oldest = info.ModTime()
	data := make([]byte, headerSize)
	if _, err := file.ReadAt(data, s.at.offset); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read spool segment: %w", err)
	}
	if h, err := parseHeader(data); err == nil {
		s.oldest = h.at
	}
	return nil
}
