package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/query"
	"bookstore/internal/telemetry"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

// service is the read side behind HTTP.
type service struct {
	*readModel
	url      string
	searches *publicLog[events.SearchServed]
	opens    *publicLog[events.BookOpened]
	log      *logLines

	books, history    *projection.Tracker
	trends, interests *projection.Tracker
	newest            chan events.Offsets // the log's newest offsets, one value
}

func serve(t testing.TB, m *readModel) *service {
	t.Helper()
	s := &service{
		readModel: m, searches: &publicLog[events.SearchServed]{}, opens: &publicLog[events.BookOpened]{},
		log: &logLines{}, newest: make(chan events.Offsets, 1),
	}
	s.newest <- nil
	newest := func() events.Offsets {
		offsets := <-s.newest
		s.newest <- offsets
		return offsets
	}
	s.books = projection.NewTracker(m.pool, "catalog", newest)
	s.history = projection.NewTracker(m.pool, "history", newest)
	s.trends = projection.NewTracker(m.pool, "trends", newest)
	s.interests = projection.NewTracker(m.pool, "interests", newest)

	routes := mux.NewRouter()
	api := &query.API{
		Catalog:   m.catalog,
		Searches:  s.searches,
		Opens:     s.opens,
		Books:     s.books,
		History:   s.history,
		Trends:    s.trends,
		Interests: s.interests,
		PageSize:  5,
		Wait:      200 * time.Millisecond,
		Logger:    telemetry.NewLogger(s.log, slog.LevelInfo, telemetry.FormatJSON),
	}
	api.Routes(routes)
	traced := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as package web does
		ctx := telemetry.ContextWithTraceparent(r.Context(), r.Header.Get(telemetry.TraceparentHeader))
		routes.ServeHTTP(w, r.WithContext(telemetry.ContextWithCorrelationID(ctx, r.Header.Get(web.HeaderRequestID))))
	})
	server := httptest.NewServer(traced)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *service) do(method, path string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response.StatusCode, response.Header, body}
}

func (s *service) get(path string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, headers...)
}

func (a answer) problem(t *testing.T) web.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), "%s", a.body)
	var p web.Problem
	require.NoError(t, json.Unmarshal(a.body, &p))
	require.Equal(t, a.status, p.Status)
	return p
}

func (a answer) books(t *testing.T) []web.Book {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var books []web.Book
	require.NoError(t, json.Unmarshal(a.body, &books))
	return books
}

func titles(books []web.Book) []string {
	found := make([]string, len(books))
	for i, b := range books {
		found[i] = b.Title
	}
	return found
}

func TestSearchOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune & <sand>", "Frank Herbert", "Spice."))
	a := s.get("/api/books?q=dun")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	//nolint:testifylint // the very bytes: "&" and "<" as they are, members in this order
	require.Equal(t, `[{"id":7,"version":1,"title":"Dune & <sand>","author":"Frank Herbert","published_at":"1965",`+
		`"description":"Spice.","created_at":"2024-04-10T07:01:51.987654Z","updated_at":"2024-04-10T07:01:51.987654Z"}]`+"\n", string(a.body))
	require.Equal(t, "[]\n", string(s.get("/api/books?q=nothing").body))
}

func TestPagesAreLinked(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	var all []events.Event
	for id := int64(1); id <= 12; id++ {
		all = append(all, book(id, "Dune "+string(rune('a'+id)), "", ""))
	}
	s.publish(all...)
	for _, first := range []string{"/api/books", "/api/books?q=", "/api/books?q=dune+d%C3%BBne%26&uid=ada", "/api/books?q=dune&limit=5"} {
		var found []string
		pages := 0
		for path := first; path != ""; pages++ {
			a := s.get(path)
			found = append(found, titles(a.books(t))...)
			link, rest, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
			require.True(t, link == "" || rest == `; rel="next"`)
			path = link
		}
		require.Len(t, found, 12, first)
		if strings.Contains(first, "q=dune") {
			slices.Reverse(found) // the newest comes first
		}
		require.IsIncreasing(t, found)
		require.Equal(t, 3, pages)
	}
	require.Equal(t, "</api/books?limit=2&o=3&q=d%C3%BBne&uid=a%26b>; rel=\"next\"", s.get("/api/books?q=d%C3%BBne&uid=a%26b&o=1&limit=2").header.Get("Link"))
	require.Empty(t, s.get("/api/books?o=7&limit=5").header.Get("Link"), "the last page")
	require.Empty(t, s.get("/api/books?o=10000").books(t))
}

