package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/command"
	"bookstore/internal/events"
)

// scenario is a book's past, and then a command.
type scenario struct {
	t    require.TestingT
	book command.Book
}

// given is a book with a past.
func given(t require.TestingT, past ...events.Event) scenario {
	s := scenario{t: t}
	for _, event := range past {
		s.book = command.Evolve(s.book, event)
	}
	return s
}

// now is when the commands of scenarios are issued.
var now = time.Date(2025, 1, 2, 3, 4, 5, 678_901_999, time.FixedZone("", 3600))

// instant is now as messages keep it.
var instant = time.Date(2025, 1, 2, 2, 4, 5, 678_901_000, time.UTC)

// outcome is what a command came to.
type outcome struct {
	scenario
	event events.Event
}

func (s scenario) when(c events.Command) outcome {
	return outcome{s, command.Decide(s.book, events.Issued{Envelope: events.Envelope{ID: "c", Time: now}, Command: c})}
}

func (o outcome) then(want events.Event) {
	require.Equal(o.t, want, o.event)
}

// rejected is the same with the reason alone.
func (o outcome) rejected(code events.RejectionCode, version int64) {
	rejection, ok := o.event.(events.CommandRejected)
	require.True(o.t, ok, "%#v", o.event)
	require.Equal(o.t, code, rejection.Code)
	require.Equal(o.t, version, rejection.CurrentVersion)
	require.Equal(o.t, o.book, command.Evolve(o.book, o.event), "a rejection changes nothing")
}

var (
	wasCreated = events.BookCreated{ID: 7, Version: 1, Details: details("first"), CreatedAt: dayOne}
	wasUpdated = events.BookUpdated{ID: 7, Version: 2, Details: details("second"), UpdatedAt: dayOne.Add(time.Hour)}
	wasDeleted = events.BookDeleted{ID: 7, Version: 3, DeletedAt: dayOne.Add(2 * time.Hour)}
)

func TestCreate(t *testing.T) {
	t.Parallel()
	given(t).when(create(7)).then(events.BookCreated{ID: 7, Version: 1, Details: details("first"), CreatedAt: instant})
	given(t, wasCreated).when(create(7)).rejected(events.RejectedExists, 1)
	given(t, wasCreated, wasUpdated).when(create(7)).then(events.CommandRejected{
		ID: 7, CommandType: events.TypeCreateBook, Code: events.RejectedExists, CurrentVersion: 2, RejectedAt: instant,
	})
	given(t, wasCreated, wasUpdated, wasDeleted).when(create(7)).rejected(events.RejectedExists, 3)
	given(t).when(events.CreateBook{ID: 7}).rejected(events.RejectedDetails, 0)

	known := details("first")
	known.ISBN = "9783161484100"
	given(t).when(events.CreateBook{ID: 7, Details: known}).then(events.BookCreated{ID: 7, Version: 1, Details: known, CreatedAt: instant})
	known.ISBN = "978-3-16-148410-0" // our API writes no such command
	given(t).when(events.CreateBook{ID: 7, Details: known}).rejected(events.RejectedDetails, 0)
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	changed := events.BookUpdated{ID: 7, Version: 3, Details: details("another"), UpdatedAt: instant}
	given(t, wasCreated, wasUpdated).when(update(7)).then(changed)
	given(t, wasCreated, wasUpdated).when(update(7, 2)).then(changed)
	given(t, wasCreated, wasUpdated).when(update(7, 9, 2, 1)).then(changed)
	given(t, wasCreated, wasUpdated).when(update(7, 1)).rejected(events.RejectedVersion, 2)
	given(t, wasCreated, wasUpdated).when(update(7, 3)).rejected(events.RejectedVersion, 2)
	given(t, wasCreated, wasUpdated).when(update(7, 0)).rejected(events.RejectedVersion, 2)
	given(t).when(update(7)).rejected(events.RejectedNotFound, 0)
	given(t).when(update(7, 0)).rejected(events.RejectedNotFound, 0)
	given(t, wasCreated, wasUpdated, wasDeleted).when(update(7)).rejected(events.RejectedNotFound, 3)
	given(t, wasCreated, wasUpdated, wasDeleted).when(update(7, 3)).rejected(events.RejectedNotFound, 3)
	given(t, wasCreated).when(events.UpdateBook{ID: 7, Details: events.Details{Title: "no author"}}).rejected(events.RejectedDetails, 1)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	gone := events.BookDeleted{ID: 7, Version: 3, DeletedAt: instant}
	given(t, wasCreated, wasUpdated).when(remove(7)).then(gone)
	given(t, wasCreated, wasUpdated).when(remove(7, 2)).then(gone)
	given(t, wasCreated, wasUpdated).when(remove(7, 1)).rejected(events.RejectedVersion, 2)
	given(t).when(remove(7)).rejected(events.RejectedNotFound, 0)
	given(t, wasCreated, wasUpdated, wasDeleted).when(remove(7)).rejected(events.RejectedNotFound, 3)
}

func TestEvolve(t *testing.T) {
	t.Parallel()
	rejected := events.CommandRejected{ID: 7, Code: events.RejectedVersion}
	require.Equal(t, command.Book{}, given(t, rejected).book)
	require.Equal(t, command.Book{Version: 1, CreatedAt: dayOne}, given(t, wasCreated, rejected).book)
	require.Equal(t, command.Book{Version: 2, CreatedAt: dayOne}, given(t, wasCreated, wasUpdated).book)
	require.Equal(t, command.Book{Version: 3, CreatedAt: dayOne, Deleted: true}, given(t, wasCreated, wasUpdated, wasDeleted).book)
	require.False(t, given(t).book.Exists())
	require.True(t, given(t, wasCreated).book.Exists())
	require.False(t, given(t, wasCreated, wasUpdated, wasDeleted).book.Exists())
}

