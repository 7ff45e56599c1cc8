package command

import (
	"time"

	"bookstore/internal/events"
)

func decideUpdate(book Book, c events.UpdateBook, at time.Time) events.Event {
	if code := mayChange(book, c.IfMatch); code != "" {
		return reject(book, c, code, at)
	}
	if len(CheckDetails(c.Details)) > 0 {
		return reject(book, c, events.RejectedDetails, at)
	}
	return events.BookUpdated{ID: c.ID, Version: book.Version + 1, Details: c.Details, UpdatedAt: at}
}
