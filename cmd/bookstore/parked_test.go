package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/operations"
	"bookstore/internal/projection/parked"
	"bookstore/internal/web"
)

func poison() operations.Parked {
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	return operations.Parked{
		ID: 12, Consumer: "catalog", Generation: 1, Topic: "lr-book-events", Partition: 3, Offset: 1204, RecordedAt: at, Key: []byte("17"),
		Book: new(int64(17)), Poison: true, Error: "value: unexpected end\x1b[31m", Tries: 2, ParkedAt: at, TriedAt: at.Add(time.Minute),
	}
}

func TestWhatIsParkedIsListedPageByPage(t *testing.T) {
	t.Parallel()
	held, asked, discarded := poison(), poison(), poison()
	held.ID, held.Poison, held.Book = 13, false, nil
	asked.ID, asked.Request = 14, new(parked.Retry)
	discarded.ID, discarded.DiscardedAt, discarded.Error = 15, new(time.Now()), strings.Repeat("x", 200)
	const second = "/api/parked?after=13&book=17&consumer=catalog&limit=1000"
	api := newFakeAPI(t, map[string][]reply{
		"GET /api/parked?book=17&consumer=catalog&limit=1000": {{status: http.StatusOK, body: []operations.Parked{poison(), held}, next: second}},
		"GET " + second: {ok([]operations.Parked{asked, discarded})},
	})
	r := api.run(t, "parked list --consumer catalog --book 17")
	require.Equal(t, exitOK, r.code, r.stderr)
	require.Equal(t, `ID  FOR      GENERATION  PLACE   BOOK  PARKED                TRIES  STATE   WHY
12  catalog  1           3.1204  17    2026-03-01T09:30:00Z  2      poison  value: unexpected end\u001b[31m
13  catalog  1           3.1204  -     2026-03-01T09:30:00Z  2      held    value: unexpected end\u001b[31m
14  catalog  1  3.1204  17  2026-03-01T09:30:00Z  2  asked to retry  value: unexpected end\u001b[31m
15  catalog  1  3.1204  17  2026-03-01T09:30:00Z  2  discarded       `+strings.Repeat("x", 99)+"…\n", r.stdout)

	r = api.run(t, "parked list --consumer catalog --book 17 --json")
	require.Equal(t, exitOK, r.code)
	require.Equal(t, 4, strings.Count(r.stdout, "\n"))
	require.Contains(t, r.stdout, `"error":"value: unexpected end\u001b[31m"`)
}

func TestNothingIsParked(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{
		"GET /api/parked?limit=1000":                {ok([]operations.Parked{})},
		"GET /api/parked?discarded=true&limit=1000": {ok([]operations.Parked{})},
	})
	require.Equal(t, result{exitOK, "nothing is parked\n", ""}, api.run(t, "parked list"))
	require.Equal(t, result{exitOK, "nothing was discarded\n", ""}, api.run(t, "parked list --discarded"))
	require.Equal(t, result{exitOK, "", ""}, api.run(t, "parked list --json"))
}

func TestAParkedRecordIsPrintedWhole(t *testing.T) {
	t.Parallel()
	const look = "GET /api/parked/12"
	text := operations.ParkedRecord{Parked: poison(), Value: []byte(`{"title":"Em` + "\u009b" + `ma"}`), Headers: []operations.Header{
		{Key: []byte("ce_type"), Value: []byte("bookstore.book.created.v1\n")},
		{Key: []byte("\xff"), Value: nil},
	}}
	api := newFakeAPI(t, map[string][]reply{look: {ok(text)}})
	r := api.run(t, "parked show 12")
	require.Equal(t, result{exitOK, `id         12
for        catalog, generation 1
place      lr-book-events 3.1204, of 2026-03-01T09:30:00Z
book       17
parked     2026-03-01T09:30:00Z, tried 2 times, last at 2026-03-01T09:31:00Z
state      poison
why        value: unexpected end\u001b[31m
headers
  ce_type: bookstore.book.created.v1\u000a
  hex ff: 
key
  17
value
  {
    "title": "Em\u009bma"
  }
`, ""}, r)

	binary := operations.ParkedRecord{Parked: poison(), Value: []byte("\xff\x00Emma")}
	binary.Key, binary.Book = nil, nil
	api = newFakeAPI(t, map[string][]reply{look: {ok(binary)}})
	r = api.run(t, "parked show 12")
	require.Contains(t, r.stdout, "key\n  (none)\nvalue\n  00000000  ff 00 45 6d 6d 61                                 |..Emma|\n")
	require.NotContains(t, r.stdout, "book ")

	r = api.run(t, "parked show 12 --json")
	require.Contains(t, r.stdout, `"value":"/wBFbW1h"`)
	r = api.run(t, "parked show 13")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "show parked record 13: 404 ")
}

func TestRetrying(t *testing.T) {
	t.Parallel()
	done := ok(operations.Asked{Asked: 2, Applied: 2})
	api := newFakeAPI(t, map[string][]reply{
		"POST /api/parked/12/retry":                       {done},
		"POST /api/parked/retry?book=17&consumer=catalog": {ok(operations.Asked{Asked: 3, Applied: 1, Parked: 2, Left: []operations.Left{{ID: 13, Error: "bad\x1b"}, {ID: 14, Error: "held"}}})},
		"POST /api/parked/retry?book=18":                  {{status: http.StatusAccepted, body: operations.Asked{Asked: 1, Waiting: 1, Left: []operations.Left{{ID: 13, Waiting: true}}}}},
		"POST /api/parked/retry":                          {ok(operations.Asked{})},
	})
	require.Equal(t, result{exitOK, "2 records: 2 applied\n", ""}, api.run(t, "parked retry 12"))
	require.Equal(t, result{exitFailed, "3 records: 1 applied, 2 still parked\n  13: bad\\u001b\n  14: held\n", ""}, api.run(t, "parked retry --book 17 --consumer catalog"))
	require.Equal(t, result{exitOK, "nothing like that is parked\n", ""}, api.run(t, "parked retry --all"))
	r := api.run(t, "parked retry --book 18")
	require.Equal(t, exitFailed, r.code)
	require.Equal(t, "1 record: 1 not looked at yet\n", r.stdout)
	require.Contains(t, r.stderr, "the request is kept")
}

func TestDiscarding(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t, map[string][]reply{
		"POST /api/parked/12/discard": {ok(operations.Asked{Asked: 1, Discarded: 1}), refused(web.Conflict("The record was discarded, which can't be taken back."))},
	})
	require.Equal(t, exitUsage, api.run(t, "parked discard 12").code)
	asked, _ := api.requests()
	require.Empty(t, asked, "nothing is given up by mistake")

	require.Equal(t, result{exitOK, "1 record: 1 discarded\n", ""}, api.run(t, "parked discard 12 --yes"))
	r := api.run(t, "parked discard 12 --yes")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "can't be taken back")
}

func TestOnlyYesIsYes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, confirm(t.Context(), strings.NewReader("yes\n"), &out, "sure?"))
	require.Equal(t, "sure? Type yes: ", out.String())
	for _, answer := range []string{"", "\n", "y\n", "no, not yes\n"} {
		require.ErrorIs(t, confirm(t.Context(), strings.NewReader(answer), &out, "sure?"), errNotConfirmed)
	}
	require.ErrorIs(t, confirm(t.Context(), iotest.ErrReader(context.DeadlineExceeded), &out, "sure?"), errNotConfirmed)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	reader, writer := io.Pipe()
	require.ErrorIs(t, confirm(ctx, reader, &out, "sure?"), context.Canceled)
	require.NoError(t, writer.Close())
}
