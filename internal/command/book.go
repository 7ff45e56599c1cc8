package command

import (
	"fmt"
	"slices"
	"time"

	"bookstore/internal/events"
)

// Book is the aggregate: what deciding needs to know of a book. The zero value is
// a book that never was.
type Book struct {
	Version   int64
	Deleted   bool
	CreatedAt time.Time
}

// Exists says whether there is such a book now.
func (b Book) Exists() bool { return b.Version > 0 && !b.Deleted }

// Decide answers a command with the event that follows from it: a step in the
// book's history, or an [events.CommandRejected]. It is pure.
func Decide(book Book, issued events.Issued) events.Event {
	at := events.Instant(issued.Time)
	switch c := issued.Command.(type) {
	case events.CreateBook:
		return decideCreate(book, c, at)
	case events.UpdateBook:
		return decideUpdate(book, c, at)
	case events.DeleteBook:
		return decideDelete(book, c, at)
	default:
		// Unreachable: DecodeCommand knows no other. A new command without a decision
		// must not pass as one that changes nothing.
		panic(fmt.Sprintf("no decision for command %T", c))
	}
}

// Evolve gives the book after an event.
func Evolve(book Book, event events.Event) Book {
	switch e := event.(type) {
	case events.BookCreated:
		return Book{Version: e.Version, CreatedAt: e.CreatedAt}
	case events.BookUpdated:
		book.Version = e.Version
	case events.BookDeleted:
		book.Version, book.Deleted = e.Version, true
	case events.CommandRejected:
		// Changes nothing.
	}
	return book
}

// reject is the event that says why a command changes nothing.
func reject(book Book, c events.Command, code events.RejectionCode, at time.Time) events.CommandRejected {
	return events.CommandRejected{
		ID: c.Book(), CommandType: c.CommandType(), Code: code,
		CurrentVersion: book.Version, RejectedAt: at,
	}
}

// mayChange says why a command that needs an existing book at one of certain
// versions can't change this one; "" when it can.
func mayChange(book Book, ifMatch []int64) events.RejectionCode {
	switch {
	case !book.Exists():
		return events.RejectedNotFound
	case len(ifMatch) > 0 && !slices.Contains(ifMatch, book.Version):
		return events.RejectedVersion
	}
	return ""
}