func TestShowBook(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""))

	a := s.get("/api/books/7")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, `"1"`, a.header.Get("ETag"))
	var shown web.Book
	require.NoError(t, json.Unmarshal(a.body, &shown))
	require.Equal(t, "Dune", shown.Title)

	unchanged := s.get("/api/books/7", "If-None-Match", `"0", "1"`)
	require.Equal(t, http.StatusNotModified, unchanged.status)
	require.Empty(t, unchanged.body)
	require.Equal(t, `"1"`, unchanged.header.Get("ETag"))
	require.Equal(t, http.StatusOK, s.get("/api/books/7", "If-None-Match", `"2"`).status)

	head := s.do(http.MethodHead, "/api/books/7")
	require.Equal(t, http.StatusOK, head.status)
	require.Empty(t, head.body)

	require.Equal(t, http.StatusNotFound, s.get("/api/books/8").status)
	s.publish(events.BookDeleted{ID: 7, Version: 2, DeletedAt: dayOne})
	gone := s.get("/api/books/7", "If-None-Match", `"1"`)
	require.Equal(t, web.TypeNotFound, gone.problem(t).Type)
	require.Equal(t, "2.1", gone.header.Get(query.HeaderConsistencyToken))
}

func TestShowHistory(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(
		book(7, "Dune", "Frank Herbert", ""),
		events.BookUpdated{ID: 7, Version: 2, Details: events.Details{Title: "Dune!"}, UpdatedAt: dayOne.Add(time.Hour)},
		events.BookDeleted{ID: 7, Version: 3, DeletedAt: dayOne.Add(2 * time.Hour)},
	)
	a := s.get("/api/books/7/history")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.JSONEq(t, `[
		{"version": 1, "type": "created", "at": "2024-04-10T07:01:51.987654Z", "actor": "ada", "command_id": "command-1", "correlation_id": "request-1",
		 "details": {"title": "Dune", "author": "Frank Herbert", "published_at": "1965", "description": ""}},
		{"version": 2, "type": "updated", "at": "2024-04-10T08:01:51.987654Z", "actor": "ada", "command_id": "command-1", "correlation_id": "request-1",
		 "details": {"title": "Dune!", "author": "", "published_at": "", "description": ""}},
		{"version": 3, "type": "deleted", "at": "2024-04-10T09:01:51.987654Z", "actor": "ada", "command_id": "command-1", "correlation_id": "request-1",
		 "details": null}
	]`, string(a.body))
	require.Equal(t, "2.2", a.header.Get(query.HeaderConsistencyToken))

	second := s.get("/api/books/7/history?o=1&limit=1")
	require.Equal(t, `</api/books/7/history?limit=1&o=2>; rel="next"`, second.header.Get("Link"))
	var entries []query.Entry
	require.NoError(t, json.Unmarshal(second.body, &entries))
	require.Len(t, entries, 1)
	require.Equal(t, int64(2), entries[0].Version)

	require.Equal(t, "[]\n", string(s.get("/api/books/7/history?o=3").body))
	require.Equal(t, http.StatusNotFound, s.get("/api/books/8/history").status)
}