func TestDecideKnowsEveryCommand(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { command.Decide(command.Book{}, events.Issued{}) })
}

// drawCommand draws any command on book 7, in order or not.
func drawCommand(t *rapid.T) events.Command {
	d := events.Details{
		Title:       rapid.SampledFrom([]string{"A title", "Ein Titel & mehr", "", strings.Repeat("x", 1001)}).Draw(t, "title"),
		Author:      rapid.SampledFrom([]string{"An author", "  "}).Draw(t, "author"),
		PublishedAt: rapid.SampledFrom([]string{"", "1813", "-0750", "1813-02-30"}).Draw(t, "published"),
		ISBN:        rapid.SampledFrom([]string{"", "9783161484100", "978-3-16-148410-0"}).Draw(t, "isbn"),
	}
	ifMatch := rapid.SliceOfN(rapid.Int64Range(0, 6), 0, 3).Draw(t, "if match")
	switch rapid.IntRange(0, 5).Draw(t, "command") {
	case 0, 1:
		return events.CreateBook{ID: 7, Details: d}
	case 2, 3, 4:
		return events.UpdateBook{ID: 7, Details: d, IfMatch: ifMatch}
	default:
		return events.DeleteBook{ID: 7, IfMatch: ifMatch}
	}
}

// Whatever is asked of a book, its history counts 1, 2, 3 and ends with its end,
// and the same question in the same state has the same answer.
func TestAnyCommandsMakeAHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var book command.Book
		var version int64
		ended := false
		for i := range rapid.IntRange(1, 30).Draw(t, "length") {
			c := drawCommand(t)
			issued := events.Issued{Envelope: events.Envelope{ID: "c", Time: now.Add(time.Duration(i) * time.Second)}, Command: c}
			event := command.Decide(book, issued)
			require.Equal(t, event, command.Decide(book, issued), "the same question again")
			require.Equal(t, c.Book(), event.Book())

			after := command.Evolve(book, event)
			step, changes := event.(events.BookEvent)
			if !changes {
				require.Equal(t, book, after)
				require.Equal(t, version, event.(events.CommandRejected).CurrentVersion)
				continue
			}
			require.False(t, ended, "%s after the end", step.EventType())
			version++
			require.Equal(t, version, step.BookVersion())
			require.Equal(t, version, after.Version)
			require.Equal(t, version == 1, step.EventType() == events.TypeBookCreated)
			_, ended = event.(events.BookDeleted)
			require.Equal(t, !ended, after.Exists())
			book = after
		}
	})
}

func TestCheckDetails(t *testing.T) {
	t.Parallel()
	good := details("first")
	with := func(change func(*events.Details)) events.Details {
		d := good
		change(&d)
		return d
	}
	for name, tc := range map[string]struct {
		details events.Details
		fields  []string
	}{
		"in order":                {good, nil},
		"only what must be":       {events.Details{Title: "t", Author: "a"}, nil},
		"nothing at all":          {events.Details{}, []string{"title", "author"}},
		"spaces":                  {events.Details{Title: " \u2003", Author: "\u00a0"}, []string{"title", "author"}},
		"as long as may be":       {events.Details{Title: strings.Repeat("ж", 1000), Author: strings.Repeat("ж", 2000), Description: strings.Repeat("ж", 20_000)}, nil},
		"too long":                {events.Details{Title: strings.Repeat("t", 1001), Author: strings.Repeat("a", 2001), Description: strings.Repeat("d", 20_001)}, []string{"title", "author", "description"}},
		"NUL":                     {with(func(d *events.Details) { d.Title, d.Description = "a\x00", "\x00" }), []string{"title", "description"}},
		"a line break in a title": {with(func(d *events.Details) { d.Title = "a\nb" }), []string{"title"}},
		"lines in a description":  {with(func(d *events.Details) { d.Description = "a\r\n\tb" }), nil},
		"escape in a description": {with(func(d *events.Details) { d.Description = "\x1b[31m" }), []string{"description"}},
		"not UTF-8":               {with(func(d *events.Details) { d.Author = "\xff" }), []string{"author"}},
		"a day that is none":      {with(func(d *events.Details) { d.PublishedAt = "2023-02-29" }), []string{"published_at"}},
		"thirteen digits":         {with(func(d *events.Details) { d.ISBN = "9783161484100" }), nil},
		"a wrong check digit":     {with(func(d *events.Details) { d.ISBN = "9783161484101" }), []string{"isbn"}},
		"another form of an ISBN": {with(func(d *events.Details) { d.ISBN = "978-3-16-148410-0" }), []string{"isbn"}},
		"ten digits":              {with(func(d *events.Details) { d.ISBN = "0306406152" }), []string{"isbn"}},
		"no date":                 {with(func(d *events.Details) { d.PublishedAt = "soon" }), []string{"published_at"}},
	} {
		var fields []string
		for _, fault := range command.CheckDetails(tc.details) {
			require.NotEmpty(t, fault.Message, name)
			fields = append(fields, fault.Field)
		}
		require.Equal(t, tc.fields, fields, name)
	}
}
