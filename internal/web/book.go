package web

import (
	"fmt"
	"time"
)

// Book is a book as the API shows it, whether a write or a query answers.
type Book struct {
	ID          int64     `json:"id"`
	Version     int64     `json:"version"` // also in the ETag
	Title       string    `json:"title"`
	Author      string    `json:"author"`
	PublishedAt string    `json:"published_at"` // as it was put in; "" where nobody knows
	Description string    `json:"description"`
	ISBN        string    `json:"isbn,omitempty"` // thirteen digits; absent where there is none
	CreatedAt   time.Time `json:"created_at"`     // RFC 3339, UTC
	UpdatedAt   time.Time `json:"updated_at"`     // RFC 3339, UTC
	// ParkedEvents is how many later events of the book could not be applied: the
	// book is shown as it was before them. Absent where there are none.
	ParkedEvents int64 `json:"parked_events,omitempty"`
	// Highlights show what a search has found; absent where nobody asked for them.
	Highlights *Highlights `json:"highlights,omitempty"`
}

// Highlights are fields of a book as HTML, escaped, with what was searched for between
// <mark> and </mark>. Of the description it is the part that has most of it.
type Highlights struct {
	Title       string `json:"title"`
	Author      string `json:"author"`
	Description string `json:"description"`
}

// BookParked is for a book that cannot be shown at all, because its first event
// is one of the events of it, at least 1, that are parked since then. Time alone
// does not change that, so it does not say when to try again.
func BookParked(events int64, since time.Time) *Problem {
	parked := "1 event of this book is"
	if events != 1 {
		parked = fmt.Sprintf("%d events of this book are", events)
	}
	return newProblem(TypeBookParked, fmt.Sprintf(
		"%s parked since %s: the first of them could not be applied, and without it there is nothing to show. Nothing is lost; an operator has to see to it.",
		parked, since.UTC().Format(time.RFC3339)))
}
