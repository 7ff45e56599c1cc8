package events

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Types of the commands, with their schema versions.
const (
	TypeCreateBook = "bookstore.book.create.v1"
	TypeUpdateBook = "bookstore.book.update.v1"
	TypeDeleteBook = "bookstore.book.delete.v1"
)

// Command is one of [CreateBook], [UpdateBook] and [DeleteBook].
type Command interface {
	// CommandType is the CloudEvents type, with the schema version.
	CommandType() string
	// Book is the id of the book that is to change; the record's key, so that a
	// book's commands are decided in order.
	Book() int64
}

// CreateBook asks for a new book under an id that was never used.
type CreateBook struct {
	ID int64 `json:"id"`
	Details
}

// UpdateBook asks for new details of a book.
type UpdateBook struct {
	ID int64 `json:"id"`
	Details
	// IfMatch holds the versions of which the book must have one; empty: any.
	IfMatch []int64 `json:"if_match,omitempty"`
}

// DeleteBook asks for the end of a book.
type DeleteBook struct {
	ID int64 `json:"id"`
	// IfMatch holds the versions of which the book must have one; empty: any.
	IfMatch []int64 `json:"if_match,omitempty"`
}

// CommandType implements [Command].
func (CreateBook) CommandType() string { return TypeCreateBook }

// CommandType implements [Command].
func (UpdateBook) CommandType() string { return TypeUpdateBook }

// CommandType implements [Command].
func (DeleteBook) CommandType() string { return TypeDeleteBook }

// Book implements [Command].
func (c CreateBook) Book() int64 { return c.ID }

// Book implements [Command].
func (c UpdateBook) Book() int64 { return c.ID }

// Book implements [Command].
func (c DeleteBook) Book() int64 { return c.ID }

// CommandHash is a fingerprint of what a command asks for. Two requests under
// one Idempotency-Key are the same request when their hashes are equal. The id
// of a book that is yet to be created is left out: each try draws a new one.
func CommandHash(c Command) string {
	var b strings.Builder
	switch c := c.(type) {
	case CreateBook:
		fmt.Fprintf(&b, "%s\n%s", c.CommandType(), said(c.Details))
	case UpdateBook:
		fmt.Fprintf(&b, "%s\n%d\n%s\n%v", c.CommandType(), c.ID, said(c.Details), c.IfMatch)
	case DeleteBook:
		fmt.Fprintf(&b, "%s\n%d\n%v", c.CommandType(), c.ID, c.IfMatch)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:16])
}

// said writes details so that different ones are different texts. Hashes are in the
// log, and compared with those of requests that come again: what was written before
// there were ISBNs has to be written in the same way for ever, which is why a
// detail that is left out must leave no trace.
func said(d Details) string {
	text := fmt.Sprintf("{%q %q %q %q}", d.Title, d.Author, d.PublishedAt, d.Description)
	if d.ISBN != "" {
		text += fmt.Sprintf(" isbn %q", d.ISBN)
	}
	return text
}
