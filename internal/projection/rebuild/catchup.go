package rebuild

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/events"
	"bookstore/internal/projection"
)

// Limits of the moment in which the live consumer is held: how much may be left to
// copy, and how long that may take.
const (
	attachBehind = 1000
	attachWithin = 3 * time.Second
)

var errBehind = errors.New("too far behind the live consumer to be attached")

// catchUp copies what has come meanwhile, until it is so little that the live
// consumer can be held for the rest of it.
func (o *owner) catchUp(ctx context.Context, b Rebuild) error {
	c, err := o.startCopier(ctx, b)
	if err != nil {
		return err
	}
	defer c.stop()
	for {
		target, err := o.target(ctx, b)
		if err != nil {
			return err
		}
		stop := o.watch(c, target)
		err = c.to(ctx, target)
		stop()
		if err == nil && o.governor != nil {
			err = o.governor.Wait(ctx, 0) // no time for that once the live consumer is held
		}
		if err != nil {
			return err
		}
		if err := o.attach(ctx, b, c); !errors.Is(err, errBehind) {
			return err
		}
	}
}

// attach hands the generation over to the live consumer, at the very position
// where that is.
func (o *owner) attach(ctx context.Context, b Rebuild, c *copier) error {
	next := Verifying
	if b.Replaces == nil {
		next = Switching // there is nothing to compare with
	}
	began := time.Now()
	err := quickly(ctx, o.cfg.Pool, func(ctx context.Context, tx pgx.Tx) error {
		began = time.Now()
		ctx, cancel := context.WithTimeout(ctx, attachWithin)
		defer cancel()
		err := projection.Attach(ctx, tx, b.Projection, b.Generation, len(c.oldest), func(ctx context.Context, target events.Offsets) error {
			done, total := c.done(target)
			if total-done > attachBehind {
				return fmt.Errorf("%w: by %d events", errBehind, total-done)
			}
			defer c.hurry()()
			if err := c.to(ctx, target); err != nil {
				return err
			}
			// The engine must not touch the checkpoints that are about to go.
			c.stop()
			return nil
		})
		if err != nil {
			return err
		}
		return o.advance(ctx, tx, b, next)
	})
	if err == nil {
		o.log.Info("generation is fed by the live consumer now", "held_for", time.Since(began).Round(time.Millisecond))
	}
	return err
}
