package command

import (
	"time"

	"bookstore/internal/events"
)

func decideCreate(book Book, c events.CreateBook, at time.Time) events.Event {
	if book.Version > 0 {
		return reject(book, c, events.RejectedExists, at)
	}
	if len(CheckDetails(c.Details)) > 0 {
		return reject(book, c, events.RejectedDetails, at)
	}
	return events.BookCreated{ID: c.ID, Version: 1, Details: c.Details, CreatedAt: at}
}
