package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/spool"
)

// startSpools opens what readers did and is yet to be published, and publishes it.
// Each topic has a spool, and at shutdown both go on while one is waited for.
func (a *App) startSpools(background context.Context) error {
	var err error
	if a.searches, err = a.startSpool(background, "searches", messaging.Writer{Publisher: a.to.searches, Topic: a.topics.Searches}); err != nil {
		return err
	}
	a.opens, err = a.startSpool(background, "opens", messaging.Writer{Publisher: a.to.opens, Topic: a.topics.Opens})
	return err
}

// startSpool opens the spool that lies in the data directory under its name.
func (a *App) startSpool(background context.Context, name string, to messaging.Writer) (*spool.Spool, error) {
	s, err := spool.Open(spool.Config{
		Name: name, Dir: filepath.Join(a.cfg.App.DataDir, name), MaxBytes: a.cfg.Spool.MaxBytes,
		Logger: a.log, Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	a.onClose("publish and close the spool of "+name, s.Close)
	a.run(func() {
		if err := s.Drain(background, spoolLog{to}); err != nil && background.Err() == nil {
			a.fail(err)
		}
	})
	return s, nil
}

// spoolLog tells a spool which records no broker will ever take: it sets those
// aside, rather than trying for ever what holds up all behind it.
type spoolLog struct{ messaging.Writer }

// Append implements [spool.Log].
func (l spoolLog) Append(ctx context.Context, batch []events.Encoded) ([]events.Position, error) {
	positions, err := l.Writer.Append(ctx, batch)
	if errors.Is(err, messaging.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", spool.ErrUnpublishable, err)
	}
	return positions, err
}
