package spool

import (
	"errors"
	"fmt"
	"time"
)

// Why records are refused: the label of the metric and a field of the log line.
const (
	reasonBound    = "bound"     // MaxBytes
	reasonDiskFull = "disk_full" // ENOSPC and its like
	reasonIO       = "io_error"  // any other error of the file system
	reasonTooLarge = "too_large" // this record only
)

// refusal is a time in which no record is taken. The newest are refused, not the
// oldest dropped: what is spooled stays an unbroken sequence in order, and what
// is missing is one interval, which the log names, not holes all over.
type refusal struct {
	reason  string // "" while records are taken
	err     error
	since   time.Time
	retryAt time.Time // no write is tried before, so that a broken disk costs readers nothing
	records int64
}

// retryAfter is how long a disk that failed is left alone.
const retryAfter = time.Second

// admit says whether a frame of that size may be written.
func (s *Spool) admit(size int64, now time.Time) error {
	bound := s.config.MaxBytes
	if s.refusal.reason == reasonBound {
		// Once full, an eighth must be free: else small records would still slip in
		// between large ones, and each would be a hole, and two log lines.
		bound -= bound / 8
	}
	if s.disk+size > bound {
		return fmt.Errorf("%w: %d of %d bytes are taken", ErrFull, s.disk, s.config.MaxBytes)
	}
	if now.Before(s.refusal.retryAt) {
		return s.refusal.err
	}
	return nil
}

// refuse counts a record that was not taken, and reports the first.
func (s *Spool) refuse(err error, now time.Time) {
	reason := reasonOf(err)
	s.metrics.refused.WithLabelValues(reason).Inc()
	if s.refusal.reason != reason {
		s.log.Error("the spool takes no more records: what comes now is not published",
			"reason", reason, "bytes", s.disk, "max_bytes", s.config.MaxBytes, "error", err)
		if s.refusal.reason == "" {
			s.refusal.since = now
		}
		s.refusal.reason = reason
	}
	s.refusal.records++
	if reason != reasonBound && !now.Before(s.refusal.retryAt) {
		s.refusal.err = err
		s.refusal.retryAt = now.Add(retryAfter)
	}
}

// accept ends a refusal.
func (s *Spool) accept(now time.Time) {
	if s.refusal.reason == "" {
		return
	}
	s.log.Warn("the spool takes records again: those of the time between are not published",
		"reason", s.refusal.reason, "refused", s.refusal.records, "since", s.refusal.since, "for", now.Sub(s.refusal.since))
	s.refusal = refusal{}
}

func reasonOf(err error) string {
	switch {
	case isDiskFull(err):
		return reasonDiskFull
	case errors.Is(err, ErrFull):
		return reasonBound
	default:
		return reasonIO
	}
}
