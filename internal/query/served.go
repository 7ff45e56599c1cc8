package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"bookstore/internal/events"
	"bookstore/internal/telemetry"
)

// SearchLog takes answered searches on their way to the searches topic. Append
// returns once the search survives the end of this process; it never waits for
// Kafka.
type SearchLog interface {
	Append(s events.SearchServed) error
}

// lostLogInterval keeps a full search or open log from filling the other log as well.
const lostLogInterval = 10 * time.Second

// search is what was asked for.
type search struct {
	query, user   string
	offset, limit int
}

// served hands an answered search to the search log, before the answer is sent:
// what a reader has seen is published, whatever happens next. A log that is full
// does not keep readers from searching; how much it refuses, its own metrics
// tell.
func (a *API) served(ctx context.Context, s search, page Page) {
	err := a.Searches.Append(events.SearchServed{
		ID:            uuid.Must(uuid.NewV7()).String(), // can't fail: Go's random source doesn't
		At:            events.Instant(time.Now()),
		Query:         s.query,
		UserID:        s.user,
		Offset:        s.offset,
		PageSize:      s.limit,
		Books:         servedBooks(page),
		Generation:    page.Generation,
		Position:      page.Offsets.String(),
		Traceparent:   telemetry.Traceparent(ctx),
		CorrelationID: telemetry.CorrelationID(ctx),
	})
	if err != nil {
		a.lostSearches.Do(func() {
			a.Logger.ErrorContext(ctx, "a search was answered but will not be published", "error", err)
		})
	}
}

func servedBooks(page Page) []events.ServedBook {
	books := make([]events.ServedBook, len(page.Books))
	for i, b := range page.Books {
		books[i] = events.ServedBook{
			ID:          b.ID,
			Title:       b.Title,
			Author:      b.Author,
			PublishedAt: b.PublishedAt,
			Description: b.Description,
			CreatedAt:   events.ServedTime(b.CreatedAt),
		}
	}
	return books
}
