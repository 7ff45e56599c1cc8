package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bookstore/internal/events"
	"bookstore/internal/web"
)

// What a client reads of the log at once, and holds in memory until it is sent.
const (
	stretchRecords = 1000
	stretchBytes   = 1 << 20
)

// errStretch ends the reading of a stretch.
var errStretch = errors.New("that is enough for once")

// follower brings one client from its position to the end of the log, and along with
// it from there.
type follower struct {
	hub   *Hub
	place place
}

func (h *Hub) followerAt(position events.Offsets) *follower {
	return &follower{hub: h, place: place{position: slices.Clone(position), number: inLog}}
}

// run sends changes until ctx ends, or the client or the log is lost.
func (f *follower) run(ctx context.Context, to *web.EventStream) error {
	for tries := 0; ; {
		batch, err := f.next(ctx)
		switch {
		case err == nil:
			tries = 0
		case ctx.Err() != nil:
			return err
		default:
			if lost := f.hub.look(ctx, f.place.position); errors.As(lost, new(*LostError)) {
				return lost
			}
			f.hub.outage.begins(err)
			pause(ctx, tries)
			tries++
		}
		if err := f.send(to, batch); err != nil {
			return err
		}
	}
}

// next returns what follows, from the ring if it has all of it, else from the log. It
// waits for the ring. It may return nothing without an error.
func (f *follower) next(ctx context.Context) ([]*item, error) {
	batch, more := f.hub.after(&f.place)
	switch {
	case batch != nil:
		return batch, nil
	case more == nil:
		return f.read(ctx)
	}
	select {
	case <-more:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read returns a stretch of the log, all of it in one partition: a broker answers with
// much of each partition that it is asked for, and most of it would be for nothing. It
// is the one in which most is missing, so that all come to their end together.
func (f *follower) read(ctx context.Context) ([]*item, error) {
	select {
	case f.hub.readers <- struct{}{}:
		defer func() { <-f.hub.readers }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	from := f.place.position
	_, next := f.hub.seen()
	furthest := 0
	for partition := range next {
		if next[partition]-from[partition] > next[furthest]-from[furthest] {
			furthest = partition
		}
	}
	to := slices.Clone(from)
	to[furthest] = next[furthest]

	var stretch []*item
	bytes := 0
	err := f.hub.log.Read(ctx, from, to, func(r events.Record) error {
		stretch = append(stretch, newItem(r))
		bytes += r.Size()
		if len(stretch) == stretchRecords || bytes >= stretchBytes {
			return errStretch
		}
		return nil
	})
	switch {
	case len(stretch) > 0: // should the log be away now, that is found again
	case err != nil:
		return nil, fmt.Errorf("read the log of events from %s: %w", from, err)
	default:
		f.place.position = to // nothing but a transaction's marks
	}
	f.hub.outage.ends()
	return stretch, nil
}

// send sends those records that are changes, and moves the client's position behind
// all of them.
func (f *follower) send(to *web.EventStream, batch []*item) error {
	var changes []web.Event
	told := true
	for _, i := range batch {
		f.place.position[i.record.Partition] = i.record.Offset + 1
		event, change := i.change()
		if told = change; change {
			event.ID = f.place.position.String()
			changes = append(changes, event)
		}
	}
	if len(changes) > 0 {
		if err := to.Send(changes...); err != nil {
			return err
		}
	}
	if told {
		return nil
	}
	// Else a client that connects again after many rejections would have all of them
	// read once more, for nothing.
	return to.Mark(f.place.position.String())
}