func TestBadInputIsRefusedByName(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""))
	for name, tc := range map[string]struct {
		path   string
		fields []string
	}{
		"query of spaces":             {"/api/books?q=+%20++", []string{"q"}},
		"query of quotes":             {"/api/books?q=%22%27%22", []string{"q"}},
		"query of percent signs":      {"/api/books?q=%25%25", []string{"q"}},
		"query of other spaces":       {"/api/books?q=%C2%A0%E2%80%83", []string{"q"}},
		"query of control characters": {"/api/books?q=%09%0A", []string{"q"}},
		"query with NUL":              {"/api/books?q=du%00ne", []string{"q"}},
		"query not UTF-8":             {"/api/books?q=du%FFne", []string{"q"}},
		"query badly escaped":         {"/api/books?q=100%", []string{"q"}},
		"query too long":              {"/api/books?q=" + strings.Repeat("a", 501), []string{"q"}},
		"query of 10,000 characters":  {"/api/books?q=" + strings.Repeat("%D0%B6", 10_000), []string{"q"}},
		"query twice":                 {"/api/books?q=a&q=b", []string{"q"}},
		"negative offset":             {"/api/books?o=-1", []string{"o"}},
		"huge offset":                 {"/api/books?q=dune&o=10001", []string{"o"}},
		"offset beyond numbers":       {"/api/books?o=99999999999999999999", []string{"o"}},
		"offset that is no number":    {"/api/books?o=1e3", []string{"o"}},
		"empty offset":                {"/api/books?o=", []string{"o"}},
		"negative limit":              {"/api/books?limit=-5", []string{"limit"}},
		"no limit":                    {"/api/books?limit=0", []string{"limit"}},
		"huge limit":                  {"/api/books?limit=101", []string{"limit"}},
		"user not UTF-8":              {"/api/books?q=dune&uid=%FF", []string{"uid"}},
		"user with line break":        {"/api/books?q=dune&uid=a%0Ab", []string{"uid"}},
		"unknown parameter":           {"/api/books?query=dune", []string{"query"}},
		"all at once":                 {"/api/books?q=%00&o=x&limit=y", []string{"q", "o", "limit"}},
		"id that is no number":        {"/api/books/dune", []string{"id"}},
		"id with a fraction":          {"/api/books/7.0", []string{"id"}},
		"id zero":                     {"/api/books/0", []string{"id"}},
		"negative id":                 {"/api/books/-7", []string{"id"}},
		"id beyond numbers":           {"/api/books/9223372036854775808", []string{"id"}},
		"id with NUL":                 {"/api/books/7%00", []string{"id"}},
		"id not UTF-8":                {"/api/books/%FF", []string{"id"}},
		"unknown parameter of a book": {"/api/books/7?q=dune", []string{"q"}},
		"history of no number":        {"/api/books/x/history", []string{"id"}},
		"history's limit":             {"/api/books/7/history?limit=101&o=-1", []string{"o", "limit"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.get(tc.path).problem(t)
			require.Equal(t, http.StatusBadRequest, p.Status)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
				require.NotEmpty(t, e.Message)
			}
			require.Equal(t, tc.fields, fields)
		})
	}
	t.Cleanup(func() { require.Empty(t, s.searches.take(), "what was refused is no search") })
}

func TestBadTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""))
	for _, token := range []string{"x", "1", "1.", ".1", "-1.0", "1.-1", "1.2.3", "1.2;3.4", "99999999999.1", strings.Repeat("1.1,", 1024) + "1.1"} {
		for _, path := range []string{"/api/books", "/api/books?q=dune", "/api/books/7", "/api/books/7/history"} {
			p := s.get(path, query.HeaderConsistencyToken, token).problem(t)
			require.Equal(t, http.StatusBadRequest, p.Status)
			require.Len(t, p.Errors, 1)
			require.Equal(t, query.HeaderConsistencyToken, p.Errors[0].Field)
		}
	}
}

func TestATokenIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(7, "Dune", "Frank Herbert", ""))
	paths := map[string]*projection.Tracker{
		"/api/books": s.books, "/api/books?q=dune": s.books, "/api/books/7": s.books, "/api/books/7/history": s.history,
	}
	for path := range paths {
		for _, token := range []string{"2.0", "1000000.0", "0.9223372036854775807"} { // not there yet, or ever
			a := s.get(path, query.HeaderConsistencyToken, token)
			require.Equal(t, http.StatusServiceUnavailable, a.status, path)
			require.Equal(t, web.TypeReadModelBehind, a.problem(t).Type)
			require.Equal(t, "1", a.header.Get("Retry-After"))
		}
	}
	require.Empty(t, s.searches.take(), "what was refused is no search")

	for path, tracker := range paths {
		tracker.Advanced(map[int32]int64{2: 1})
		for _, headers := range [][]string{
			{query.HeaderConsistencyToken, "2.0"},
			{query.HeaderConsistencyToken, " 2.0 , 2.0"},
			{query.HeaderConsistencyToken, "2.0", query.HeaderConsistencyToken, "2.0"},
			{query.HeaderConsistencyToken, ""},
		} {
			require.Equal(t, http.StatusOK, s.get(path, headers...).status, path)
		}
		both := s.get(path, query.HeaderConsistencyToken, "2.0", query.HeaderConsistencyToken, "0.5")
		require.Equal(t, http.StatusServiceUnavailable, both.status, "one of two tokens is not enough")
	}
}

func TestATokenThatArrivesInTimeIsAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.books.Run(ctx) }()
	defer func() { stop(); <-stopped }()

	// The tracker looks at the checkpoints, where it finds what another process
	// has done.
	waiting := make(chan answer)
	go func() { waiting <- s.get("/api/books/7", query.HeaderConsistencyToken, "2.0") }()
	s.publish(book(7, "Dune", "Frank Herbert", ""))
	require.Equal(t, http.StatusOK, (<-waiting).status)
}

