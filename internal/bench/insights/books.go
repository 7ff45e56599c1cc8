package insights

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/bench/books"
	"bookstore/internal/bench/relevance"
	"bookstore/internal/events"
	"bookstore/internal/importer"
)

// ReadBooks reads a real catalogue, as [relevance.ReadBooks] does. As that says nothing
// else of a book, descriptions and dates are made up of the catalogue's words, of the
// length that descriptions have in shops.
func ReadBooks(from io.Reader, seed uint64) ([]events.Details, error) {
	content, err := io.ReadAll(from)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	source, err := books.ReadSource(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	known, err := relevance.ReadBooks(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	const sentences = 3
	catalogue := books.NewCatalogue(source, seed)
	found := make([]events.Details, len(known))
	for i, book := range known {
		var said []string
		for version := range int64(sentences) {
			edition := catalogue.Edition(book.ID, 1+version)
			said, book.PublishedAt = append(said, edition.Description), edition.PublishedAt
		}
		book.Description = strings.Join(said, " ")
		found[i] = book.Details
	}
	return found, nil
}

// importBooks adds books to a service and returns them as searches serve them.
func importBooks(ctx context.Context, service *Service, pool *pgxpool.Pool, details []events.Details) ([]events.ServedBook, error) {
	address, err := url.Parse(service.URL)
	if err != nil {
		return nil, fmt.Errorf("read the service's address: %w", err)
	}
	var rows bytes.Buffer
	out := json.NewEncoder(&rows)
	for _, d := range details {
		if err := out.Encode(d); err != nil {
			return nil, fmt.Errorf("write books: %w", err)
		}
	}
	const atOnce, patience = 64, time.Minute
	var rejected []error
	im, err := importer.New(importer.Config{
		File: &rows, Name: "books.ndjson", Format: importer.FormatNDJSON,
		URL: address, Concurrency: atOnce, Patience: patience,
		Rejected: func(bad *importer.RowError) { rejected = append(rejected, bad) },
		Waiting:  func(error) {},
	})
	if err != nil {
		return nil, err
	}
	if _, err := im.Run(ctx); err != nil {
		return nil, fmt.Errorf("import books: %w", err)
	}
	if err := errors.Join(rejected...); err != nil {
		return nil, fmt.Errorf("import books: %w", err)
	}
	return readServed(ctx, pool, len(details))
}

// readServed reads the books that a service has, of which there are to be so many.
func readServed(ctx context.Context, pool *pgxpool.Pool, want int) ([]events.ServedBook, error) {
	rows, err := pool.Query(ctx, `SELECT id, title, author, published_at, description, created_at FROM books ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b events.ServedBook, err error) {
		var created time.Time
		err = row.Scan(&b.ID, &b.Title, &b.Author, &b.PublishedAt, &b.Description, &created)
		b.CreatedAt = events.ServedTime(created)
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	if len(found) != want {
		return nil, &CountError{What: "books", Have: int64(len(found)), Want: int64(want)}
	}
	return found, nil
}
