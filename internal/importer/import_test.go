package importer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/importer"
	"bookstore/internal/web"
)

// shop is a bookstore with the API's answers and no log behind it. Its fields may
// be set before the first request.
type shop struct {
	// disturb answers in the shop's place where it returns true; nth counts the
	// requests of a title from 1.
	disturb func(w http.ResponseWriter, r *http.Request, title string, nth int) bool

	mu     sync.Mutex
	byKey  map[string]events.Details
	tries  map[string]int // by title
	actors map[string]bool
	most   int // requests at once
	now    int
}

func (s *shop) open(t *testing.T) *url.URL {
	t.Helper()
	s.byKey, s.tries, s.actors = map[string]events.Details{}, map[string]int{}, map[string]bool{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	return at
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	var d events.Details
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/api/books" || json.Unmarshal(body, &d) != nil {
			problem(w, http.StatusNotFound, "Not a bookstore.")
			return
		}
	}
	s.mu.Lock()
	s.tries[d.Title]++
	nth := s.tries[d.Title]
	s.mu.Unlock()
	if s.disturb != nil && s.disturb(w, r, d.Title, nth) {
		return
	}
	s.mu.Lock()
	before, known := s.byKey[r.Header.Get("Idempotency-Key")]
	s.mu.Unlock()
	if known && before != d {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(web.IdempotencyKeyReused())
		return
	}
	s.add(r, d, func(replayed bool) {
		if replayed {
			w.Header().Set("Idempotency-Replayed", "true")
		}
		w.WriteHeader(http.StatusCreated)
	})
}

func (s *shop) add(r *http.Request, d events.Details, answer func(replayed bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, replayed := s.byKey[r.Header.Get("Idempotency-Key")]
	s.byKey[r.Header.Get("Idempotency-Key")] = d
	s.actors[r.Header.Get("X-User-Id")] = true
	answer(replayed)
}

func (s *shop) books() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byKey)
}

func problem(w http.ResponseWriter, status int, detail string, faults ...string) {
	errors := []map[string]string{}
	for _, f := range faults {
		field, message, _ := strings.Cut(f, " ")
		errors = append(errors, map[string]string{"field": field, "message": message})
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "/docs#" + fmt.Sprint(status), "detail": detail, "errors": errors})
}

// result is what an import said.
type result struct {
	importer.Summary
	rejected []string
	waited   []error
}

func run(t *testing.T, at *url.URL, file io.Reader, change ...func(*importer.Config)) (result, error) {
	t.Helper()
	var r result
	cfg := importer.Config{
		File: file, Name: "-", URL: at, Concurrency: 8, Patience: 30 * time.Second,
		Rejected: func(bad *importer.RowError) { r.rejected = append(r.rejected, bad.Error()) },
		Waiting:  func(err error) { r.waited = append(r.waited, err) },
	}
	for _, f := range change {
		f(&cfg)
	}
	i, err := importer.New(cfg)
	require.NoError(t, err)
	r.Summary, err = i.Run(t.Context())
	require.Equal(t, r.Progress, i.Progress())
	return r, err
}

func counts(r result) [3]int64 { return [3]int64{r.Added, r.Present, r.Rejected} }

// rows is a CSV file with so many books.
func rows(n int) string {
	var b strings.Builder
	b.WriteString("title,author,year\n")
	for i := range n {
		fmt.Fprintf(&b, "Book %d,\"An Author\nof two lines\",%d\n", i, 1000+i)
	}
	return b.String()
}

func TestRunningItAgainAddsNothing(t *testing.T) {
	t.Parallel()
	s := &shop{}
	at := s.open(t)

	r, err := run(t, at, strings.NewReader(rows(500)))
	require.NoError(t, err)
	require.Equal(t, [3]int64{500, 0, 0}, counts(r))
	require.EqualValues(t, len(rows(500)), r.Bytes)
	require.Equal(t, map[string]bool{"bookstore-import": true}, s.actors)

	r, err = run(t, at, strings.NewReader(rows(501)))
	require.NoError(t, err)
	require.Equal(t, [3]int64{1, 500, 0}, counts(r))
	require.Equal(t, 501, s.books())
	require.LessOrEqual(t, s.most, 8)
}

func TestEqualRowsAreOneBook(t *testing.T) {
	t.Parallel()
	s := &shop{}
	// All in one go: no answer before eight requests would have come if they came.
	r, err := run(t, s.open(t), strings.NewReader("title,author\n"+strings.Repeat("Emma,Jane\n", 100)))
	require.NoError(t, err)
	require.Equal(t, [3]int64{1, 99, 0}, counts(r))
	require.Equal(t, 1, s.most, "equal rows on their way at once")
}

