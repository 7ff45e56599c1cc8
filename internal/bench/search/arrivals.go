package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/bench/books"
	"bookstore/internal/bench/clients"
	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection"
)

// arrivals puts new books on the log of a running service, as events: its read models
// follow those as any others, live. They are not decisions of its write side, which
// knows nothing of these books and need not, as it reads no events while it runs. They
// name no command and another source, so a service that would be restored from this log
// would leave them out too, and no checks of the write side would ask for their commands.
//
// Not safe for use by several goroutines at once.
type arrivals struct {
	catalogue *books.Catalogue
	ids       *command.IDs // of the service's own sequence, so that no id is anybody else's
	events    messaging.Writer
	pool      *pgxpool.Pool
	ends      map[int32]int64 // behind the last record of each partition that was written to
	arrived   int
}

// sourceArrivals is who says that the books are there.
const sourceArrivals = "/bookstore/bench"

// openArrivals connects to the service's broker. close must be called.
func openArrivals(service Service, catalogue *books.Catalogue, pool *pgxpool.Pool, log *slog.Logger) (a *arrivals, closing func() error, err error) {
	publisher, err := messaging.NewPublisher(messaging.Config{Brokers: service.Brokers, ClientID: "bookstore-bench", Logger: log})
	if err != nil {
		return nil, nil, err
	}
	return &arrivals{
		catalogue: catalogue, pool: pool, ends: make(map[int32]int64),
		ids:    command.NewIDs(pool, func(int64) int { return 0 }), // in their order
		events: messaging.Writer{Publisher: publisher, Topic: events.DefaultTopics().Events},
	}, publisher.Close, nil
}

// make makes new books.
func (a *arrivals) make(ctx context.Context, n int) ([]events.Encoded, error) {
	made := make([]events.Encoded, n)
	for i := range made {
		id, err := a.ids.Next(ctx)
		if err != nil {
			return nil, err
		}
		now := time.Now().UTC().Truncate(time.Microsecond)
		made[i], err = events.EncodeEvent(
			events.Envelope{ID: name("arrival", id), Source: sourceArrivals, Time: now},
			events.BookCreated{ID: id, Version: 1, Details: a.catalogue.Book(id), CreatedAt: now})
		if err != nil {
			return nil, err
		}
	}
	return made, nil
}

// write returns when all are on the log.
func (a *arrivals) write(ctx context.Context, made []events.Encoded) error {
	positions, err := a.events.Append(ctx, made)
	if err != nil {
		return fmt.Errorf("write new books: %w", err)
	}
	for _, p := range positions {
		a.ends[p.Partition] = max(a.ends[p.Partition], p.Offset+1)
	}
	a.arrived += len(made)
	return nil
}

// pace writes so many new books a second, evenly in time. Where the log is slower
// than that, or was held up, what is due is written in one go.
func (a *arrivals) pace(ctx context.Context, perSecond float64, length time.Duration) error {
	const beat = 10 * time.Millisecond
	began := time.Now()
	for first := a.arrived; ; {
		took := min(time.Since(began), length)
		if due := int(perSecond*took.Seconds()) - (a.arrived - first); due > 0 {
			made, err := a.make(ctx, min(due, appendSize))
			if err != nil {
				return err
			}
			if err := a.write(ctx, made); err != nil {
				return err
			}
		} else if took == length {
			return nil
		}
		if err := clients.SleepUntil(ctx, began.Add(took.Truncate(beat)+beat)); err != nil {
			return err
		}
	}
}

// behind is how many of the new books the read model that is behind the most has yet
// to apply.
func (a *arrivals) behind(ctx context.Context) (int, error) {
	var most int64
	for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
		next, err := projection.Checkpoints(ctx, a.pool, p.Name())
		if err != nil {
			return 0, err
		}
		var left int64
		for partition, end := range a.ends {
			if int(partition) >= len(next) {
				return 0, fmt.Errorf("%w: %s has no partition %d", errNotFollowed, p.Name(), partition)
			}
			left += max(0, end-next[partition])
		}
		most = max(most, left)
	}
	return int(most), nil
}

var (
	errNotFollowed = errors.New("a read model does not follow the log")
	errStalled     = errors.New("the read models have stopped following the log")
)

// caughtUp returns when all new books are in all read models.
func (a *arrivals) caughtUp(ctx context.Context) error {
	const (
		look    = 10 * time.Millisecond
		patient = time.Minute // with read models that don't move
	)
	last, moved := -1, time.Now()
	for {
		behind, err := a.behind(ctx)
		if err != nil || behind == 0 {
			return err
		}
		switch {
		case behind != last:
			last, moved = behind, time.Now()
		case time.Since(moved) > patient:
			return fmt.Errorf("%w: %d books to go", errStalled, behind)
		}
		if err := clients.SleepUntil(ctx, time.Now().Add(look)); err != nil {
			return err
		}
	}
}
