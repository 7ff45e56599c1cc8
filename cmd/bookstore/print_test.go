package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/importer"
)

func TestPrintableLeavesNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Emma & Söhne 本":    "Emma & Söhne 本",
		"a\x1b[2Jb\nc\td":   `a\u001b[2Jb\u000ac\u0009d`,
		"8-bit \u009b31m":   `8-bit \u009b31m`,
		"right \u202e tfel": `right \u202e tfel`,
		"\xff":              "\uFFFD",
	} {
		require.Equal(t, want, printable(given))
	}
	tag := "\U000E0041" // invisible, and beyond 16 bits
	require.Equal(t, `\udb40\udc41`, printableJSON(tag))
}

func record(t *testing.T, encoded events.Encoded, err error) events.Record {
	t.Helper()
	require.NoError(t, err)
	return events.Record{
		Topic: "topic", Partition: 3, Offset: 1204, Timestamp: time.Date(2024, 4, 11, 0, 0, 0, 0, time.UTC),
		Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers,
	}
}

var envelope = events.Envelope{
	ID: "1", Source: events.SourceAPI, Time: time.Date(2024, 4, 10, 7, 1, 51, 123456000, time.UTC), Actor: "jane",
}

func TestAnEventOnOneLine(t *testing.T) {
	t.Parallel()
	emma := events.Details{Title: "Emma\n\x1b[31m"}
	event := func(e events.Event) events.Record {
		encoded, err := events.EncodeEvent(envelope, e)
		return record(t, encoded, err)
	}
	command := func(c events.Command) events.Record {
		encoded, err := events.EncodeCommand(envelope, c)
		return record(t, encoded, err)
	}
	search := func(s events.SearchServed) events.Record {
		s.ID, s.At = "1", envelope.Time
		encoded, err := events.EncodeSearch(s)
		return record(t, encoded, err)
	}
	open := func(o events.BookOpened) events.Record {
		o.ID, o.At = "1", envelope.Time
		encoded, err := events.EncodeOpened(o)
		return record(t, encoded, err)
	}
	for want, r := range map[string]events.Record{
		`created   book 17 v1  "Emma\n\x1b[31m" by jane`:                           event(events.BookCreated{ID: 17, Version: 1, Details: emma}),
		`updated   book 17 v2  "Emma\n\x1b[31m" by jane`:                           event(events.BookUpdated{ID: 17, Version: 2, Details: emma}),
		`deleted   book 17 v3 by jane`:                                             event(events.BookDeleted{ID: 17, Version: 3}),
		`rejected  book 17 v3  bookstore.book.delete.v1: version_mismatch by jane`: event(events.CommandRejected{ID: 17, CurrentVersion: 3, CommandType: events.TypeDeleteBook, Code: events.RejectedVersion}),
		`create    book 17  "Emma\n\x1b[31m" by jane`:                              command(events.CreateBook{ID: 17, Details: emma}),
		`update    book 17  "Emma\n\x1b[31m" if at version [2 3] by jane`:          command(events.UpdateBook{ID: 17, Details: emma, IfMatch: []int64{2, 3}}),
		`delete    book 17 by jane`:                                                command(events.DeleteBook{ID: 17}),
		`searched  "a:b"  2 books from 5 by ann`:                                   search(events.SearchServed{Query: "a:b", UserID: "ann", Offset: 5, Books: make([]events.ServedBook, 2)}),
		`opened    book 17`:                                                        open(events.BookOpened{Book: 17}),
		`opened    book 17 by a\u001b`:                                             open(events.BookOpened{Book: 17, UserID: "a\x1b"}),
	} {
		var line bytes.Buffer
		writeLine(&line, r)
		require.Equal(t, "2024-04-10T07:01:51.123Z  3.1204     "+want+"\n", line.String())
	}
}

func TestARecordThatCannotBeReadIsPrintedAllTheSame(t *testing.T) {
	t.Parallel()
	r := events.Record{Topic: "topic", Key: []byte("\xff"), Value: []byte("{\x1b"), Timestamp: envelope.Time}
	var line bytes.Buffer
	writeLine(&line, r)
	require.Contains(t, line.String(), "CAN'T BE READ: ")

	line.Reset()
	writeJSON(&line, r)
	require.JSONEq(t, `{"topic":"topic","partition":0,"offset":0,"timestamp":"2024-04-10T07:01:51.123456Z",
		"headers":{},"key_base64":"/w==","value_base64":"exs="}`, line.String())
}

func TestJSONKeepsItsMeaningAndLeavesNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	title := "a \u009b31m \u202e & <b> \U000E0041"
	encoded, err := events.EncodeEvent(envelope, events.BookCreated{ID: 17, Version: 1, Details: events.Details{Title: title}})
	var line bytes.Buffer
	writeJSON(&line, record(t, encoded, err))
	require.NotContains(t, line.String(), "\u009b")
	require.NotContains(t, line.String(), "\u202e")
	require.Contains(t, line.String(), "& <b>")

	var read struct {
		Key   string
		Value struct{ Title string }
	}
	require.NoError(t, json.Unmarshal(line.Bytes(), &read))
	require.Equal(t, "17", read.Key)
	require.Equal(t, title, read.Value.Title)
}

func TestProgressInLines(t *testing.T) {
	t.Parallel()
	now := importer.Progress{Bytes: 250, Added: 900, Present: 90, Rejected: 10}
	require.Equal(t, "1000 rows, 100 a second, 25 % done, 30s left, 10 rejected", progressLine(now, 1000, 10*time.Second))
	require.Equal(t, "1000 rows, 100 a second, 10 rejected", progressLine(now, 0, 10*time.Second))
}

func TestTheSummarySaysWhatBecameOfISBNs(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	p := &program{stdout: &out, stderr: &errs}
	p.printSummary(importer.Summary{Progress: importer.Progress{Added: 2}, Elapsed: time.Second})
	require.Equal(t, "2 imported, 0 already there, 0 rejected in 1s, 2 rows a second\n", out.String())
	require.Empty(t, errs.String())

	p.printSummary(importer.Summary{BadISBNs: importer.BadISBNs{Rows: 23, First: 7}, OtherISBN: 4})
	require.Equal(t, "23 rows have an ISBN that is none, the first of them on line 7; it was left out\n"+
		"4 books were there without the ISBN of their row, or with another; they stay as they are\n", errs.String())
}
