package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const segmentSuffix = ".segment"

// segment is one file of frames. Its fields are guarded by Spool.mu.
type segment struct {
	base   uint64 // sequence of its first frame
	size   int64  // bytes of whole frames; what lies behind them is not read
	file   *os.File
	dirty  bool // waits in Spool.dirty for the next fsync
	sealed bool // nothing will be added
	listed bool // its directory entry was synced
}

func segmentPath(dir string, base uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", base, segmentSuffix))
}

// createSegment makes the file that begins with the frame base.
func createSegment(dir string, base uint64) (*segment, error) {
	file, err := os.OpenFile(segmentPath(dir, base), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create spool segment: %w", err)
	}
	return &segment{base: base, file: file}, nil
}

// listSegments finds what earlier processes left, oldest first. All are sealed:
// a segment is written by one process only.
func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list spool segments: %w", err)
	}
	var segments []*segment
	for _, entry := range entries {
		number, ok := strings.CutSuffix(entry.Name(), segmentSuffix)
		if !ok {
			continue
		}
		base, err := strconv.ParseUint(number, 10, 64)
		if err != nil || segmentPath(dir, base) != filepath.Join(dir, entry.Name()) {
			return nil, fmt.Errorf("list spool segments: %q is not the name of one", entry.Name())
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fmt.Errorf("list spool segments: %w", err)
		}
		segments = append(segments, &segment{base: base, size: info.Size(), sealed: true, listed: true})
	}
	slices.SortFunc(segments, func(a, b *segment) int {
		if a.base < b.base {
			return -1
		}
		return 1
	})
	return segments, nil
}

// survey walks the newest segment, where the writer may have been interrupted.
// It returns how many bytes to keep and the sequence of the frame after them.
//
// Only the beginning of a frame that never became whole is not kept. Damage is:
// Drain reports it and sets it aside when it comes there.
func survey(data []byte, base uint64) (keep int64, next uint64) {
	next = base
	for int(keep) < len(data) {
		rest := data[keep:]
		h, err := parseHeader(rest)
		switch {
		case errors.Is(err, errShort), err == nil && h.size() > int64(len(rest)):
			return keep, next
		case err != nil:
			i, _ := nextHeader(rest, next)
			if i < 0 {
				// At least one frame is lost in there.
				return int64(len(data)), next + 1
			}
			keep += int64(i)
		default:
			keep += h.size()
			next = max(next, h.sequence+1)
		}
	}
	return keep, next
}

// cutTornTail cuts the newest segment behind its last whole frame. cut is how
// many bytes went. Sequence next is that of the frame to be appended.
func cutTornTail(dir string, s *segment) (cut int64, next uint64, err error) {
	path := segmentPath(dir, s.base)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, fmt.Errorf("survey spool segment: %w", err)
	}
	keep, next := survey(data, s.base)
	if keep < int64(len(data)) {
		if err := os.Truncate(path, keep); err != nil {
			return 0, 0, fmt.Errorf("cut the torn tail of a spool segment: %w", err)
		}
	}
	s.size = keep
	return int64(len(data)) - keep, next, nil
}

// syncDir makes the names in dir outlive the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync spool directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync spool directory: %w", err)
	}
	return nil
}