func TestAnISBNThatIsNoneIsLeftOutAndCounted(t *testing.T) {
	t.Parallel()
	s := &shop{}
	at := s.open(t)
	const file = "title,author,isbn\nA,a,439023483\nB,b,439023484\nC,c,\nD,d,none\n"
	r, err := run(t, at, strings.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, [3]int64{4, 0, 0}, counts(r))
	require.Equal(t, importer.BadISBNs{Rows: 2, First: 3}, r.BadISBNs)
	isbns := map[string]string{}
	for _, d := range s.byKey {
		isbns[d.Title] = d.ISBN
	}
	require.Equal(t, map[string]string{"A": "9780439023481", "B": "", "C": "", "D": ""}, isbns)

	r, err = run(t, at, strings.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, [3]int64{0, 4, 0}, counts(r))
	require.Zero(t, r.OtherISBN)
}

// A file whose books are there from a version that took no ISBNs adds nothing, and
// neither does one of which a row's ISBN was corrected.
func TestBooksThatAreThereWithAnotherISBNStayAsTheyAre(t *testing.T) {
	t.Parallel()
	s := &shop{}
	at := s.open(t)
	_, err := run(t, at, strings.NewReader("title,author\nA,a\nB,b\n"))
	require.NoError(t, err)

	for range 2 {
		r, err := run(t, at, strings.NewReader("title,author,isbn\nA,a,439023483\nB,b,\nC,c,9783161484100\nC,c,0306406152\n"), oneAtATime)
		require.NoError(t, err)
		require.EqualValues(t, 4, r.Added+r.Present)
		require.EqualValues(t, 2, r.OtherISBN)
		require.Empty(t, r.rejected)
	}
	require.Equal(t, 3, s.books())
}

func oneAtATime(c *importer.Config) { c.Concurrency = 1 }

func TestWhatIsRefusedIsReportedWithItsLine(t *testing.T) {
	t.Parallel()
	s := &shop{disturb: func(w http.ResponseWriter, _ *http.Request, title string, _ int) bool {
		switch title {
		case "Book 1":
			problem(w, http.StatusUnprocessableEntity, "", "title must not be this", "author must not be that")
		case "Book 2":
			problem(w, http.StatusConflict, "It stands against it.")
		default:
			return false
		}
		return true
	}}
	r, err := run(t, s.open(t), strings.NewReader(rows(4)+"\"\n"))
	require.NoError(t, err)
	require.Equal(t, [3]int64{2, 0, 3}, counts(r))
	require.ElementsMatch(t, []string{
		"line 4: title must not be this; author must not be that",
		"line 6: It stands against it.",
		"line 10: malformed CSV at line 10, byte 3: a field in quotes does not end, or goes on after its closing quote",
	}, r.rejected)
}

func TestAServiceThatIsAwayIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := &shop{}
	s.disturb = func(w http.ResponseWriter, r *http.Request, title string, nth int) bool {
		switch {
		case nth > 2:
			return false
		case title == "Book 0":
			w.Header().Set("Retry-After", "0")
			problem(w, http.StatusServiceUnavailable, "The log is away.")
		case title == "Book 1":
			problem(w, http.StatusTooManyRequests, "Slower.")
		case title == "Book 2":
			panic(http.ErrAbortHandler) // the connection breaks
		case title == "Book 3":
			// Done, and the answer is lost.
			s.add(r, events.Details{Title: title, Author: "An Author\nof two lines", PublishedAt: "1003"}, func(bool) {})
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	}
	r, err := run(t, s.open(t), strings.NewReader(rows(10)))
	require.NoError(t, err)
	require.Equal(t, [3]int64{10, 0, 0}, counts(r), "what an attempt of ours has added counts as added")
	require.Len(t, r.waited, 8)
	require.Equal(t, 10, s.books())
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	first := make(chan time.Time, 1)
	s := &shop{disturb: func(w http.ResponseWriter, _ *http.Request, _ string, nth int) bool {
		if nth > 1 {
			return false
		}
		first <- time.Now()
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, "")
		return true
	}}
	_, err := run(t, s.open(t), strings.NewReader(rows(1)))
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(<-first), time.Second)
}

