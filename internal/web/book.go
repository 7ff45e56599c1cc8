package web

import "time"

// Book is a book as the API shows it, whether a write or a query answers.
type Book struct {
	ID          int64     `json:"id"`
	Version     int64     `json:"version"` // also in the ETag
	Title       string    `json:"title"`
	Author      string    `json:"author"`
	PublishedAt string    `json:"published_at"` // as it was put in; "" where nobody knows
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"created_at"` // RFC 3339, UTC
	UpdatedAt   time.Time `json:"updated_at"` // RFC 3339, UTC
}
