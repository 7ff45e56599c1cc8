package operations_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/compare"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

func TestStartARebuild(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.rebuilds.started = rebuild.Rebuild{ID: 12, Projection: "catalog", Phase: rebuild.Copying}
	for body, want := range map[string]rebuild.Request{
		"":   {},
		"{}": {},
		`{"max_query_slowdown": 1.5, "accept_diff": true}`: {MaxQuerySlowdown: new(1.5), AcceptDiff: true},
		`{"max_query_slowdown": null}`:                     {},
	} {
		s.rebuilds.asked = nil
		a := s.do(http.MethodPost, "/api/projections/catalog/rebuilds", body)
		require.Equal(t, int64(12), as[rebuild.Rebuild](a, http.StatusCreated).ID)
		require.Equal(t, "/api/projections/catalog/rebuilds/12", a.header.Get("Location"))
		require.Equal(t, []any{"start", "catalog", want}, s.rebuilds.asked)
	}
	s.rebuilds.asked = nil
	for body, kind := range map[string]string{
		`{"max_query_slowdown": 1}`:            web.TypeInvalidFields,
		`{"max_query_slowdown": -2}`:           web.TypeInvalidFields,
		`{"max_query_slowdown": "1.5"}`:        web.TypeInvalidFields,
		`{"dry_run": true}`:                    web.TypeInvalidFields,
		`{`:                                    web.TypeBadRequest,
		`[` + strings.Repeat(" ", 1<<10) + `]`: web.TypePayloadTooLarge,
	} {
		s.do(http.MethodPost, "/api/projections/catalog/rebuilds", body).problem(kind)
	}
	require.Empty(t, s.rebuilds.asked)

	s.rebuilds.fails = fmt.Errorf("start: %w", &rebuild.UnderWayError{Projection: "catalog", ID: 11})
	require.Contains(t, s.post("/api/projections/catalog/rebuilds").problem(web.TypeConflict).Detail, "/api/projections/catalog/rebuilds/11")
	s.rebuilds.fails = errors.New("no disk")
	s.post("/api/projections/catalog/rebuilds").problem(web.TypeInternal)
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.rebuilds.estimate = rebuild.Estimate{Events: 1000, Bytes: 9, Basis: "a guess"}
	a := s.get("/api/projections/catalog/rebuilds/estimate")
	require.JSONEq(t, `{"events": 1000, "events_per_second": null, "seconds": null, "bytes": 9, "basis": "a guess"}`, string(a.body))
	require.Equal(t, []any{"estimate", "catalog"}, s.rebuilds.asked)
	s.rebuilds.fails = fmt.Errorf("estimate: %w", rebuild.ErrUnknownProjection)
	s.get("/api/projections/catalog/rebuilds/estimate").problem(web.TypeNotFound)
}

func TestRebuildsAreShown(t *testing.T) {
	t.Parallel()
	s := serve(t)
	require.Empty(t, as[[]rebuild.Rebuild](s.get("/api/projections/catalog/rebuilds"), http.StatusOK))
	first, second := s.rebuild(rebuild.Switched), s.rebuild(rebuild.Verifying)
	all := as[[]rebuild.Rebuild](s.get("/api/projections/catalog/rebuilds"), http.StatusOK)
	require.Len(t, all, 2)
	require.Equal(t, second, all[0].ID)
	require.Equal(t, first, all[1].ID)
	require.Equal(t, all[0], as[rebuild.Rebuild](s.get(at(second, "")), http.StatusOK))

	s.get(at(second+1, "")).problem(web.TypeNotFound)
	s.get(fmt.Sprintf("/api/projections/history/rebuilds/%d", second)).problem(web.TypeNotFound)
	s.get("/api/projections/catalog/rebuilds/latest").problem(web.TypeBadRequest)
}

// at is the path of a rebuild of catalog, or of something of it.
func at(id int64, what string) string {
	return fmt.Sprintf("/api/projections/catalog/rebuilds/%d%s", id, what)
}

func TestOrdersToARebuild(t *testing.T) {
	t.Parallel()
	s := serve(t)
	id := s.rebuild(rebuild.Copying)
	for _, order := range []struct {
		path string
		want rebuild.Wish
	}{{"/pause", rebuild.Pause}, {"/resume", rebuild.Run}, {"/cancel", rebuild.Cancel}} {
		require.Equal(t, order.want, as[rebuild.Rebuild](s.post(at(id, order.path)), http.StatusAccepted).Wish)
		require.Equal(t, order.want, as[rebuild.Rebuild](s.get(at(id, "")), http.StatusOK).Wish)
	}
	s.post(at(id, "/resume")).problem(web.TypeConflict)
	s.post(at(id, "/accept")).problem(web.TypeConflict)
	s.post(at(id+1, "/pause")).problem(web.TypeNotFound)
	s.post(fmt.Sprintf("/api/projections/history/rebuilds/%d/pause", id)).problem(web.TypeNotFound)

	s.exec(`UPDATE rebuilds SET phase = 'cancelled', finished_at = now()`)
	for _, order := range []string{"/pause", "/resume", "/cancel", "/accept"} {
		s.post(at(id, order)).problem(web.TypeConflict)
	}
}

func TestAcceptWhatDiffers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	id := s.rebuild(rebuild.Verifying)
	s.post(at(id, "/accept")).problem(web.TypeConflict)
	s.exec(`UPDATE rebuilds SET phase = 'differs'`)
	require.True(t, as[rebuild.Rebuild](s.post(at(id, "/accept")), http.StatusAccepted).AcceptDiff)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	s := serve(t)
	id := s.rebuild(rebuild.Differs)
	none := s.get(at(id, "/diff"))
	require.Equal(t, http.StatusOK, none.status)
	require.Equal(t, "application/x-ndjson", none.header.Get("Content-Type"))
	require.Empty(t, none.body)

	s.rebuilds.rows = []compare.Row{
		{Table: "books", Key: map[string]string{"id": "7"}, Kind: compare.Changed,
			Fields: []compare.Difference{{Field: "title", Active: new("Tom & Jerry"), New: nil}}},
		{Table: "books", Key: map[string]string{"id": "8"}, Kind: compare.OnlyNew},
	}
	lines := strings.SplitAfter(string(s.get(at(id, "/diff")).body), "\n")
	require.Len(t, lines, len(s.rebuilds.rows)+1)
	for i, want := range s.rebuilds.rows {
		var row compare.Row
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &row))
		require.Equal(t, want, row)
	}
	require.Contains(t, lines[0], "Tom & Jerry")
	require.Equal(t, []any{"diff", id, "diff", id}, s.rebuilds.asked)

	require.Equal(t, http.StatusOK, s.do(http.MethodHead, at(id, "/diff"), "").status)
	require.Len(t, s.rebuilds.asked, 4, "nothing is compared for nobody")
	s.get(at(id+1, "/diff")).problem(web.TypeNotFound)
}

func TestADiffThatFailsIsNoWholeAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t)
	id := s.rebuild(rebuild.Copying)
	s.rebuilds.fails = fmt.Errorf("compare: %w", rebuild.ErrNothingToCompare)
	s.get(at(id, "/diff")).problem(web.TypeConflict)

	// Enough rows for some of them to have been sent.
	s.rebuilds.fails = errors.New("the connection was lost")
	s.rebuilds.rows = make([]compare.Row, 10_000)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+at(id, "/diff"), nil)
	require.NoError(t, err)
	response, err := s.client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
