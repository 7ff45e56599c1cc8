package query_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/query"
	"bookstore/internal/telemetry"
	"bookstore/internal/web"
)

func TestEveryOpenedBookIsPublished(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""), book(8, "Emma", "Jane Austen", ""))

	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	before := time.Now()
	s.get("/api/books/7?uid=ada", telemetry.TraceparentHeader, traceparent, web.HeaderRequestID, "request-9")
	s.get("/api/books/8", "X-User-Id", "bob")
	s.get("/api/books/7", "If-None-Match", `"0"`) // seen an earlier version

	opened := s.opens.take()
	seen := map[string]bool{}
	for i := range opened {
		id, err := uuid.Parse(opened[i].ID)
		require.NoError(t, err)
		require.Equal(t, uuid.Version(7), id.Version())
		require.False(t, seen[opened[i].ID])
		seen[opened[i].ID] = true
		require.WithinRange(t, opened[i].At, events.Instant(before), time.Now())
		require.NotEmpty(t, opened[i].Traceparent)
		opened[i].ID, opened[i].At = "", time.Time{}
		if i > 0 {
			opened[i].Traceparent = "" // a new trace of its own
		}
	}
	require.Equal(t, []events.BookOpened{
		{Book: 7, UserID: "ada", Traceparent: traceparent, CorrelationID: "request-9"},
		{Book: 8, UserID: "bob"},
		{Book: 7},
	}, opened)
	require.Empty(t, s.searches.take())
}

func TestWhatShowsNoBookOpensNone(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""))
	s.park(projection.Catalog{}, 1, book(9, "Emma", "Jane Austen", ""))
	for path, want := range map[string]int{
		"/api/books/7?uid=%FF":   http.StatusBadRequest,
		"/api/books/7?title=x":   http.StatusBadRequest,
		"/api/books/8":           http.StatusNotFound,
		"/api/books/9":           http.StatusServiceUnavailable, // parked
		"/api/books/7/history":   http.StatusOK,
		"/api/books":             http.StatusOK,
		"/api/books?q=dune":      http.StatusOK,
		"/api/books?limit=1&o=0": http.StatusOK,
	} {
		require.Equal(t, want, s.get(path).status, path)
	}
	require.Equal(t, http.StatusOK, s.do(http.MethodHead, "/api/books/7").status)
	require.Equal(t, http.StatusNotModified, s.get("/api/books/7", "If-None-Match", `"1"`).status)
	require.Equal(t, http.StatusServiceUnavailable, s.get("/api/books/7", query.HeaderConsistencyToken, "2.9").status)
	require.Empty(t, s.opens.take())
}

func TestAFullOpenLogKeepsNobodyFromReading(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""))
	s.opens.fail(errors.New("full"))
	for range 20 {
		require.Equal(t, http.StatusOK, s.get("/api/books/7").status)
	}
	require.Equal(t, 1, s.log.count(), "one line, not one per book")

	// What searches lose is told all the same.
	s.searches.fail(errors.New("full"))
	require.Len(t, s.get("/api/books?q=dune").books(t), 1)
	require.Equal(t, 2, s.log.count())
}
