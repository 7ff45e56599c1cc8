package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
)

func TestOpensRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := events.BookOpened{
			ID: rapid.StringN(1, 40, -1).Draw(t, "id"), At: anyTime().Draw(t, "at"),
			Book: anyID().Draw(t, "book"), UserID: rapid.String().Draw(t, "user"),
			Traceparent: rapid.String().Draw(t, "trace"), CorrelationID: rapid.String().Draw(t, "correlation"),
		}
		got, err := events.DecodeOpened(record(encode(t, events.Envelope{}, want)))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestAnOpenThatIsNotUnderstoodIsADecodeError(t *testing.T) {
	t.Parallel()
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
		"no headers":       func(r *events.Record) { r.Headers = nil },
		"a search":         with(events.HeaderType, events.TypeSearchServed),
		"future version":   with(events.HeaderType, "bookstore.book.opened.v99"),
		"no value":         func(r *events.Record) { r.Value = nil },
		"null":             func(r *events.Record) { r.Value = []byte(`null`) },
		"no book":          func(r *events.Record) { r.Value = []byte(`{}`) },
		"no such book":     func(r *events.Record) { r.Key, r.Value = []byte("-1:a:7"), []byte(`{"book_id":-1}`) },
		"wrong type":       func(r *events.Record) { r.Value = []byte(`{"book_id":"42"}`) },
		"other book's key": func(r *events.Record) { r.Key = []byte("43:a:7") },
		"key without user": func(r *events.Record) { r.Key = []byte("42") },
		"other user's key": with(events.HeaderUserID, "b"),
		"no key":           func(r *events.Record) { r.Key = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(encode(t, events.Envelope{}, opening("a:7")))
			_, err := events.DecodeOpened(r)
			require.NoError(t, err)
			spoil(&r)
			_, err = events.DecodeOpened(r)
			var bad *events.DecodeError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, events.Position{Partition: 2, Offset: 5}, bad.Position)
		})
	}
}
