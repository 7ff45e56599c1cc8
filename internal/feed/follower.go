package feed

import (
	"cmp"
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

// errEnough ends the reading of a stretch before its end.
var errEnough = errors.New("that is enough at once")

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

// read returns a stretch of the log.
func (f *follower) read(ctx context.Context) ([]*item, error) {
	select {
	case f.hub.readers <- struct{}{}:
		defer func() { <-f.hub.readers }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	from := f.place.position
	_, next := f.hub.seen()
	to := stretchOf(from, next)
	var stretch []*item
	bytes := 0
	err := f.hub.log.Read(ctx, from, to, func(r events.Record) error {
		stretch = append(stretch, newItem(r))
		bytes += r.Size()
		if bytes >= stretchBytes {
			return errEnough
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

// stretchOf returns the end of a stretch from a position towards another one. It lies in
// as few partitions as can be: a broker answers with much of each that it is asked for,
// and most of that would be for nothing. Those go first in which most is missing, so that
// all come to their end together.
func stretchOf(from, next events.Offsets) events.Offsets {
	missing := func(partition int) int64 { return next[partition] - from[partition] }
	partitions := make([]int, len(from))
	for partition := range partitions {
		partitions[partition] = partition
	}
	slices.SortFunc(partitions, func(a, b int) int { return cmp.Compare(missing(b), missing(a)) })
	to := slices.Clone(from)
	room := int64(stretchRecords)
	for _, partition := range partitions {
		// Below 0: another process was ahead of this one.
		take := max(0, min(room, missing(partition)))
		to[partition] += take
		room -= take
	}
	return to
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
