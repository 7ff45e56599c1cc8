package operations_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/web"
)

// generations gives catalog an active generation and one that is being built.
func (s *service) generations() {
	s.t.Helper()
	s.exec(`CREATE TABLE catalog_books_g1 (id bigint PRIMARY KEY); CREATE TABLE catalog_deleted_g1 (id bigint PRIMARY KEY);
		INSERT INTO catalog_books_g1 SELECT generate_series(1, 1000);
		INSERT INTO catalog_deleted_g1 SELECT generate_series(1, 10);
		ANALYZE catalog_books_g1, catalog_deleted_g1;
		CREATE TABLE catalog_books_g2 (id bigint)`)
	s.exec(`INSERT INTO generations (projection, generation, version, state, attached, tables, created_at) VALUES
		('catalog', 1, 1, 'active', true, '{catalog_books_g1,catalog_deleted_g1}', '2026-03-01 09:30Z'),
		('catalog', 2, 2, 'building', false, '{catalog_books_g2,catalog_deleted_g2}', '2026-03-02 09:30Z')`)
	s.exec(`INSERT INTO checkpoints (consumer, partition, next_offset) VALUES ('catalog', 0, 7), ('catalog', 2, 9), ('catalog/2', 0, 3)`)
}

func (s *service) projection(name string) operations.Projection {
	s.t.Helper()
	return as[operations.Projection](s.get("/api/projections/"+name), http.StatusOK)
}

func TestProjectionsAreShown(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.generations()
	for i, generation := range []int{1, 1, 2} {
		s.park("catalog", generation, i, "7")
	}
	s.park("history", 1, 0, "7")
	s.exec(`UPDATE parked_records SET discarded_at = now() WHERE record_offset = 1`)
	s.api.Heads = func(topic string) events.Offsets {
		return map[string]events.Offsets{"events": {10, 1, 8, 0}, "other events": {5}}[topic] // as of a moment ago
	}
	type asked struct {
		topic    string
		position events.Offsets
	}
	oldest := make(chan asked, 3)
	s.api.OldestUnapplied = func(_ context.Context, topic string, position events.Offsets) (time.Time, bool, error) {
		oldest <- asked{topic, position}
		return time.Now().Add(-time.Minute), true, nil
	}

	p := s.projection("catalog")
	require.Equal(t, asked{"events", events.Offsets{7, 0, 9, 0}}, <-oldest)
	require.InDelta(t, 60, *p.BehindSeconds, 10)
	first, second := p.Generations[0], p.Generations[1]
	require.Equal(t, operations.Projection{
		Name: "catalog", Version: 2, Topic: "events", NeedsRebuild: true, Active: 1,
		Position: events.Offsets{7, 0, 9, 0}, Head: events.Offsets{10, 1, 9, 0}, Behind: new(int64(4)), BehindSeconds: p.BehindSeconds,
		Parked: 1, Generations: []operations.Generation{
			{Generation: 1, Version: 1, State: "active", Attached: true, Rows: 1010, Bytes: first.Bytes, Parked: 1,
				CreatedAt: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)},
			{Generation: 2, Version: 2, State: "building", Parked: 1, CreatedAt: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)},
		},
	}, p)
	require.Greater(t, first.Bytes, int64(1010*30))
	require.Zero(t, second.Bytes, "a table without a page, and one that is gone")

	all := as[[]operations.Projection](s.get("/api/projections"), http.StatusOK)
	<-oldest
	require.Equal(t, asked{"other events", events.Offsets{0}}, <-oldest)
	require.Len(t, all, 2)
	require.Equal(t, events.Offsets{5}, all[1].Head, "of its own topic")
	require.Equal(t, p.Generations, all[0].Generations)
	require.Equal(t, "history", all[1].Name)
	require.Equal(t, []operations.Generation{}, all[1].Generations, "not installed yet")
	require.Zero(t, all[1].Active)
	require.False(t, all[1].NeedsRebuild)
}

func TestAnUnknownHeadIsNull(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.generations()
	a := s.get("/api/projections/catalog")
	members := as[map[string]any](a, http.StatusOK)
	for _, member := range []string{"head", "behind", "behind_seconds", "events_per_second", "rebuild"} {
		require.Contains(t, members, member)
		require.Nil(t, members[member], member)
	}
	require.Equal(t, []any{7.0, 0.0, 9.0}, members["position"])
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, []any{}, as[map[string]any](s.get("/api/projections/history"), http.StatusOK)["position"])
}

func TestBehindSecondsIsWhatIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head  events.Offsets
		at    time.Duration // from now
		found bool
		err   error
		want  float64 // -1: null
	}{
		"level: nobody is asked":         {head: events.Offsets{7, 0, 9}, err: errors.New("asked"), want: 0},
		"the log is away":                {head: events.Offsets{8, 0, 9}, err: events.ErrLogUnavailable, want: -1},
		"level by now":                   {head: events.Offsets{8, 0, 9}, want: 0},
		"stamped by a clock that's fast": {head: events.Offsets{8, 0, 9}, at: time.Hour, found: true, want: 0},
		"behind":                         {head: events.Offsets{8, 0, 9}, at: -time.Hour, found: true, want: 3600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.generations()
			s.api.Heads = func(string) events.Offsets { return c.head }
			s.api.OldestUnapplied = func(context.Context, string, events.Offsets) (time.Time, bool, error) {
				return time.Now().Add(c.at), c.found, c.err
			}
			p := s.projection("catalog")
			if c.want < 0 {
				require.Nil(t, p.BehindSeconds)
				return
			}
			require.NotNil(t, p.BehindSeconds)
			require.InDelta(t, c.want, *p.BehindSeconds, 20)
		})
	}
}

