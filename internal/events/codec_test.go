package events_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
)

// Generators are made anew by each test: rapid writes to one that it draws from, and
// the tests are parallel.

func anyID() *rapid.Generator[int64] {
	return rapid.Int64Min(1)
}

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		// Years 1 to 9999, which RFC 3339 can say.
		return time.UnixMicro(rapid.Int64Range(-62_135_596_800_000_000, 253_402_300_799_999_999).Draw(t, "time")).UTC()
	})
}

func anyDetails() *rapid.Generator[events.Details] {
	return rapid.Custom(func(t *rapid.T) events.Details {
		return events.Details{
			Title: rapid.String().Draw(t, "title"), Author: rapid.String().Draw(t, "author"),
			PublishedAt: rapid.String().Draw(t, "published"), Description: rapid.String().Draw(t, "description"),
			ISBN: rapid.String().Draw(t, "isbn"),
		}
	})
}

func anyVersions() *rapid.Generator[[]int64] {
	return rapid.Custom(func(t *rapid.T) []int64 {
		versions := rapid.SliceOfN(anyID(), 0, 3).Draw(t, "versions")
		if len(versions) == 0 {
			return nil // left out, and so nil when read
		}
		return versions
	})
}

func anyMessage() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) any {
			return events.CreateBook{ID: anyID().Draw(t, "id"), Details: anyDetails().Draw(t, "details")}
		}),
		rapid.Custom(func(t *rapid.T) any {
			return events.UpdateBook{ID: anyID().Draw(t, "id"), Details: anyDetails().Draw(t, "details"), IfMatch: anyVersions().Draw(t, "if")}
		}),
		rapid.Custom(func(t *rapid.T) any {
			return events.DeleteBook{ID: anyID().Draw(t, "id"), IfMatch: anyVersions().Draw(t, "if")}
		}),
		rapid.Custom(func(t *rapid.T) any {
			return events.BookCreated{ID: anyID().Draw(t, "id"), Version: anyID().Draw(t, "version"),
				Details: anyDetails().Draw(t, "details"), CreatedAt: anyTime().Draw(t, "at")}
		}),
		rapid.Custom(func(t *rapid.T) any {
			return events.BookUpdated{ID: anyID().Draw(t, "id"), Version: anyID().Draw(t, "version"),
				Details: anyDetails().Draw(t, "details"), UpdatedAt: anyTime().Draw(t, "at")}
		}),
		rapid.Custom(func(t *rapid.T) any {
			return events.BookDeleted{ID: anyID().Draw(t, "id"), Version: anyID().Draw(t, "version"), DeletedAt: anyTime().Draw(t, "at")}
		}),
		rapid.Custom(func(t *rapid.T) any {
			return events.CommandRejected{ID: anyID().Draw(t, "id"), CommandType: rapid.String().Draw(t, "type"),
				Code:           events.RejectionCode(rapid.String().Draw(t, "code")),
				CurrentVersion: rapid.Int64Min(0).Draw(t, "version"), RejectedAt: anyTime().Draw(t, "at")}
		}),
	)
}

func TestMessagesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		message := anyMessage().Draw(t, "message")
		envelope := events.Envelope{
			ID: rapid.StringN(1, 40, -1).Draw(t, "ce_id"), Time: anyTime().Draw(t, "ce_time"), Source: events.SourceAPI,
			Traceparent: rapid.String().Draw(t, "trace"), CorrelationID: rapid.String().Draw(t, "correlation"),
			Actor: rapid.String().Draw(t, "actor"),
		}
		if _, isEvent := message.(events.Event); isEvent {
			envelope.Source = events.SourceCommands
			envelope.Cause = &events.Cause{
				CommandID: rapid.StringN(1, 40, -1).Draw(t, "command"), Hash: rapid.String().Draw(t, "hash"),
				Position: events.Position{Partition: rapid.Int32Min(0).Draw(t, "partition"), Offset: rapid.Int64Min(0).Draw(t, "offset")},
			}
		}
		encoded := encode(t, envelope, message)
		gotEnvelope, got := decode(t, record(encoded))
		require.Equal(t, message, got)
		// Type and subject are the codec's.
		envelope.Type, envelope.Subject = gotEnvelope.Type, string(encoded.Key)
		require.Equal(t, envelope, gotEnvelope)
		require.Equal(t, encoded, encode(t, gotEnvelope, got), "the same message has the same bytes")
	})
}

