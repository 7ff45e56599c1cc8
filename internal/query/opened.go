package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"bookstore/internal/events"
	"bookstore/internal/telemetry"
)

// OpenLog takes opened books on their way to the opens topic. Append returns once
// the open survives the end of this process; it never waits for Kafka.
type OpenLog interface {
	Append(o events.BookOpened) error
}

// opened hands a book that is about to be shown to the open log. As with a search,
// a log that is full does not keep the reader from the book; how much it refuses,
// its own metrics tell.
func (a *API) opened(ctx context.Context, book int64, user string) {
	err := a.Opens.Append(events.BookOpened{
		ID:            uuid.Must(uuid.NewV7()).String(), // can't fail: Go's random source doesn't
		At:            events.Instant(time.Now()),
		Book:          book,
		UserID:        user,
		Traceparent:   telemetry.Traceparent(ctx),
		CorrelationID: telemetry.CorrelationID(ctx),
	})
	if err != nil {
		a.lostOpens.Do(func() {
			a.Logger.ErrorContext(ctx, "a book was opened but that will not be published", "error", err)
		})
	}
}
