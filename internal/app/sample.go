package app

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"bookstore/internal/catalogue"
	"bookstore/internal/events"
)

// sampleBooks is the namespace of the sample's command ids. They are made from
// the books, so that a start that was killed in the middle goes on where it was,
// and no book comes twice.
var sampleBooks = uuid.MustParse("5d0c3c34-6a52-4d2e-8b43-9f1f0a6c7e10")

// loadSample puts the sample catalogue on an embedded log that has nothing else:
// so the first search of a newcomer finds something. A log elsewhere is somebody's
// and is left alone.
func (a *App) loadSample(ctx context.Context) error {
	if a.homes.kafka == nil || a.bus == nil {
		return nil
	}
	commands, err := a.missingSample(ctx)
	if err != nil || len(commands) == 0 {
		return err
	}
	a.log.Info("the log is empty; loading the sample catalogue", "books", len(commands))
	for _, c := range commands {
		if err := a.bus.Send(ctx, c); err != nil {
			return fmt.Errorf("load the sample catalogue: %w", err)
		}
	}
	return nil
}

// missingSample returns the commands for what is missing of the sample: all of
// it on an empty log, the rest on a log that holds a part of it and nothing else.
func (a *App) missingSample(ctx context.Context) ([]events.Issued, error) {
	_, newest, err := a.broker.Watermarks(ctx, a.topics.Commands)
	if err != nil {
		return nil, err
	}
	books, err := catalogue.Sample()
	if err != nil {
		return nil, err
	}
	var onLog int
	for _, offset := range newest {
		onLog += int(offset)
	}
	if onLog >= len(books) {
		return nil, nil
	}
	ids := a.newIDs()
	var missing []events.Issued
	for _, book := range books {
		commandID := uuid.NewSHA1(sampleBooks, []byte(book.Title+"\x00"+book.Author)).String()
		_, decided, err := a.outcomes.Find(ctx, commandID)
		if err != nil {
			return nil, err
		}
		if decided {
			continue
		}
		id, err := ids.Next(ctx)
		if err != nil {
			return nil, err
		}
		missing = append(missing, events.Issued{
			Envelope: events.Envelope{
				ID: commandID, Source: events.SourceAPI, Time: events.Instant(time.Now()), Actor: "sample catalogue",
			},
			Command: events.CreateBook{ID: id, Details: events.Details{
				Title: book.Title, Author: book.Author, PublishedAt: book.PublishedAt, Description: book.Description,
			}},
		})
	}
	if onLog > 0 && len(missing) == len(books) {
		return nil, nil // what is there is somebody's own
	}
	return missing, nil
}
