package operations_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/events"
	"bookstore/internal/operations"
	"bookstore/internal/postgres"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

// service is the operators' API behind HTTP, on a database of its own. What tests
// set they set before the first request.
type service struct {
	t        *testing.T
	pool     *pgxpool.Pool
	api      *operations.API
	rebuilds *rebuilds
	url      string
	client   *http.Client
}

// soon is how long a test waits for what should be quick.
const soon = 20 * time.Second

// serve knows the projections catalog, of version 2, and history, of version 1.
func serve(t *testing.T) *service {
	t.Helper()
	pool, err := postgres.Open(t.Context(), testenv.Database(t), postgres.Options{ApplicationName: "operations tests"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	s := &service{t: t, pool: pool, rebuilds: &rebuilds{}, client: &http.Client{Transport: &http.Transport{}}}
	s.api = &operations.API{
		Pool: pool, Rebuilds: s.rebuilds,
		Projections: []operations.Described{
			{Name: "catalog", Version: 2, Topic: "events"}, {Name: "history", Version: 1, Topic: "other events"},
		},
		Heads: func(string) events.Offsets { return nil },
		OldestUnapplied: func(context.Context, string, events.Offsets) (time.Time, bool, error) {
			panic("nobody may ask while the head is not known")
		},
		Wait: soon, MaxBodyBytes: 1 << 10,
	}
	routes := web.NewRouter()
	s.api.Routes(routes)
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	t.Cleanup(s.client.CloseIdleConnections)
	s.url = server.URL
	return s
}

// exec runs SQL.
func (s *service) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

// insert runs an INSERT that returns an id.
func (s *service) insert(sql string, args ...any) int64 {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), sql+` RETURNING id`, args...)
	require.NoError(s.t, err)
	id, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
	require.NoError(s.t, err)
	return id
}

// rebuild puts a rebuild of catalog into the database.
func (s *service) rebuild(phase rebuild.Phase) int64 {
	s.t.Helper()
	return s.insert(`
		INSERT INTO rebuilds (projection, generation, version, replaces, phase, finished_at)
		VALUES ('catalog', 2, 2, 1, $1, CASE WHEN $2 THEN now() END)`, phase, phase.Over())
}

// answer is a response that has been read.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// do sends a request; a body is JSON.
func (s *service) do(method, path, body string) answer {
	s.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, content)
	require.NoError(s.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{s.t, response.StatusCode, response.Header, read}
}

func (s *service) get(path string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, "")
}

func (s *service) post(path string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, path, "")
}

// problem checks that the answer is one of the given kind, which goes with one
// status, and returns it.
func (a answer) problem(kind string) web.Problem {
	a.t.Helper()
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"), "%d %s", a.status, a.body)
	var p web.Problem
	require.NoError(a.t, json.Unmarshal(a.body, &p))
	require.Equal(a.t, kind, p.Type, "%s", a.body)
	require.Equal(a.t, a.status, p.Status)
	return p
}

// as reads an answer of the given status.
func as[T any](a answer, status int) T {
	a.t.Helper()
	require.Equal(a.t, status, a.status, "%s", a.body)
	require.Equal(a.t, "application/json", a.header.Get("Content-Type"))
	var v T
	require.NoError(a.t, json.Unmarshal(a.body, &v))
	return v
}

// rebuilds stands in for the code of the projections, which this package only
// passes on to: it notes what it is asked for, and answers or fails as it is told.
type rebuilds struct {
	asked []any

	started  rebuild.Rebuild
	estimate rebuild.Estimate
	rows     []compare.Row // that differ
	fails    error         // after these
}

func (f *rebuilds) Start(_ context.Context, projection string, r rebuild.Request) (rebuild.Rebuild, error) {
	f.asked = append(f.asked, "start", projection, r)
	return f.started, f.fails
}

func (f *rebuilds) Estimate(_ context.Context, projection string) (rebuild.Estimate, error) {
	f.asked = append(f.asked, "estimate", projection)
	return f.estimate, f.fails
}

func (f *rebuilds) Diff(_ context.Context, id int64, each func(compare.Row) error) error {
	f.asked = append(f.asked, "diff", id)
	for _, row := range f.rows {
		if err := each(row); err != nil {
			return err
		}
	}
	return f.fails
}

func (f *rebuilds) Rollback(_ context.Context, projection string) error {
	f.asked = append(f.asked, "rollback", projection)
	return f.fails
}

func (f *rebuilds) Drop(_ context.Context, projection string, generation int64) error {
	f.asked = append(f.asked, "drop", projection, generation)
	return f.fails
}
