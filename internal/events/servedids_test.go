package events_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
)

// requireSameIDs requires that both decoders of searches say the same of a record.
func requireSameIDs(t require.TestingT, r events.Record) {
	want, wantErr := events.DecodeSearch(r)
	got, ids, err := events.DecodeSearchIDs(r)
	require.Equal(t, wantErr, err)
	if err != nil {
		require.Nil(t, ids)
		return
	}
	wantIDs := make([]int64, len(want.Books))
	for i, b := range want.Books {
		wantIDs[i] = b.ID
	}
	require.Equal(t, wantIDs, ids)
	want.Books = nil
	require.Equal(t, want, got)
}

// What we write ourselves is read without decoding it, whatever is in the texts.
func TestIDsOfWhatIsWrittenAreScanned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("\"\\/<>&\x00\x1f\x7f\n\u2028é\U0001F40B"))))
		s := search("iliad", "7", rapid.SliceOfN(rapid.Custom(func(t *rapid.T) events.ServedBook {
			return events.ServedBook{
				ID: rapid.Int64().Draw(t, "id"), Title: text.Draw(t, "title"), Author: text.Draw(t, "author"),
				PublishedAt: text.Draw(t, "published"), Description: text.Draw(t, "description"), CreatedAt: text.Draw(t, "created"),
			}
		}), 0, 4).Draw(t, "books"))
		r := record(encode(t, events.Envelope{}, s))
		_, plain := events.ScanServedIDs(r.Value)
		require.True(t, plain)
		requireSameIDs(t, r)
	})
}

// What others write, or break, is taken or refused as [events.DecodeSearch] does it.
func TestIDsAreReadAsStrictlyAsBooks(t *testing.T) {
	t.Parallel()
	const book = `{"id":1,"title":"Dune","author":"Frank Herbert","published_at":"1965","description":"","created_at":"2024-04-10 07:01:51"}`
	values := []string{
		``, `null`, `{}`, `[]`, ` [ ] `, `[]x`, `[][]`, `[null]`, `[1]`, `[{}]`, `[{"id":1}]`, `[{"ID":1}]`, `[{"id":1,"id":2}]`, `[{"id":"1"}]`,
		`[` + book + `]`, `[` + book + `,` + book + `]`, `[` + book + `,]`, `[` + book + book + `]`, `[,` + book + `]`, `[` + book, book,
	}
	for _, id := range []string{`-1`, `0`, `-0`, `01`, `-`, ``, `1.0`, `1e2`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `1-1`, `null`, `"1"`} {
		values = append(values, `[`+strings.Replace(book, `"id":1`, `"id":`+id, 1)+`]`)
	}
	for _, title := range []string{
		`""`, `null`, `1`, `"`, `"\"`, `"\""`, `"\/"`, `"\x"`, `"\u00e9"`, `"\u00E9"`, `"\u00g9"`, `"\u00"`, `"\ud800"`,
		"\"\xff\"", "\"\t\"", "\"\x7f\"", "\"\u2028\"", "\"\x00\"",
	} {
		values = append(values, `[`+strings.Replace(book, `"Dune"`, title, 1)+`]`)
	}
	r := record(encode(t, events.Envelope{}, search("iliad", "7", served)))
	for _, value := range values {
		r.Value = []byte(value)
		requireSameIDs(t, r)
	}

	// And what is broken anywhere.
	rapid.Check(t, func(t *rapid.T) {
		value := []byte(`[` + book + `,` + book + `]`)
		for range rapid.IntRange(1, 3).Draw(t, "breaks") {
			at := rapid.IntRange(0, len(value)-1).Draw(t, "at")
			upTo := at + rapid.IntRange(0, min(4, len(value)-at)).Draw(t, "length")
			with := rapid.SliceOfN(rapid.SampledFrom([]byte("{}[]:,\"\\u0019-. \n\x00\xffen")), 0, 3).Draw(t, "with")
			if value = slices.Replace(value, at, upTo, with...); len(value) == 0 {
				break
			}
		}
		r := r
		r.Value = value
		requireSameIDs(t, r)
	})

	for _, header := range []string{events.HeaderOffset, events.HeaderPageSize, events.HeaderGeneration, events.HeaderTime, events.HeaderType, events.HeaderID} {
		r := r
		r.Value, r.Headers = []byte(`[]`), slices.Clone(r.Headers)
		for i := range r.Headers {
			if r.Headers[i].Key == header {
				r.Headers[i].Value = ""
			}
		}
		_, _, err := events.DecodeSearchIDs(r)
		var bad *events.DecodeError
		require.ErrorAs(t, err, &bad, header)
		requireSameIDs(t, r)
	}
}

func BenchmarkDecodeSearch(b *testing.B) {
	book := served[0]
	book.Description = strings.Repeat("Call me Ishmael. ", 12)
	r := record(encode(b, events.Envelope{}, search("iliad", "7", []events.ServedBook{book, book, book, book, book})))
	b.Run("books", func(b *testing.B) {
		for b.Loop() {
			_, err := events.DecodeSearch(r)
			require.NoError(b, err)
		}
	})
	b.Run("ids", func(b *testing.B) {
		for b.Loop() {
			_, _, err := events.DecodeSearchIDs(r)
			require.NoError(b, err)
		}
	})
}
