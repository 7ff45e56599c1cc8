package operations_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/operations"
	"bookstore/internal/projection/parked"
	"bookstore/internal/web"
)

// recordedAt is the timestamp of all records here.
var recordedAt = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// park parks a record that nobody can read, and returns its id.
func (s *service) park(consumer string, generation, offset int, key string) int64 {
	s.t.Helper()
	batch := &pgx.Batch{}
	parked.Queue(batch, consumer, int64(generation), []parked.New{{
		Record: events.Record{
			Topic: "lr-book-events", Partition: 3, Offset: int64(offset), Timestamp: recordedAt, Key: []byte(key),
			Value:   []byte{0xff, 0x00},
			Headers: []events.Header{{Key: "ce_id", Value: "e"}, {Key: "ce_id", Value: "\xfe"}},
		},
		Poison: true, Error: "not JSON",
	}})
	require.NoError(s.t, s.pool.SendBatch(s.t.Context(), batch).Close())
	rows, err := s.pool.Query(s.t.Context(), `SELECT max(id) FROM parked_records`)
	require.NoError(s.t, err)
	id, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
	require.NoError(s.t, err)
	return id
}

func (s *service) listed(query string) []int64 {
	s.t.Helper()
	ids := []int64{}
	for _, p := range as[[]operations.Parked](s.get("/api/parked"+query), http.StatusOK) {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestParkedRecordsAreListed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	require.Empty(t, s.listed(""))
	a, b, c, d := s.park("catalog", 1, 0, "7"), s.park("catalog", 1, 1, "8"), s.park("history", 1, 0, "7"), s.park("commands", 1, 5, "x")
	s.exec(`UPDATE parked_records SET discarded_at = now() WHERE id = $1`, b)
	require.Equal(t, []int64{a, c, d}, s.listed(""))
	require.Equal(t, []int64{a, c, d}, s.listed("?discarded=false"))
	require.Equal(t, []int64{b}, s.listed("?discarded=true"))
	require.Equal(t, []int64{a}, s.listed("?consumer=catalog"))
	require.Equal(t, []int64{a, c}, s.listed("?book=7"))
	require.Equal(t, []int64{c}, s.listed("?book=7&consumer=history"))
	require.Equal(t, []int64{d}, s.listed(fmt.Sprintf("?after=%d", c)))
	require.Empty(t, s.listed("?consumer=trends"))

	for _, query := range []string{
		"?book=0", "?book=seven", "?discarded=yes", "?after=-1", "?limit=0", "?limit=1001", "?partition=3", "?consumer=a&consumer=b",
	} {
		s.get("/api/parked" + query).problem(web.TypeBadRequest)
	}
}

func TestParkedRecordsComeInPages(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var want []int64
	for offset := range 5 {
		want = append(want, s.park("catalog", 1, offset, "7"))
	}
	var pages [][]int64
	next := "?consumer=catalog&limit=2"
	for next != "" {
		pages = append(pages, s.listed(next))
		link := regexp.MustCompile(`^</api/parked(\?.*)>; rel="next"$`).FindStringSubmatch(s.get("/api/parked" + next).header.Get("Link"))
		next = ""
		if link != nil {
			next = link[1]
		}
	}
	require.Equal(t, [][]int64{want[:2], want[2:4], want[4:]}, pages)
}

func TestAParkedRecordIsShownInFull(t *testing.T) {
	t.Parallel()
	s := serve(t)
	id := s.park("catalog", 2, 4, "7")
	s.exec(`UPDATE parked_records SET parked_at = $1, tried_at = $1, request = 'retry'`, recordedAt.Add(time.Hour))
	s.exec(`UPDATE parked_records SET header_keys = header_keys || ''::bytea, header_values = header_values || '{}'::bytea`)
	const about = `"id": %d, "consumer": "catalog", "generation": 2, "topic": "lr-book-events", "partition": 3, "offset": 4,
		"recorded_at": "2026-03-01T09:30:00Z", "key": "Nw==", "key_text": "7", "book": 7, "poison": true, "error": "not JSON", "tries": 1,
		"parked_at": "2026-03-01T10:30:00Z", "tried_at": "2026-03-01T10:30:00Z", "request": "retry", "discarded_at": null`
	require.JSONEq(t, fmt.Sprintf(`[{`+about+`}]`, id), string(s.get("/api/parked").body))
	require.JSONEq(t, fmt.Sprintf(`{`+about+`, "value": "/wA=", "value_text": null, "headers": [
		{"key": "Y2VfaWQ=", "key_text": "ce_id", "value": "ZQ==", "value_text": "e"},
		{"key": "Y2VfaWQ=", "key_text": "ce_id", "value": "/g==", "value_text": null},
		{"key": "", "key_text": "", "value": "e30=", "value_text": "{}"}]}`, id), string(s.get(fmt.Sprintf("/api/parked/%d", id)).body))

	s.exec(`UPDATE parked_records SET record_key = NULL, record_value = NULL, book_id = NULL, request = NULL, discarded_at = $1`, recordedAt)
	bare := as[map[string]any](s.get(fmt.Sprintf("/api/parked/%d", id)), http.StatusOK)
	for _, member := range []string{"key", "key_text", "value", "value_text", "book", "request"} {
		require.Contains(t, bare, member)
		require.Nil(t, bare[member], member)
	}
	require.Equal(t, "2026-03-01T09:30:00Z", bare["discarded_at"])

	s.get(fmt.Sprintf("/api/parked/%d", id+1)).problem(web.TypeNotFound)
	s.get("/api/parked/first").problem(web.TypeBadRequest)
	s.get(fmt.Sprintf("/api/parked/%d?raw=1", id)).problem(web.TypeBadRequest)
}

// owner does with parked records what is asked of them, as the engine would, until
// the test ends. Lines that begin at an odd offset fail.
func (s *service) owner(consumer string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if err := s.doAsAsked(ctx, consumer); err != nil {
				ended <- err
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				ended <- nil
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			require.ErrorIs(s.t, err, context.Canceled)
		}
	})
}

