package events

import "time"

// Types of the events in the log, with their schema versions.
const (
	TypeBookCreated     = "bookstore.book.created.v1"
	TypeBookUpdated     = "bookstore.book.updated.v1"
	TypeBookDeleted     = "bookstore.book.deleted.v1"
	TypeCommandRejected = "bookstore.command.rejected.v1"
)

// Event is one of [BookCreated], [BookUpdated], [BookDeleted] and
// [CommandRejected].
type Event interface {
	// EventType is the CloudEvents type, with the schema version.
	EventType() string
	// Book is the id of the book whose history the event belongs to; the
	// record's key, so that a book's events stay in order.
	Book() int64
}

// BookEvent is an event that is a step in a book's history.
type BookEvent interface {
	Event
	// BookVersion is 1 for the first event of a book and one more with each.
	BookVersion() int64
}

// Details are what a writer says of a book.
type Details struct {
	Title       string `json:"title"`
	Author      string `json:"author"`
	PublishedAt string `json:"published_at"` // see [CheckPublishedAt]; "" where nobody knows
	Description string `json:"description"`
	// ISBN is thirteen digits (ISO 2108), "" where there is none or nobody knows. Left
	// out then, so that what was written before there was the field has its bytes.
	ISBN string `json:"isbn,omitempty"`
}

// BookCreated begins a book's history, at version 1.
type BookCreated struct {
	ID      int64 `json:"id"`
	Version int64 `json:"version"`
	Details
	CreatedAt time.Time `json:"created_at"`
}

// BookUpdated replaces all details of a book.
type BookUpdated struct {
	ID      int64 `json:"id"`
	Version int64 `json:"version"`
	Details
	UpdatedAt time.Time `json:"updated_at"`
}

// BookDeleted ends a book's history. Its id is never used again.
type BookDeleted struct {
	ID        int64     `json:"id"`
	Version   int64     `json:"version"`
	DeletedAt time.Time `json:"deleted_at"`
}

// CommandRejected records that a command was decided and changed nothing. It
// has no version: it is about a book, but not a step in its history.
type CommandRejected struct {
	ID             int64         `json:"id"`
	CommandType    string        `json:"command_type"`
	Code           RejectionCode `json:"code"`
	CurrentVersion int64         `json:"current_version"` // 0 where there is no such book
	RejectedAt     time.Time     `json:"rejected_at"`
}

// RejectionCode says why a command changed nothing.
type RejectionCode string

// The reasons for which a command is rejected.
const (
	// RejectedNotFound: there is no such book, or no longer.
	RejectedNotFound RejectionCode = "book_not_found"
	// RejectedVersion: the book has moved on from the versions named in If-Match.
	RejectedVersion RejectionCode = "version_mismatch"
	// RejectedExists: a book with that id was created before.
	RejectedExists RejectionCode = "book_exists"
	// RejectedDetails: the details break the rules. The API refuses such requests
	// itself; this is for commands that others put on the topic.
	RejectedDetails RejectionCode = "invalid_details"
)

// EventType implements [Event].
func (BookCreated) EventType() string { return TypeBookCreated }

// EventType implements [Event].
func (BookUpdated) EventType() string { return TypeBookUpdated }

// EventType implements [Event].
func (BookDeleted) EventType() string { return TypeBookDeleted }

// EventType implements [Event].
func (CommandRejected) EventType() string { return TypeCommandRejected }

// Book implements [Event].
func (e BookCreated) Book() int64 { return e.ID }

// Book implements [Event].
func (e BookUpdated) Book() int64 { return e.ID }

// Book implements [Event].
func (e BookDeleted) Book() int64 { return e.ID }

// Book implements [Event].
func (e CommandRejected) Book() int64 { return e.ID }

// BookVersion implements [BookEvent].
func (e BookCreated) BookVersion() int64 { return e.Version }

// BookVersion implements [BookEvent].
func (e BookUpdated) BookVersion() int64 { return e.Version }

// BookVersion implements [BookEvent].
func (e BookDeleted) BookVersion() int64 { return e.Version }
