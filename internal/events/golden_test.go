package events_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

var update = flag.Bool("update", false, "write golden files that are missing; those that exist are never changed")

// The golden files are the contract: a record as it lies in the log, first the
// key, then the headers in their order, an empty line, the value. Files are added
// when a type or a version is; a test that wants one changed has found a break of
// the contract, since records with those bytes are in the log for ever.

var (
	at    = time.Date(2024, 4, 10, 7, 1, 51, 120_000_000, time.UTC)
	cause = &events.Cause{
		CommandID: "0190a7e4-0000-7000-8000-000000000001",
		Hash:      "6b1d9f0c2a7e4b5d8c3f1a0e9d7b6c5a",
		Position:  events.Position{Partition: 7, Offset: 9_000_000_001},
	}
	details = events.Details{
		Title: `War & Peace <"Война и мир">`, Author: "Лев Толстой", PublishedAt: "1869",
		Description: "Two lines,\nand a back\\slash. 📚",
	}
	full = events.Envelope{
		ID: "0190a7e4-0000-7000-8000-000000000002", Time: at, Actor: "librarian",
		Traceparent:   "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		CorrelationID: "0190a7e4-0000-7000-8000-000000000003",
	}
	bare = events.Envelope{ID: "0190a7e4-0000-7000-8000-000000000004", Time: at}
)

func withISBN(d events.Details, isbn string) events.Details {
	d.ISBN = isbn
	return d
}

// from returns the envelope with a source, and on events the cause.
func from(e events.Envelope, source string, cause *events.Cause) events.Envelope {
	e.Source, e.Cause = source, cause
	return e
}

// golden is what one golden file pins: a value, and how it is written.
type golden struct {
	envelope events.Envelope
	value    any // an events.Command, events.Event, events.SearchServed or events.BookOpened
}

// written are the values that are written today, by the names of their files.
var written = map[string]golden{
	"create-book.v1":         {from(full, events.SourceAPI, nil), events.CreateBook{ID: 42, Details: details}},
	"create-book.v1.bare":    {from(bare, events.SourceAPI, nil), events.CreateBook{ID: 1}},
	"update-book.v1":         {from(full, events.SourceAPI, nil), events.UpdateBook{ID: 42, Details: details, IfMatch: []int64{1, 3}}},
	"update-book.v1.bare":    {from(bare, events.SourceAPI, nil), events.UpdateBook{ID: 42, Details: details}},
	"create-book.v1.isbn":    {from(full, events.SourceAPI, nil), events.CreateBook{ID: 42, Details: withISBN(details, "9780140447934")}},
	"update-book.v1.isbn":    {from(full, events.SourceAPI, nil), events.UpdateBook{ID: 42, Details: withISBN(details, "9780140447934"), IfMatch: []int64{1, 3}}},
	"book-created.v1.isbn":   {from(full, events.SourceCommands, cause), events.BookCreated{ID: 42, Version: 1, Details: withISBN(details, "9780140447934"), CreatedAt: at}},
	"book-updated.v1.isbn":   {from(full, events.SourceCommands, cause), events.BookUpdated{ID: 42, Version: 2, Details: withISBN(details, "9780140447934"), UpdatedAt: at}},
	"delete-book.v1":         {from(full, events.SourceAPI, nil), events.DeleteBook{ID: 42, IfMatch: []int64{2}}},
	"delete-book.v1.bare":    {from(bare, events.SourceAPI, nil), events.DeleteBook{ID: 42}},
	"book-created.v1":        {from(full, events.SourceCommands, cause), events.BookCreated{ID: 42, Version: 1, Details: details, CreatedAt: at}},
	"book-updated.v1":        {from(full, events.SourceCommands, cause), events.BookUpdated{ID: 42, Version: 2, Details: details, UpdatedAt: at}},
	"book-deleted.v1":        {from(full, events.SourceCommands, cause), events.BookDeleted{ID: 42, Version: 3, DeletedAt: at}},
	"command-rejected.v1":    {from(full, events.SourceCommands, cause), events.CommandRejected{ID: 42, CommandType: events.TypeUpdateBook, Code: events.RejectedVersion, CurrentVersion: 3, RejectedAt: at}},
	"search-served.v1":       {value: search("war: & peace", "7", served)},
	"search-served.v1.empty": {value: search("nothing like it", "", []events.ServedBook{})},
	"book-opened.v1":         {value: opening("a:7")},
	"book-opened.v1.bare":    {value: events.BookOpened{ID: bare.ID, At: at, Book: 1}},
}

var served = []events.ServedBook{
	{ID: 42, Title: details.Title, Author: details.Author, PublishedAt: "1869", Description: details.Description, CreatedAt: events.ServedTime(at)},
	{ID: 43, Title: "Iliad", Author: "Homer", PublishedAt: "-0750", CreatedAt: events.ServedTime(at)},
}

