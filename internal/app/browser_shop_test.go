package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/catalogue"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/testenv/browser"
	"bookstore/internal/web"
)

// shop is a whole service with the sample catalogue, as somebody has it who has just
// started the program. People use it with browsers.
type shop struct {
	bookstore
	url  string
	api  caller // what other people do meanwhile
	pool *pgxpool.Pool
}

// openShop starts one. The service ends after the browsers of the same test.
func openShop(t *testing.T) shop {
	t.Helper()
	return openShopWith(t, nil)
}

// openShopWith starts one that is not quite as everybody has it.
func openShopWith(t *testing.T, change func(*config.Config, *app.Options)) shop {
	t.Helper()
	s := shop{bookstore: newBookstore(t)}
	s.url = s.start(t, change).URL()
	s.api, s.pool = newCaller(t, s.url), s.connect(t)

	books, err := catalogue.Sample()
	require.NoError(t, err)
	commands := make([]events.Encoded, len(books))
	for i, book := range books {
		encoded, err := events.EncodeCommand(
			events.Envelope{ID: uuid.NewString(), Source: "/tests", Time: time.Now(), Actor: "sample catalogue"},
			events.CreateBook{ID: firstOfSample + int64(i), Details: events.Details{
				Title: book.Title, Author: book.Author, PublishedAt: book.PublishedAt, Description: book.Description,
			}})
		require.NoError(t, err)
		commands[i] = encoded
	}
	s.publish(t, s.topics.Commands, commands...)
	s.awaitApplied(t, s.pool, time.Minute)
	return s
}

// firstOfSample is far above the ids that the service gives itself.
const firstOfSample = 1_000_001

// visitor opens a browser of somebody who has not been here before.
func (s shop) visitor(t *testing.T) *browser.Page {
	t.Helper()
	return browser.New(t, s.url)
}

// add has a book added by somebody else, and returns it when everybody can see it.
func (s shop) add(t *testing.T, details events.Details) web.Book {
	t.Helper()
	api := s.api
	api.t = t
	book, _ := api.create(details)
	return book
}

// awaitReloading loads a page again and again until it is so; otherwise tells what does
// not happen. It is for what a page shows a moment after it has happened, and does not
// follow by itself.
func awaitReloading(t *testing.T, page *browser.Page, otherwise string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browser.Patience)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		page.Reload()
		return so(), nil
	})
	if err != nil {
		t.Fatalf("%s: %v; the page is\n%s", otherwise, err, page.Text("body"))
	}
}

// lookFor types words into the search box and sends them off.
func lookFor(page *browser.Page, words string) {
	page.Clear("#q").Type("#q", words)
	page.Loads(func() { page.Press("Enter") })
}