func TestAServiceThatStaysAwayEndsTheImport(t *testing.T) {
	t.Parallel()
	impatient := func(c *importer.Config) { c.Patience = 100 * time.Millisecond }

	nobody := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	_, err := run(t, nobody, strings.NewReader(rows(100)), impatient)
	var gaveUp *importer.GaveUpError
	require.ErrorAs(t, err, &gaveUp)

	s := &shop{disturb: func(w http.ResponseWriter, _ *http.Request, title string, _ int) bool {
		if title == "Book 0" {
			return false
		}
		w.Header().Set("Retry-After", "3600")
		problem(w, http.StatusServiceUnavailable, "Maintenance.")
		return true
	}}
	r, err := run(t, s.open(t), strings.NewReader(rows(1)+rows(100)[len(rows(1)):]), impatient)
	var status *importer.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, &importer.StatusError{Status: http.StatusServiceUnavailable, Reason: "Maintenance."}, status)
	require.Zero(t, r.Rejected)
}

func TestWhatIsNoBookstoreEndsTheImport(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed} {
		s := &shop{disturb: func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			return true
		}}
		r, err := run(t, s.open(t), strings.NewReader(rows(1000)))
		var other *importer.NotBookstoreError
		require.ErrorAs(t, err, &other)
		require.Equal(t, status, other.Answer.Status)
		require.Zero(t, r.Rows())
	}
}

func TestAcceptedRowsAreFollowedUntilTheyCanBeRead(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{} // by path
	s := &shop{}
	s.disturb = func(w http.ResponseWriter, r *http.Request, title string, _ int) bool {
		mu.Lock()
		asked[r.URL.Path]++
		nth := asked[r.URL.Path]
		mu.Unlock()
		id, isCommand := strings.CutPrefix(r.URL.Path, "/api/commands/")
		switch {
		case r.Method == http.MethodPost:
			s.add(r, events.Details{Title: title}, func(bool) {
				w.Header().Set("Location", "/api/commands/"+strings.TrimPrefix(title, "Book "))
				w.WriteHeader(http.StatusAccepted)
			})
		case isCommand && nth < 3:
			fmt.Fprint(w, `{"status": "pending"}`)
		case isCommand && id == "1":
			fmt.Fprint(w, `{"status": "rejected", "reason": "book_exists"}`)
		case isCommand:
			w.Header().Set("Consistency-Token", "1."+id)
			fmt.Fprintf(w, `{"status": "accepted", "location": "/api/books/%s"}`, id)
		case r.Header.Get("Consistency-Token") != "1."+strings.TrimPrefix(r.URL.Path, "/api/books/"):
			problem(w, http.StatusBadRequest, "No token.")
		case nth < 3:
			problem(w, http.StatusServiceUnavailable, "Not readable yet.")
		case strings.HasSuffix(r.URL.Path, "/2"):
			problem(w, http.StatusNotFound, "Deleted since.")
		default:
			fmt.Fprint(w, `{}`)
		}
		return true
	}
	r, err := run(t, s.open(t), strings.NewReader(rows(3)))
	require.NoError(t, err)
	require.Equal(t, [3]int64{2, 0, 1}, counts(r))
	require.Equal(t, []string{"line 4: book_exists"}, r.rejected)
	require.Equal(t, 3, asked["/api/books/0"])
	require.Equal(t, 3, asked["/api/books/2"])
}

func TestStoppingEndsIt(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	s := &shop{disturb: func(_ http.ResponseWriter, r *http.Request, title string, _ int) bool {
		if title != "Book 20" {
			return false
		}
		stop()
		<-r.Context().Done()
		return true
	}}
	i, err := importer.New(importer.Config{
		File: strings.NewReader(rows(100_000)), Name: "-", URL: s.open(t), Concurrency: 4, Patience: time.Minute,
		Rejected: func(*importer.RowError) {}, Waiting: func(error) {},
	})
	require.NoError(t, err)
	summary, err := i.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, summary.Rows(), int64(100_000))
	require.GreaterOrEqual(t, summary.Added, int64(17))
}

// endless is a file that never ends.
type endless struct{ rows int }

func (e *endless) Read(p []byte) (int, error) {
	e.rows++
	return copy(p, fmt.Sprintf("{\"title\": \"Book %d\", \"author\": \"A\"}\n", e.rows)), nil
}

// Memory does not grow with the file: no more is read than is on its way.
func TestNoMoreIsReadThanIsOnItsWay(t *testing.T) {
	t.Parallel()
	file := &endless{}
	s := &shop{disturb: func(w http.ResponseWriter, _ *http.Request, title string, _ int) bool {
		if title == "Book 300" {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	}}
	r, err := run(t, s.open(t), file)
	var other *importer.NotBookstoreError
	require.ErrorAs(t, err, &other)
	onTheirWay := 8 + 2
	require.LessOrEqual(t, int64(file.rows), r.Rows()+int64(onTheirWay)+4)
}

func TestConfigReportsEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := importer.New(importer.Config{})
	require.Error(t, err)
	require.Len(t, strings.Split(err.Error(), "\n"), 5)
}
