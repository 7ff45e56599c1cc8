package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// setAsideDir is where damaged bytes and unpublishable frames are kept for a
// person to look at. Nothing here deletes or reads them; they don't count
// towards the bound.
const setAsideDir = "set-aside"

// damage is a part of a segment in which no sound frame lies, or a place at
// which frames are missing.
type damage struct {
	from   position
	to     int64  // offset of its end
	bytes  []byte // between the two
	next   uint64 // sequence of the first frame behind it
	reason error
}

// passDamage sets damaged bytes aside, reports them, and moves behind them.
func (d *drain) passDamage(ctx context.Context, found damage) error {
	if len(found.bytes) > 0 {
		if err := d.setAside(ctx, found.from, "damaged", found.bytes); err != nil {
			return err
		}
	}
	d.reportDamage(found)
	behind := position{segment: found.from.segment, offset: found.to, sequence: found.next}
	return d.advance(ctx, behind, time.Time{})
}

// reportDamage tells which records were lost: those with the sequences from the
// one named "from" up to, without, the one named "before".
func (s *Spool) reportDamage(found damage) {
	s.metrics.damaged.Inc()
	s.log.Error("the spool is damaged: records are lost",
		"reason", found.reason, "segment", found.from.segment, "offset", found.from.offset,
		"bytes", len(found.bytes), "from", found.from.sequence, "before", found.next)
}

// passUnpublishable sets a frame aside that the log will never take, reports it,
// and moves behind it.
func (d *drain) passUnpublishable(ctx context.Context, f frame, why error) error {
	if err := d.setAside(ctx, f.start, "unpublishable", f.raw); err != nil {
		return err
	}
	d.metrics.unpublishable.Inc()
	d.log.Error("a record can never be published", "reason", why,
		"segment", f.start.segment, "offset", f.start.offset, "sequence", f.start.sequence, "bytes", len(f.raw))
	return d.advance(ctx, f.end, f.at)
}

// setAside keeps bytes under a name that says where they were, so that doing it
// again after a kill gives the same file.
func (d *drain) setAside(ctx context.Context, from position, what string, content []byte) error {
	name := fmt.Sprintf("%020d-%012d.%s", from.segment, from.offset, what)
	path := filepath.Join(d.config.Dir, setAsideDir, name)
	return d.retry(ctx, "set aside "+name, func() error {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("set frames aside: %w", err)
		}
		_, err = file.Write(content)
		if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
			return fmt.Errorf("set frames aside: %w", err)
		}
		return nil
	})
}

// remindOfSetAside tells, at each start, of what nobody has looked at yet.
func (s *Spool) remindOfSetAside() error {
	entries, err := os.ReadDir(filepath.Join(s.config.Dir, setAsideDir))
	if err != nil {
		return fmt.Errorf("list what was set aside: %w", err)
	}
	if len(entries) > 0 {
		s.log.Warn("records that could not be published were set aside; delete the files once looked at",
			"dir", setAsideDir, "files", len(entries))
	}
	return nil
}
