package command

import (
	"time"

	"bookstore/internal/events"
)

func decideDelete(book Book, c events.DeleteBook, at time.Time) events.Event {
	if code := mayChange(book, c.IfMatch); code != "" {
		return reject(book, c, code, at)
	}
	return events.BookDeleted{ID: c.ID, Version: book.Version + 1, DeletedAt: at}
}