func (s *service) doAsAsked(ctx context.Context, consumer string) error {
	lines, err := parked.ReadRequested(ctx, s.pool, consumer, []int64{1}, []int32{3})
	if err != nil || len(lines) == 0 {
		return err
	}
	batch := &pgx.Batch{}
	for _, line := range lines {
		var applied, discarded []int64
		for _, r := range line.Records {
			switch {
			case r.Request == parked.Discard:
				discarded = append(discarded, r.ID)
			case line.Records[0].Offset%2 == 0:
				applied = append(applied, r.ID)
			}
		}
		if len(applied)+len(discarded) == 0 {
			parked.QueueFailed(batch, line.Records[0].ID, "still not JSON")
		}
		parked.QueueApplied(batch, applied)
		parked.QueueDiscarded(batch, discarded)
	}
	return s.pool.SendBatch(ctx, batch).Close()
}

func TestARetryIsAnsweredWithWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.owner("catalog")
	good, bad := s.park("catalog", 1, 2, "7"), s.park("catalog", 1, 3, "8")
	asked := as[operations.Asked](s.post(fmt.Sprintf("/api/parked/%d/retry", good)), http.StatusOK)
	require.Equal(t, operations.Asked{Asked: 1, Applied: 1, Left: []operations.Left{}}, asked)
	s.post(fmt.Sprintf("/api/parked/%d/retry", good)).problem(web.TypeNotFound)

	asked = as[operations.Asked](s.post(fmt.Sprintf("/api/parked/%d/retry", bad)), http.StatusOK)
	require.Equal(t, operations.Asked{Asked: 1, Parked: 1, Left: []operations.Left{{ID: bad, Error: "still not JSON"}}}, asked)

	asked = as[operations.Asked](s.post(fmt.Sprintf("/api/parked/%d/discard", bad)), http.StatusOK)
	require.Equal(t, operations.Asked{Asked: 1, Discarded: 1, Left: []operations.Left{}}, asked)
	s.post(fmt.Sprintf("/api/parked/%d/retry", bad)).problem(web.TypeConflict)
	s.post(fmt.Sprintf("/api/parked/%d/discard", bad)).problem(web.TypeConflict)
}

func TestARetryWaitsForAnOwnerOnlySoLong(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.api.Wait = 20 * time.Millisecond
	id := s.park("history", 1, 0, "7")
	asked := as[operations.Asked](s.post(fmt.Sprintf("/api/parked/%d/discard", id)), http.StatusAccepted)
	require.Equal(t, operations.Asked{Asked: 1, Waiting: 1, Left: []operations.Left{{ID: id, Waiting: true, Error: "not JSON"}}}, asked)
	shown := as[operations.ParkedRecord](s.get(fmt.Sprintf("/api/parked/%d", id)), http.StatusOK)
	require.Equal(t, parked.Discard, *shown.Request, "the owner will find it")
}

func TestRetryAllThatMatch(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.owner("catalog")
	var odd []int64
	for offset := range 3 {
		id := s.park("catalog", 1, offset, fmt.Sprint(offset+1))
		if offset%2 == 1 {
			odd = append(odd, id)
		}
	}
	s.park("history", 1, 0, "1")
	one := as[operations.Asked](s.post("/api/parked/retry?consumer=catalog&book=1"), http.StatusOK)
	require.Equal(t, operations.Asked{Asked: 1, Applied: 1, Left: []operations.Left{}}, one)
	rest := as[operations.Asked](s.post("/api/parked/retry?consumer=catalog"), http.StatusOK)
	require.Equal(t, operations.Asked{Asked: 2, Applied: 1, Parked: 1, Left: []operations.Left{{ID: odd[0], Error: "still not JSON"}}}, rest)
	none := as[operations.Asked](s.post("/api/parked/retry?consumer=trends"), http.StatusOK)
	require.Equal(t, operations.Asked{Left: []operations.Left{}}, none)

	s.api.Wait = 20 * time.Millisecond
	all := s.post("/api/parked/retry")
	require.Equal(t, http.StatusAccepted, all.status, "nobody owns history's partition")
	var asked operations.Asked
	require.NoError(t, json.Unmarshal(all.body, &asked))
	require.Equal(t, 2, asked.Asked)

	s.post("/api/parked/retry?book=x").problem(web.TypeBadRequest)
	s.post("/api/parked/retry?limit=1").problem(web.TypeBadRequest)
	s.post("/api/parked/x/retry").problem(web.TypeBadRequest)
	s.post("/api/parked/99/discard").problem(web.TypeNotFound)
	s.post("/api/parked/99/retry?force=1").problem(web.TypeBadRequest)
}
