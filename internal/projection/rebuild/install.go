package rebuild

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// Install returns once each projection has a generation that answers queries, and that
// this program's queries can read: one that they can't is as good as none. On an empty log the first one is made at once. On a log that has events it is built
// like any other, so that nobody ever reads a half-built one: this waits for it,
// and for a process whose [Rebuilder.Run] builds this projection.
func (r *Rebuilder) Install(ctx context.Context) error {
	for _, p := range r.cfg.Projections {
		if p != r.newest(p.Name()) {
			continue
		}
		if err := r.install(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range r.cfg.Projections {
		if err := r.awaitActive(ctx, p.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rebuilder) install(ctx context.Context, p projection.Projection) error {
	if err := r.retireUnreadable(ctx, p.Name()); err != nil {
		return err
	}
	active, err := activeOrNone(ctx, r.cfg.Pool, p.Name())
	if err != nil || active != nil {
		return err
	}
	_, newest, err := r.cfg.Log(p.Source()).Watermarks(ctx)
	if err != nil {
		return err
	}
	for _, end := range newest {
		if end > 0 {
			_, err := r.Start(ctx, p.Name(), Request{})
			if _, underWay := errors.AsType[*UnderWayError](err); underWay {
				return nil // by another process, or from before we were killed
			}
			return err
		}
	}
	_, err = projection.Install(ctx, r.cfg.Pool, p)
	return err
}

// retireUnreadable lets go of an active generation that this program's queries can't
// read. Its views stay until another takes its place, for processes of the program that
// made it; they see nothing new any more.
func (r *Rebuilder) retireUnreadable(ctx context.Context, name string) error {
	if r.cfg.Readable == nil {
		return nil
	}
	return quickly(ctx, r.cfg.Pool, func(ctx context.Context, tx pgx.Tx) error {
		kept, err := generations(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, g := range kept {
			if g.state != projection.Active || r.cfg.Readable(name, g.version) {
				continue
			}
			r.cfg.Logger.Warn("read model is of a version that this program can't read; it is built anew before anything is answered",
				"projection", name, "generation", g.number, "version", g.version)
			if err := projection.Detach(ctx, tx, name, g.number); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `UPDATE generations SET state = 'retired' WHERE projection = $1 AND generation = $2`, name, g.number)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// tellInterval is how often it is logged how far a build is that a start waits for.
const tellInterval = 5 * time.Second

func (r *Rebuilder) awaitActive(ctx context.Context, name string) error {
	told := time.Now()
	for {
		active, err := activeOrNone(ctx, r.cfg.Pool, name)
		if active != nil {
			return nil
		}
		if err == nil {
			err = r.givenUp(ctx, name)
		}
		if err != nil && !postgres.IsTransient(err) {
			return err
		}
		if time.Since(told) >= tellInterval {
			told = time.Now()
			r.tell(ctx, name)
		}
		if wait(ctx, lookInterval/5); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// givenUp fails with ErrNotBuilt where nobody builds a projection that has no
// active generation.
func (r *Rebuilder) givenUp(ctx context.Context, name string) error {
	b, there, err := Last(ctx, r.cfg.Pool, name)
	if err != nil || !there || (b.Phase != Failed && b.Phase != Cancelled) {
		return err
	}
	return fmt.Errorf("rebuild %d of %s is %s: %w: %s", b.ID, name, b.Phase, ErrNotBuilt, b.Trouble)
}

func (r *Rebuilder) tell(ctx context.Context, name string) {
	b, there, err := Unfinished(ctx, r.cfg.Pool, name)
	if err != nil || !there {
		return
	}
	if b.Owner == "" {
		r.cfg.Logger.Warn("read model is to be built from the log, and no process has begun: it takes one of the role that builds it", "projection", name)
		return
	}
	r.cfg.Logger.Info("read model is being built from the log; queries are answered when it is there", "projection", name,
		"phase", b.Phase, "events", b.EventsDone, "of", b.EventsTotal, "detail", b.Detail, "trouble", b.Trouble)
}

// Outdated returns the projections whose active generation is of another version
// than this program's newest.
func (r *Rebuilder) Outdated(ctx context.Context) (names []string, err error) {
	for _, p := range r.cfg.Projections {
		if p != r.newest(p.Name()) {
			continue
		}
		kept, err := generations(ctx, r.cfg.Pool, p.Name())
		if err != nil {
			return nil, err
		}
		for _, g := range kept {
			if g.state == projection.Active && g.version != p.Version() {
				names = append(names, p.Name())
			}
		}
	}
	return names, nil
}
