package verify

import (
	"strconv"
	"time"

	"bookstore/internal/events"
)

// book is a row of the catalog, from the database or from the log.
type book struct {
	id, version int64
	events.Details
	createdAt, updatedAt time.Time
}

// entry is a row of the history, from the database or from the log.
type entry struct {
	book, version                   int64
	kind                            string
	at                              time.Time
	actor, commandID, correlationID string
	hasDetails                      bool
	events.Details
}

// value is one field of a row, as it is compared and shown.
type value struct{ field, text string }

func (b book) values() []value {
	return []value{
		{"version", number(b.version)},
		{"title", b.Title},
		{"author", b.Author},
		{"published_at", b.PublishedAt},
		{"description", b.Description},
		{"isbn", b.ISBN},
		{"created_at", events.FormatTime(b.createdAt)},
		{"updated_at", events.FormatTime(b.updatedAt)},
	}
}

func (e entry) values() []value {
	said := []value{{"details", absent}}
	if e.hasDetails {
		said = []value{
			{"details", "present"},
			{"title", e.Title},
			{"author", e.Author},
			{"published_at", e.PublishedAt},
			{"description", e.Description},
			{"isbn", e.ISBN},
		}
	}
	return append([]value{
		{"type", e.kind},
		{"at", events.FormatTime(e.at)},
		{"actor", e.actor},
		{"command_id", e.commandID},
		{"correlation_id", e.correlationID},
	}, said...)
}

func (b book) digest() digest { return digestOfValues(b.values()) }

// after is the digest of a timeline that ends with e.
func (e entry) after(before digest) digest {
	return digestOfValues(e.values(), string(before[:]), number(e.version))
}

// applyTo gives the book after an event; nil when there is none any more.
func applyTo(before *book, event events.BookEvent) *book {
	switch e := event.(type) {
	case events.BookCreated:
		return &book{id: e.ID, version: e.Version, Details: e.Details, createdAt: e.CreatedAt, updatedAt: e.CreatedAt}
	case events.BookUpdated:
		after := book{id: e.ID, version: e.Version, Details: e.Details, updatedAt: e.UpdatedAt}
		if before != nil {
			after.createdAt = before.createdAt
		}
		return &after
	}
	return nil
}

// entryOf is the history's row of an event.
func entryOf(recorded events.Recorded, event events.BookEvent) entry {
	e := entry{book: event.Book(), version: event.BookVersion(), actor: recorded.Actor, correlationID: recorded.CorrelationID}
	if recorded.Cause != nil {
		e.commandID = recorded.Cause.CommandID
	}
	switch what := event.(type) {
	case events.BookCreated:
		e.kind, e.at, e.Details, e.hasDetails = "created", what.CreatedAt, what.Details, true
	case events.BookUpdated:
		e.kind, e.at, e.Details, e.hasDetails = "updated", what.UpdatedAt, what.Details, true
	case events.BookDeleted:
		e.kind, e.at = "deleted", what.DeletedAt
	}
	return e
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
