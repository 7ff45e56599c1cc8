package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"bookstore/internal/events"
)

// Log is where records go: a topic.
type Log interface {
	// Append writes the batch in order and returns where each record lies, once all
	// of them are acknowledged. After an error, the same batch comes again, records
	// that were written after all included. [ErrUnpublishable] makes an exception.
	//
	// Append returns soon after ctx has ended. It may keep the batch.
	Append(ctx context.Context, batch []events.Encoded) ([]events.Position, error)
}

// Bounds of the time between two tries of what failed. The upper one is also
// the longest time that a broker is back before the records flow again.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// drain is a Drain that runs.
type drain struct {
	*Spool
	cancel context.CancelFunc
	done   chan struct{} // closed at the end

	file     *os.File // of the segment that is read, or nil
	fileBase uint64

	alone int // so many records are published one by one, see ErrUnpublishable
}

// Drain publishes what is spooled and what is appended, in order, until ctx ends
// (then it returns ctx's error) or [Spool.Close] ends it (then nil). What fails
// is tried again for ever. Only one may run at a time, see [ErrDraining].
//
// Whatever was appended while one batch was being published is the next batch, up
// to a limit: an idle spool adds no latency, a busy one needs few round trips.
func (s *Spool) Drain(ctx context.Context, log Log) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &drain{Spool: s, cancel: cancel, done: make(chan struct{})}
	if err := s.startDrain(d); err != nil {
		return err
	}
	defer s.endDrain(d)

	err := d.run(ctx, log)
	if s.isClosed() {
		return nil
	}
	return err
}

func (s *Spool) startDrain(d *drain) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fmt.Errorf("drain the spool of %s: %w", s.config.Name, ErrClosed)
	case s.drain != nil:
		return fmt.Errorf("drain the spool of %s: %w", s.config.Name, ErrDraining)
	}
	s.drain = d
	return nil
}

func (s *Spool) endDrain(d *drain) {
	d.closeFile()
	s.mu.Lock()
	s.drain = nil
	s.mu.Unlock()
	close(d.done)
}

func (s *Spool) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (d *drain) run(ctx context.Context, log Log) error {
	for {
		var next step
		err := d.retry(ctx, "read the spool", func() (err error) {
			next, err = d.read()
			return err
		})
		switch {
		case err != nil:
		case next.damage != nil:
			err = d.passDamage(ctx, *next.damage)
		case next.segmentEnd:
			err = d.leaveSegment(ctx)
		case len(next.records) > 0:
			err = d.publish(ctx, log, next.batch)
		case next.closed:
			return nil
		default:
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-d.more:
			}
		}
		if err != nil {
			return err
		}
	}
}

// publish gives a batch to the log until the log has it, and moves behind it.
func (d *drain) publish(ctx context.Context, log Log, b batch) error {
	if d.alone > 0 {
		d.alone--
		b = batch{records: b.records[:1], frames: b.frames[:1]}
	}
	var unpublishable error
	err := d.retry(ctx, "publish records", func() error {
		_, err := log.Append(ctx, b.records)
		if errors.Is(err, ErrUnpublishable) {
			unpublishable = err
			return nil
		}
		if err != nil {
			d.metrics.publishFailures.Inc()
		}
		return err
	})
	last := b.frames[len(b.frames)-1]
	switch {
	case err != nil:
		return err
	case unpublishable == nil:
		d.metrics.published.Add(float64(len(b.records)))
		return d.advance(ctx, last.end, last.at)
	case len(b.records) == 1:
		return d.passUnpublishable(ctx, last, unpublishable)
	default:
		d.alone = len(b.records)
		return nil
	}
}

// advance makes to the first unpublished frame. No frame from there on was
// appended before oldest; its zero value says nothing new.
func (d *drain) advance(ctx context.Context, to position, oldest time.Time) error {
	err := d.retry(ctx, "keep the spool's position", func() error { return d.position.write(to) })
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.at = to
	if !oldest.IsZero() {
		d.oldest = oldest
	}
	d.mu.Unlock()
	return nil
}

// leaveSegment moves to the next segment and deletes the one that is published.
func (d *drain) leaveSegment(ctx context.Context) error {
	v := d.view()
	if v.successor > v.at.sequence {
		d.reportDamage(damage{from: v.at, next: v.successor, reason: errMissing})
	}
	to := position{segment: v.successor, sequence: v.successor}
	err := d.retry(ctx, "keep the spool's position", func() error {
		// Synced, or a power cut might bring back a position in a segment that is gone,
		// which would look as if records were lost.
		return errors.Join(d.position.write(to), d.position.sync())
	})
	if err != nil {
		return err
	}

	d.mu.Lock()
	left := d.segments[0]
	d.segments = d.segments[1:]
	d.disk -= left.size
	d.at = to
	d.mu.Unlock()
	d.closeFile()
	if err := os.Remove(segmentPath(d.config.Dir, left.base)); err != nil {
		d.log.Warn("cannot delete a published segment; the next start tries again", "error", err)
	}
	return nil
}

// retry does it until it succeeds or ctx ends. It reports the first failure and
// the end of a series, not each one.
func (d *drain) retry(ctx context.Context, what string, do func() error) error {
	var since time.Time
	for wait := minBackoff; ; wait = min(2*wait, maxBackoff) {
		err := do()
		if err == nil {
			if !since.IsZero() {
				d.log.Info("the spool drains again", "after_failing_to", what, "for", time.Since(since))
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if since.IsZero() {
			since = time.Now()
			pending := d.Pending()
			d.log.Warn("records wait in the spool", "failed_to", what, "records", pending.Records, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (d *drain) closeFile() {
	if d.file != nil {
		_ = d.file.Close() // it was only read
		d.file = nil
	}
}
