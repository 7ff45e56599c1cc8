package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// syncInterval is about how much a power cut may take.
const syncInterval = time.Second

// markDirty puts a segment on the list for the next sync.
func (s *Spool) markDirty(seg *segment) {
	if !seg.dirty {
		seg.dirty = true
		s.dirty = append(s.dirty, seg)
		wake(s.unsynced)
	}
}

// syncLoop syncs what was appended, once in each interval in which something was.
func (s *Spool) syncLoop() {
	defer close(s.syncDone)
	s.reportSync(s.syncInherited())
	for {
		select {
		case <-s.stopSync:
			return
		case <-s.unsynced:
		}
		select {
		case <-s.stopSync:
			return
		case <-time.After(syncInterval):
		}
		s.reportSync(s.sync())
	}
}

// syncInherited syncs what an earlier process was killed before it could sync.
func (s *Spool) syncInherited() error {
	s.mu.Lock()
	var bases []uint64
	for _, seg := range s.segments {
		bases = append(bases, seg.base)
	}
	s.mu.Unlock()

	for _, base := range bases {
		file, err := os.Open(segmentPath(s.config.Dir, base))
		if errors.Is(err, fs.ErrNotExist) {
			continue // published meanwhile
		}
		if err != nil {
			return fmt.Errorf("sync spool segment: %w", err)
		}
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return fmt.Errorf("sync spool segment: %w", err)
		}
	}
	return syncDir(s.config.Dir)
}

// sync makes all that was appended outlive the machine, and closes the files of
// sealed segments. Appends go on meanwhile.
func (s *Spool) sync() error {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = nil
	var sealed []*segment
	unlisted := false
	for _, seg := range dirty {
		seg.dirty = false
		unlisted = unlisted || !seg.listed
		seg.listed = true
		if seg.sealed {
			sealed = append(sealed, seg)
		}
	}
	s.mu.Unlock()

	var err error
	for _, seg := range dirty {
		err = errors.Join(err, seg.file.Sync())
	}
	for _, seg := range sealed {
		err = errors.Join(err, seg.file.Close())
	}
	if unlisted {
		err = errors.Join(err, syncDir(s.config.Dir))
	}
	if err != nil {
		return fmt.Errorf("sync the spool: %w", err)
	}
	return nil
}

func (s *Spool) reportSync(err error) {
	if err != nil {
		s.metrics.syncFailures.Inc()
		s.log.Error("records in the spool would not survive a power cut", "error", err)
	}
}