func TestAnswersTellHowFreshTheyAre(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	require.NotContains(t, s.get("/api/books").header, query.HeaderReadModelLag)
	s.publish(book(7, "Dune", "Frank Herbert", ""), book(8, "Dune Messiah", "", ""))
	<-s.newest
	s.newest <- events.Offsets{3, 0, 9}
	for path, tracker := range map[string]*projection.Tracker{
		"/api/books": s.books, "/api/books?q=dune": s.books, "/api/books/7": s.books, "/api/books/99": s.books, "/api/books/7/history": s.history,
	} {
		tracker.Advanced(map[int32]int64{2: 2})
		a := s.get(path)
		require.Equal(t, "2.1", a.header.Get(query.HeaderConsistencyToken), path)
		require.Equal(t, "10", a.header.Get(query.HeaderReadModelLag), path)
	}
}

func TestEverySearchIsPublishedAsServed(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(1, "Dune", "Frank Herbert", `"Sand"`), book(2, "Dune Messiah", "Frank Herbert", ""), book(3, "Emma", "Jane Austen", ""))

	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	before := time.Now()
	s.get("/api/books?q="+url.QueryEscape(" DÜNE: 'x'")+"&uid=ada", telemetry.TraceparentHeader, traceparent, web.HeaderRequestID, "request-9")
	s.get("/api/books?q=dune&o=1&limit=3")
	s.get("/api/books?q=nothing", "X-User-Id", "bob")
	for _, none := range []string{"/api/books", "/api/books?q=", "/api/books/1", "/api/books/1/history", "/api/books?q=+", "/api/books?q=%25"} {
		s.get(none)
	}
	s.do(http.MethodHead, "/api/books?q=dune")

	served := s.searches.take()
	require.Len(t, served, 3)
	seen := map[string]bool{}
	for i := range served {
		id, err := uuid.Parse(served[i].ID)
		require.NoError(t, err)
		require.Equal(t, uuid.Version(7), id.Version())
		require.False(t, seen[served[i].ID])
		seen[served[i].ID] = true
		require.WithinRange(t, served[i].At, events.Instant(before), time.Now())
		require.NotEmpty(t, served[i].Traceparent)
		served[i].ID, served[i].At = "", time.Time{}
	}
	served[1].Traceparent, served[2].Traceparent = "", "" // a new trace of their own
	require.Equal(t, []events.SearchServed{
		{
			Query: " DÜNE: 'x'", UserID: "ada", PageSize: 5, Books: []events.ServedBook{},
			Generation: 1, Position: "0,0,3", Traceparent: traceparent, CorrelationID: "request-9",
		},
		{
			Query: "dune", Offset: 1, PageSize: 3, Generation: 1, Position: "0,0,3",
			Books: []events.ServedBook{{
				ID: 2, Title: "Dune Messiah", Author: "Frank Herbert", PublishedAt: "1965", CreatedAt: "2024-04-10 07:01:51",
			}},
		},
		{Query: "nothing", UserID: "bob", PageSize: 5, Books: []events.ServedBook{}, Generation: 1, Position: "0,0,3"},
	}, served)
}

func TestAFullSearchLogKeepsNobodyFromSearching(t *testing.T) {
	t.Parallel()
	s := serve(t, newReadModel(t))
	s.publish(book(1, "Dune", "Frank Herbert", ""))
	s.searches.fail(errors.New("full"))
	for range 20 {
		require.Len(t, s.get("/api/books?q=dune").books(t), 1)
	}
	require.Equal(t, 1, s.log.count(), "one line, not one per search")
}

func TestADatabaseThatIsAwayIsA503(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	s := serve(t, newReadModelIn(t, server.ConnString()))
	s.publish(book(1, "Dune", "Frank Herbert", ""))
	require.Len(t, s.get("/api/books?q=dune").books(t), 1)
	s.searches.take()

	require.NoError(t, server.Close(t.Context()))
	for _, path := range []string{
		"/api/books", "/api/books?q=dune", "/api/books/1", "/api/books/1/history",
		"/api/trends", "/trends?window=1h", "/api/recommendations?uid=ada", "/recommendations",
	} {
		a := s.get(path)
		require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
		require.Equal(t, web.TypeUnavailable, a.problem(t).Type)
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
	require.Empty(t, s.searches.take(), "what was not answered is no search")
	require.Empty(t, s.opens.take())
}

// What takes too long is the database's to end, and is told apart from a
// database that is away.
func TestASlowSearchIsA503(t *testing.T) {
	t.Parallel()
	m := newReadModel(t)
	m.catalog.Timeout = 50 * time.Millisecond
	s := serve(t, m)
	tx, err := m.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), `LOCK TABLE catalog_books_g1`)
	require.NoError(t, err)

	a := s.get("/api/books?q=dune")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Contains(t, a.problem(t).Detail, "too long")
	require.Empty(t, s.searches.take())
}

var _ query.ReadModel = (*projection.Tracker)(nil)