func search(query, user string, books []events.ServedBook) events.SearchServed {
	return events.SearchServed{
		ID: "0190a7e4-0000-7000-8000-000000000005", At: at, Query: query, UserID: user, Offset: 10, PageSize: 5,
		Books: books, Generation: 3, Position: "12,0,7", Traceparent: full.Traceparent, CorrelationID: full.CorrelationID,
	}
}

func opening(user string) events.BookOpened {
	return events.BookOpened{
		ID: "0190a7e4-0000-7000-8000-000000000006", At: at, Book: 42, UserID: user,
		Traceparent: full.Traceparent, CorrelationID: full.CorrelationID,
	}
}

// encode writes a value as the service does.
func encode(t require.TestingT, e events.Envelope, value any) events.Encoded {
	var encoded events.Encoded
	var err error
	switch v := value.(type) {
	case events.Command:
		encoded, err = events.EncodeCommand(e, v)
	case events.Event:
		encoded, err = events.EncodeEvent(e, v)
	case events.SearchServed:
		encoded, err = events.EncodeSearch(v)
	case events.BookOpened:
		encoded, err = events.EncodeOpened(v)
	default:
		err = fmt.Errorf("%T is none of the messages", v)
	}
	require.NoError(t, err)
	return encoded
}

// decode reads a record with the decoder of its topic, and returns what it takes
// to write it again.
func decode(t require.TestingT, r events.Record) (events.Envelope, any) {
	switch r.Header(events.HeaderSource) {
	case events.SourceAPI:
		issued, err := events.DecodeCommand(r)
		require.NoError(t, err)
		return issued.Envelope, issued.Command
	case events.SourceCommands:
		recorded, err := events.DecodeEvent(r)
		require.NoError(t, err)
		return recorded.Envelope, recorded.Event
	}
	switch r.Header(events.HeaderType) {
	case events.TypeBookOpened:
		o, err := events.DecodeOpened(r)
		require.NoError(t, err)
		return events.Envelope{}, o
	default:
		s, err := events.DecodeSearch(r)
		require.NoError(t, err)
		return events.Envelope{}, s
	}
}

func record(e events.Encoded) events.Record {
	return events.Record{Topic: "topic", Partition: 2, Offset: 5, Key: e.Key, Value: e.Value, Headers: e.Headers}
}

// format writes a record as a golden file has it.
func format(e events.Encoded) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "key: %s\n", e.Key)
	for _, h := range e.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, h.Value)
	}
	fmt.Fprintf(&b, "\n%s\n", e.Value)
	return b.Bytes()
}

// parse is the inverse of format.
func parse(t require.TestingT, content []byte) events.Encoded {
	head, value, found := bytes.Cut(content, []byte("\n\n"))
	require.True(t, found)
	var e events.Encoded
	for i, line := range strings.Split(string(head), "\n") {
		name, of, found := strings.Cut(line, ": ")
		require.True(t, found, line)
		if i == 0 {
			require.Equal(t, "key", name)
			e.Key = []byte(of)
			continue
		}
		e.Headers = append(e.Headers, events.Header{Key: name, Value: of})
	}
	e.Value = bytes.TrimSuffix(value, []byte("\n"))
	return e
}

func goldenPath(name string) string { return filepath.Join("testdata", name+".golden") }

//nolint:paralleltest // so that -update has written all files before others read them
func TestWhatIsWrittenIsWhatTheGoldenFilesSay(t *testing.T) {
	for name, g := range written {
		t.Run(name, func(t *testing.T) {
			now := format(encode(t, g.envelope, g.value))
			pinned, err := os.ReadFile(goldenPath(name))
			if os.IsNotExist(err) && *update {
				require.NoError(t, os.WriteFile(goldenPath(name), now, 0o644))
				return
			}
			require.NoError(t, err, "run with -update to add the file of a new type or version")
			require.Equal(t, string(pinned), string(now), "the log is full of the bytes on file: "+
				"give what you changed a new version and an upcaster; -update does not change this file")
		})
	}
}

// Every version that was ever written decodes, those of files that no code
// writes any more included.
func TestEveryGoldenFileDecodes(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(goldenPath("*"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), len(written))
	seen := map[string]bool{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		pinned := parse(t, content)
		require.Equal(t, string(content), string(format(pinned)))
		r := record(pinned)
		seen[r.Header(events.HeaderType)] = true

		envelope, value := decode(t, r)
		name := strings.TrimSuffix(filepath.Base(path), ".golden")
		if g, current := written[name]; current {
			require.Equal(t, g.value, value, name)
			require.Equal(t, pinned, encode(t, envelope, value), "%s: there and back", name)
			continue
		}
		// An old version: what it was lifted to is of today, and round trips.
		again := encode(t, envelope, value)
		envelope2, value2 := decode(t, record(again))
		require.Equal(t, value, value2, name)
		require.Equal(t, envelope, envelope2, name)
	}
	for _, kind := range events.ReadableTypes() {
		require.True(t, seen[kind], "no golden file of %s", kind)
	}
}