// A log that doesn't answer costs an answer a moment, once for all projections.
func TestALogThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.generations()
	s.api.Heads = func(string) events.Offsets { return events.Offsets{100, 100, 100} }
	s.api.OldestUnapplied = func(ctx context.Context, _ string, _ events.Offsets) (time.Time, bool, error) {
		<-ctx.Done()
		return time.Time{}, false, ctx.Err()
	}
	for _, p := range as[[]operations.Projection](s.get("/api/projections"), http.StatusOK) {
		require.NotNil(t, p.Behind)
		require.Nil(t, p.BehindSeconds)
	}
}

func TestTheLastRebuildIsShown(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.generations()
	s.rebuild(rebuild.Failed)
	last := s.rebuild(rebuild.Cancelled)
	require.Equal(t, last, s.projection("catalog").Rebuild.ID)
	unfinished := s.rebuild(rebuild.Copying)
	require.Equal(t, unfinished, s.projection("catalog").Rebuild.ID)
	require.Nil(t, s.projection("history").Rebuild)
}

func TestARebuiltProjectionNeedsNone(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.generations()
	s.exec(`UPDATE generations SET state = 'retired' WHERE generation = 1; UPDATE generations SET state = 'active' WHERE generation = 2`)
	p := s.projection("catalog")
	require.False(t, p.NeedsRebuild)
	require.Equal(t, int64(2), p.Active)
}

func TestTheRateIsHowFastCheckpointsMove(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.generations()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.api.Run(ctx)
	}()
	require.Eventually(t, func() bool {
		rate := s.projection("catalog").EventsPerSecond
		return rate != nil && *rate == 0
	}, soon, 10*time.Millisecond, "it stands still")
	require.Nil(t, s.projection("history").EventsPerSecond, "it has no checkpoints")
	s.exec(`UPDATE checkpoints SET next_offset = next_offset + 1000 WHERE consumer = 'catalog' AND partition = 2`)
	require.Eventually(t, func() bool {
		rate := s.projection("catalog").EventsPerSecond
		return rate != nil && *rate > 0
	}, soon, 10*time.Millisecond, "it moved")
	cancel()
	<-ended
}

func TestRollback(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.generations()
	p := as[operations.Projection](s.post("/api/projections/catalog/rollback"), http.StatusOK)
	require.Equal(t, "catalog", p.Name)
	require.Len(t, p.Generations, 2)
	require.Equal(t, []any{"rollback", "catalog"}, s.rebuilds.asked)

	s.rebuilds.fails = fmt.Errorf("roll back: %w", rebuild.ErrNothingToRollBackTo)
	s.post("/api/projections/catalog/rollback").problem(web.TypeConflict)
	s.rebuilds.fails = &rebuild.UnderWayError{Projection: "catalog", ID: 7}
	require.Contains(t, s.post("/api/projections/catalog/rollback").problem(web.TypeConflict).Detail, "/api/projections/catalog/rebuilds/7")
}

func TestDrop(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const path = "/api/projections/catalog/generations/1"
	dropped := s.do(http.MethodDelete, path, "")
	require.Equal(t, http.StatusNoContent, dropped.status)
	require.Empty(t, dropped.body)
	require.Equal(t, []any{"drop", "catalog", int64(1)}, s.rebuilds.asked)

	for failure, kind := range map[error]string{
		rebuild.ErrActive:       web.TypeConflict,
		rebuild.ErrBeingBuilt:   web.TypeConflict,
		rebuild.ErrNoGeneration: web.TypeNotFound,
		errors.New("disk full"): web.TypeInternal,
	} {
		s.rebuilds.fails = fmt.Errorf("drop: %w", failure)
		s.do(http.MethodDelete, path, "").problem(kind)
	}
	s.do(http.MethodDelete, "/api/projections/catalog/generations/g1", "").problem(web.TypeBadRequest)
}

func TestPathsOfProjections(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, path := range []string{"", "/rebuilds", "/rebuilds/estimate", "/rebuilds/1", "/rebuilds/1/diff"} {
		s.get("/api/projections/trends" + path).problem(web.TypeNotFound)
		s.get("/api/projections/catalog" + path + "?verbose=1").problem(web.TypeBadRequest)
	}
	for _, path := range []string{"/rebuilds", "/rebuilds/1/pause", "/rebuilds/1/resume", "/rebuilds/1/cancel", "/rebuilds/1/accept", "/rollback"} {
		s.post("/api/projections/trends" + path).problem(web.TypeNotFound)
		s.post("/api/projections/catalog" + path + "?force=1").problem(web.TypeBadRequest)
		s.do(http.MethodDelete, "/api/projections/catalog"+path, "").problem(web.TypeMethodNotAllowed)
	}
	s.do(http.MethodDelete, "/api/projections/trends/generations/1", "").problem(web.TypeNotFound)
	s.get("/api/projections?name=catalog").problem(web.TypeBadRequest)
	require.Empty(t, s.rebuilds.asked)
}
