package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Spool is a queue on disk. Its methods may be called concurrently.
type Spool struct {
	config  Config
	log     *slog.Logger
	metrics *metrics

	lock     *os.File
	position *positionFile // used by Open, then by Drain, then by Close

	more     chan struct{} // one slot: there is a frame that Drain has not seen
	unsynced chan struct{} // one slot: there is a segment in dirty
	stopSync chan struct{}
	syncDone chan struct{}

	closing  sync.Once
	closeErr error

	// mu is held for the write(2) of an append and for reading or changing the
	// fields below, never during an fsync, a read of a segment or a publish.
	mu       sync.Mutex
	segments []*segment // oldest first; the first is the one that at lies in
	active   *segment   // the last of segments while it is written; nil before the first append
	dirty    []*segment // to be synced
	disk     int64      // bytes in segments
	next     uint64     // sequence of the next frame
	at       position   // the first unpublished frame
	oldest   time.Time  // when that frame was appended, or a little before; of no meaning when nothing is pending
	refusal  refusal
	closed   bool
	drain    *drain // the one that runs, or nil
}

// Pending is what waits to be published.
type Pending struct {
	Records int64
	Bytes   int64         // on disk, frame headers included
	Age     time.Duration // of the oldest record; 0 when nothing waits
}

// Open locks the directory, mends what a kill left, and is then ready for
// [Spool.Append] and [Spool.Drain]. It fails with [ErrInUse] while another
// process has the directory.
func Open(config Config) (*Spool, error) {
	config, err := config.complete()
	if err != nil {
		return nil, fmt.Errorf("open the spool of %s: %w", config.Name, err)
	}
	s := &Spool{
		config:   config,
		log:      config.Logger.With("spool", config.Dir),
		more:     make(chan struct{}, 1),
		unsynced: make(chan struct{}, 1),
		stopSync: make(chan struct{}),
		syncDone: make(chan struct{}),
	}
	s.metrics = newMetrics(s)
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the spool of %s: %w", config.Name, err), s.closeFiles())
	}
	go s.syncLoop()
	return s, nil
}

func (s *Spool) open() error {
	if err := os.MkdirAll(filepath.Join(s.config.Dir, setAsideDir), 0o700); err != nil {
		return err
	}
	var err error
	if s.lock, err = lockDir(s.config.Dir); err != nil {
		return err
	}
	if err := s.takeUp(); err != nil {
		return err
	}
	return s.metrics.register(s.config.Registerer)
}

// Pending tells what waits to be published.
func (s *Spool) Pending() Pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Pending{Records: int64(s.next - s.at.sequence), Bytes: s.disk - s.at.offset}
	if p.Records > 0 {
		p.Age = max(0, time.Since(s.oldest))
	}
	return p
}

// diskBytes is what counts towards the bound.
func (s *Spool) diskBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk
}

// Close ends the intake at once, lets a running Drain publish what is left until
// ctx ends, syncs everything and gives the directory up. What was not published
// is the first that the next start publishes; that is no error.
func (s *Spool) Close(ctx context.Context) error {
	s.closing.Do(func() {
		s.finishDrain(ctx)
		close(s.stopSync)
		<-s.syncDone

		s.mu.Lock()
		s.seal()
		s.mu.Unlock()
		err := errors.Join(s.sync(), s.position.sync())

		if left := s.Pending(); left.Records > 0 {
			s.log.Info("records stay in the spool for the next start", "records", left.Records, "bytes", left.Bytes)
		}
		s.metrics.unregister(s.config.Registerer)
		if err = errors.Join(err, s.closeFiles()); err != nil {
			s.closeErr = fmt.Errorf("close the spool of %s: %w", s.config.Name, err)
		}
	})
	return s.closeErr
}

// finishDrain ends the intake and waits for Drain to come to an end of its own
// or, with ctx, to be ended.
func (s *Spool) finishDrain(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	running := s.drain
	s.mu.Unlock()
	wake(s.more)
	if running == nil {
		return
	}
	select {
	case <-running.done:
	case <-ctx.Done():
		running.cancel()
		<-running.done
	}
}

// closeFiles gives the directory up, the lock last.
func (s *Spool) closeFiles() error {
	var err error
	if s.position != nil {
		err = s.position.close()
	}
	if s.lock != nil {
		err = errors.Join(err, unlockDir(s.lock))
	}
	return err
}

// wake fills a channel of one slot.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
