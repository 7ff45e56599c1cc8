package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"bookstore/internal/events"
	"bookstore/internal/pace"
	"bookstore/internal/projection"
)

// Records in a batch. Large ones make few commits; where queries are to be spared,
// a batch is how long a query may have to wait for it.
const (
	bulkBatch   = 5000
	gentleBatch = 100
)

// copier feeds a generation that is not attached yet, by an engine of its own.
type copier struct {
	engine *projection.Engine
	log    Log
	oldest events.Offsets
	stop   func()        // lets the engine finish what it is at
	ended  chan struct{} // closed when it has

	mu      sync.Mutex
	next    events.Offsets
	changed chan struct{} // closed and replaced when next has changed
	hurried chan struct{} // closed while there is no time to give way
	gaveUp  chan struct{} // closed when a checkpoint was not where it should be
}

// errFencedOut says that somebody else moved the generation's checkpoints, or a
// crash of the database has set them back.
var errFencedOut = errors.New("the generation's checkpoints have moved")

// errStopped says that a copier was asked for more after it was stopped.
var errStopped = errors.New("the copier has stopped")

// startCopier takes over the generation's checkpoints where they are; where there are
// none yet, at the beginning of the log.
func (o *owner) startCopier(ctx context.Context, b Rebuild) (*copier, error) {
	source := o.code.Source()
	log := o.cfg.Log(source)
	oldest, newest, err := log.Watermarks(ctx)
	if err != nil {
		return nil, err
	}
	c := &copier{log: log, oldest: oldest, changed: make(chan struct{}), hurried: make(chan struct{}), gaveUp: make(chan struct{})}
	consumer := projection.BuildConsumer(b.Projection, b.Generation)
	if source.OfBooks() {
		err = wholeFrom(oldest)
	} else {
		// Operators may have what was searched forgotten after a while: what is left is
		// what there is to build from, and where it begins is where to begin.
		err = projection.BeginAt(ctx, o.cfg.Pool, consumer, oldest)
	}
	if err != nil {
		return nil, err
	}
	cfg := projection.Config{
		Consumer: consumer, ParkedAs: b.Projection, Generations: projection.Only(b.Generation),
		Independent: !source.OfBooks(), Bookless: !source.OfBooks(),
		Handler: projection.NewFeed(o.code), Pool: o.cfg.Pool, BatchRecords: bulkBatch,
		Advanced: c.advanced, Logger: o.log, Metrics: o.cfg.Metrics,
	}
	if o.governor != nil {
		cfg.BatchRecords = gentleBatch
		cfg.GiveWay = func(ctx context.Context, worked time.Duration) { c.giveWay(ctx, o.governor, worked) }
	}
	if c.engine, err = projection.NewEngine(cfg); err != nil {
		return nil, err
	}
	partitions := make([]int32, len(newest))
	c.next = make(events.Offsets, len(newest))
	for i := range partitions {
		partitions[i] = int32(i)
	}
	if _, err := c.engine.Assign(ctx, partitions, sync.OnceFunc(func() { close(c.gaveUp) })); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	c.ended = make(chan struct{})
	go func() {
		defer close(c.ended)
		c.engine.Run(running)
	}()
	c.stop = func() {
		stop()
		<-c.ended
	}
	return c, nil
}

// wholeFrom fails where the histories of books have lost their beginning: what would
// come of the rest is wrong.
func wholeFrom(oldest events.Offsets) error {
	for partition, offset := range oldest {
		if offset > 0 {
			return fmt.Errorf("the log of partition %d begins at %d: what lay before it was deleted", partition, offset)
		}
	}
	return nil
}

func (c *copier) advanced(next map[int32]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for partition, offset := range next {
		c.next[partition] = offset
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// giveWay lets queries go first, for as long as there is time.
func (c *copier) giveWay(ctx context.Context, governor *pace.Governor, worked time.Duration) {
	c.mu.Lock()
	hurried := c.hurried
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-hurried:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = governor.Wait(ctx, worked) // fails with ctx only
}

// hurry gives way to nobody until it is over: while the live consumer is held, each
// pause for the sake of queries would be one for all who wait for their writes.
func (c *copier) hurry() (over func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.hurried)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.hurried = make(chan struct{})
	}
}

// position is where the generation is, and what tells when that has changed.
func (c *copier) position() (events.Offsets, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.next), c.changed
}

// done is how many of the records below target are copied, and how many there are.
func (c *copier) done(target events.Offsets) (done, total int64) {
	next, _ := c.position()
	for partition, end := range target {
		total += max(0, end-c.oldest[partition])
		done += max(0, min(next[partition], end)-c.oldest[partition])
	}
	return done, total
}

// to applies all records below target.
func (c *copier) to(ctx context.Context, target events.Offsets) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.gaveUp:
			cancel(errFencedOut)
		case <-c.ended:
			cancel(errStopped)
		case <-ctx.Done():
		}
	}()
	from, _ := c.position()
	last := slices.Clone(from)
	err := c.log.Read(ctx, from, target, func(r events.Record) error {
		last[r.Partition] = r.Offset + 1
		return c.engine.Handle(ctx, r)
	})
	if err == nil {
		err = c.await(ctx, last)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// await returns when everything below next is applied.
func (c *copier) await(ctx context.Context, next events.Offsets) error {
	for {
		now, changed := c.position()
		behind := false
		for partition, offset := range next {
			behind = behind || now[partition] < offset
		}
		if !behind {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// copyLog copies everything up to where the live consumer is now.
func (o *owner) copyLog(ctx context.Context, b Rebuild) error {
	if o.governor != nil {
		if err := o.makeIndexes(ctx, b, gentle); err != nil {
			return err
		}
		if err := o.governor.Wait(ctx, 0); err != nil {
			return err
		}
	}
	c, err := o.startCopier(ctx, b)
	if err != nil {
		return err
	}
	defer c.stop()
	target, err := o.target(ctx, b)
	if err != nil {
		return err
	}
	defer o.watch(c, target)()
	if err := c.to(ctx, target); err != nil {
		return err
	}
	return o.advance(ctx, o.cfg.Pool, b, Indexing)
}

// target is where the live consumer is: the furthest that a generation may be
// before it is attached. Without one it is where the log ends.
func (o *owner) target(ctx context.Context, b Rebuild) (events.Offsets, error) {
	_, newest, err := o.cfg.Log(o.code.Source()).Watermarks(ctx)
	if err != nil || b.Replaces == nil {
		return newest, err
	}
	live, err := projection.Checkpoints(ctx, o.cfg.Pool, b.Projection)
	for len(live) < len(newest) {
		live = append(live, 0)
	}
	return live, err
}

// watch keeps the status at what c has done, and at why it can't get on, until the
// returned function is called.
func (o *owner) watch(c *copier, target events.Offsets) (stop func()) {
	over := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(lookInterval / 2)
		defer tick.Stop()
		for {
			done, total := c.done(target)
			o.status.events(done, total)
			if faults := c.engine.Faults(); len(faults) > 0 {
				o.status.trouble(faults[0].Error())
			}
			select {
			case <-tick.C:
			case <-over:
				o.status.events(c.done(target))
				return
			}
		}
	})
	return func() {
		close(over)
		watcher.Wait()
	}
}