func TestSearchesRoundTrip(t *testing.T) {
	t.Parallel()
	book := rapid.Custom(func(t *rapid.T) events.ServedBook {
		d := anyDetails().Draw(t, "details")
		return events.ServedBook{ID: anyID().Draw(t, "id"), Title: d.Title, Author: d.Author, PublishedAt: d.PublishedAt,
			Description: d.Description, CreatedAt: events.ServedTime(anyTime().Draw(t, "created"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := events.SearchServed{
			ID: rapid.StringN(1, 40, -1).Draw(t, "id"), At: anyTime().Draw(t, "at"),
			Query: rapid.StringN(1, 40, -1).Draw(t, "query"), UserID: rapid.String().Draw(t, "user"),
			Offset: rapid.IntMin(0).Draw(t, "offset"), PageSize: rapid.IntMin(1).Draw(t, "size"),
			Books: rapid.SliceOfN(book, 0, 3).Draw(t, "books"), Generation: rapid.Int64().Draw(t, "generation"),
			Position: rapid.String().Draw(t, "position"),
		}
		got, err := events.DecodeSearch(record(encode(t, events.Envelope{}, want)))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// The services that read this topic before split the key at ":" and expect
// exactly these fields.
func TestSearchIsWhatOlderConsumersParse(t *testing.T) {
	t.Parallel()
	encoded := encode(t, events.Envelope{}, search("iliad", "7", served))
	require.Equal(t, "iliad:7", string(encoded.Key))
	var books []map[string]any
	require.NoError(t, json.Unmarshal(encoded.Value, &books))
	require.Len(t, books, 2)
	for _, book := range books {
		require.Len(t, book, 6)
		for _, field := range []string{"id", "title", "author", "published_at", "description", "created_at"} {
			require.Contains(t, book, field)
		}
		_, err := time.Parse(time.DateTime, book["created_at"].(string))
		require.NoError(t, err)
	}
	unknown := search("iliad", "", nil)
	require.Equal(t, "iliad", string(encode(t, events.Envelope{}, unknown).Key))
	require.Equal(t, "[]", string(encode(t, events.Envelope{}, unknown).Value))
}

func TestWhatIsNotUnderstoodIsADecodeError(t *testing.T) {
	t.Parallel()
	good := encode(t, from(full, events.SourceCommands, cause), events.BookDeleted{ID: 42, Version: 3, DeletedAt: at})
	_, err := events.DecodeEvent(record(good))
	require.NoError(t, err)

	with := func(name, value string) func(*events.Record) {
		return func(r *events.Record) {
			for i := range r.Headers {
				if r.Headers[i].Key == name {
					r.Headers[i].Value = value
				}
			}
		}
	}
	for name, spoil := range map[string]func(*events.Record){
		"no headers":         func(r *events.Record) { r.Headers = nil },
		"other spec":         with(events.HeaderSpecVersion, "2.0"),
		"no id":              with(events.HeaderID, ""),
		"no source":          with(events.HeaderSource, ""),
		"no type":            with(events.HeaderType, ""),
		"future version":     with(events.HeaderType, "bookstore.book.deleted.v99"),
		"a command":          with(events.HeaderType, events.TypeDeleteBook),
		"time":               with(events.HeaderTime, "yesterday"),
		"cause's partition":  with(events.HeaderCommandPartition, "x"),
		"partition overflow": with(events.HeaderCommandPartition, "2147483648"),
		"cause's offset":     with(events.HeaderCommandOffset, ""),
		"no value":           func(r *events.Record) { r.Value = nil },
		"cut value":          func(r *events.Record) { r.Value = r.Value[:len(r.Value)-1] },
		"wrong type":         func(r *events.Record) { r.Value = []byte(`{"id":"42"}`) },
		"array":              func(r *events.Record) { r.Value = []byte(`[]`) },
		"other book's key":   func(r *events.Record) { r.Key = []byte("43") },
		"no key":             func(r *events.Record) { r.Key = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(encode(t, from(full, events.SourceCommands, cause), events.BookDeleted{ID: 42, Version: 3, DeletedAt: at}))
			spoil(&r)
			_, err := events.DecodeEvent(r)
			var bad *events.DecodeError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, events.Position{Partition: 2, Offset: 5}, bad.Position)
			require.Equal(t, "topic", bad.Topic)
		})
	}
}

// Headers of others, such as a tracing agent's, change nothing.
func TestUnknownHeadersAreIgnored(t *testing.T) {
	t.Parallel()
	r := record(encode(t, from(full, events.SourceAPI, nil), events.DeleteBook{ID: 42}))
	want, err := events.DecodeCommand(r)
	require.NoError(t, err)
	r.Headers = append(r.Headers, events.Header{Key: "b3", Value: "1"}, events.Header{Key: "ce_unknown", Value: "x"})
	got, err := events.DecodeCommand(r)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestUpcastChains(t *testing.T) {
	t.Parallel()
	errLift := errors.New("no title")
	add := func(s string) func([]byte) ([]byte, error) {
		return func(value []byte) ([]byte, error) { return append(value, s...), nil }
	}
	steps := map[string]events.Step{
		"v1":  {To: "v2", Lift: add(" to 2")},
		"v2":  {To: "v3", Lift: add(" to 3")},
		"bad": {To: "v2", Lift: func([]byte) ([]byte, error) { return nil, errLift }},
	}
	for from, want := range map[string]string{"v1": "x to 2 to 3", "v2": "x to 3", "v3": "x"} {
		kind, value, err := events.Upcast(steps, from, []byte("x"))
		require.NoError(t, err)
		require.Equal(t, "v3", kind)
		require.Equal(t, want, string(value))
	}
	_, _, err := events.Upcast(steps, "bad", []byte("x"))
	require.ErrorIs(t, err, errLift)
	kind, _, err := events.Upcast(steps, "other", []byte("x"))
	require.NoError(t, err)
	require.Equal(t, "other", kind, "a type without a step stays what it is")
}

// FuzzDecode gives any bytes to all decoders: they answer or fail with a
// DecodeError, and what an event decodes to can be written again.
func FuzzDecode(f *testing.F) {
	paths, err := filepath.Glob(goldenPath("*"))
	require.NoError(f, err)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(f, err)
		e := parse(f, content)
		var headers []string
		for _, h := range e.Headers {
			headers = append(headers, h.Key, h.Value)
		}
		f.Add(e.Key, e.Value, strings.Join(headers, "\x00"))
	}
	f.Fuzz(func(t *testing.T, key, value []byte, headers string) {
		r := events.Record{Key: key, Value: value}
		parts := strings.Split(headers, "\x00")
		for i := 0; i+1 < len(parts); i += 2 {
			r.Headers = append(r.Headers, events.Header{Key: parts[i], Value: parts[i+1]})
		}
		check := func(err error) {
			var bad *events.DecodeError
			if err != nil {
				require.ErrorAs(t, err, &bad)
			}
		}
		_, err := events.DecodeCommand(r)
		check(err)
		_, err = events.DecodeSearch(r)
		check(err)
		requireSameIDs(t, r)
		_, err = events.DecodeOpened(r)
		check(err)
		recorded, err := events.DecodeEvent(r)
		check(err)
		if err == nil {
			_, err = events.EncodeEvent(recorded.Envelope, recorded.Event)
			require.NoError(t, err)
		}
	})
}
