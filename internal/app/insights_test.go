package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/operations"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

// popularity is how often each book was served or opened.
type popularity map[int64]int64

// tallied is what queries see of a projection that counts.
func tallied(t testing.TB, pool *pgxpool.Pool, name string) popularity {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT book_id, times FROM `+name+`_books`)
	require.NoError(t, err)
	found := popularity{}
	var book, times int64
	_, err = pgx.ForEachRow(rows, []any{&book, &times}, func() error {
		found[book] = times
		return nil
	})
	require.NoError(t, err)
	return found
}

// onTopics is what the topics have, counted one record after the other.
func (b bookstore) onTopics(t testing.TB) (served, opened popularity) {
	t.Helper()
	served, opened = popularity{}, popularity{}
	searches, _, err := b.readTopic(t.Context(), b.topics.Searches, nil)
	require.NoError(t, err)
	for _, r := range searches {
		if search, err := events.DecodeSearch(r); err == nil {
			for _, book := range search.Books {
				served[book.ID]++
			}
		}
	}
	for _, r := range b.opens(t) {
		open, err := events.DecodeOpened(r)
		require.NoError(t, err)
		opened[open.Book]++
	}
	return served, opened
}

// awaitTallied waits until all that is on the topics is counted, and some counts are
// what the test knows them to be.
func (b bookstore) awaitTallied(t testing.TB, pool *pgxpool.Pool, wantServed, wantOpened popularity) {
	t.Helper()
	await(t, caughtUpBound, "not all is counted", func() bool {
		servedLeft, err := b.unapplied(t.Context(), pool, b.topics.Searches, "served")
		require.NoError(t, err)
		openedLeft, err := b.unapplied(t.Context(), pool, b.topics.Opens, "opened")
		require.NoError(t, err)
		return servedLeft+openedLeft == 0 &&
			maps.Equal(wantServed, tallied(t, pool, "served")) && maps.Equal(wantOpened, tallied(t, pool, "opened"))
	})
	served, opened := b.onTopics(t)
	require.Equal(t, wantServed, served)
	require.Equal(t, wantOpened, opened)
}

// searchFor is an answered search as it goes onto the topic.
func searchFor(t testing.TB, query string, books ...int64) events.Encoded {
	t.Helper()
	s := events.SearchServed{ID: uuid.NewString(), At: time.Now(), Query: query, PageSize: 5, Generation: 1, Position: "0:1"}
	for _, id := range books {
		s.Books = append(s.Books, events.ServedBook{ID: id})
	}
	encoded, err := events.EncodeSearch(s)
	require.NoError(t, err)
	return encoded
}

func projectionOf(c caller, name string) operations.Projection {
	c.t.Helper()
	return decode[operations.Projection](c.t, c.get("/api/projections/"+name, nil))
}

// What readers do is counted, can be rebuilt and rolled back, and what can't be read
// is parked and holds nothing up.
func TestWhatIsServedAndOpenedIsCounted(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	c := newCaller(t, b.start(t, nil).URL())
	pool := b.connect(t)
	whale, token := c.create(mobyDick)
	other, _ := c.create(events.Details{Title: "Typee", Author: "Herman Melville", PublishedAt: "1846"})
	visible := headers{"Consistency-Token": token.header.Get("Consistency-Token")}
	search := func(n int) {
		for range n {
			require.Equal(t, http.StatusOK, c.get("/api/books?q=whale", visible).status)
		}
	}
	search(3)
	for range 2 {
		require.Equal(t, http.StatusOK, c.get(bookPath(other.ID), nil).status)
	}
	b.awaitTallied(t, pool, popularity{whale.ID: 3}, popularity{other.ID: 2})

	// They are shown like all others, each in its own topic.
	topics := map[string]string{}
	for _, p := range decode[[]operations.Projection](t, c.get("/api/projections", nil)) {
		topics[p.Name] = p.Topic
	}
	require.Equal(t, map[string]string{
		"catalog": b.topics.Events, "history": b.topics.Events, "served": b.topics.Searches, "opened": b.topics.Opens,
		"trends": b.topics.Searches, "interests": b.topics.Searches,
	}, topics)
	await(t, caughtUpBound, "no lag is told", func() bool {
		p := projectionOf(c, "served")
		return p.Behind != nil && *p.Behind == 0 && p.Head != nil
	})
	await(t, caughtUpBound, "no lag is measured", func() bool {
		return c.metric(`bookstore_engine_records_total{consumer="served"}`) == 3 &&
			c.metric(`bookstore_read_model_behind_records{projection="served"}`) == 0
	})

	// Somebody else's mistake, with a key that looks like a book's.
	bad := searchFor(t, fmt.Sprint(whale.ID), whale.ID)
	bad.Value = []byte(`{"not": "a list"}`)
	b.publish(t, b.topics.Searches, bad, searchFor(t, fmt.Sprint(whale.ID), whale.ID))
	b.awaitTallied(t, pool, popularity{whale.ID: 4}, popularity{other.ID: 2})
	waiting := decode[[]operations.Parked](t, c.get("/api/parked?consumer=served", nil))
	require.Len(t, waiting, 1)
	require.True(t, waiting[0].Poison)
	require.Nil(t, waiting[0].Book)
	require.Equal(t, []struct{ Generation, Records, Poison int64 }{{1, 1, 1}}, readyParked(t, c)["served"])
	require.Zero(t, decode[web.Book](t, c.get(bookPath(whale.ID), nil)).ParkedEvents)

	// A rebuild, what happens after it, and the way back.
	require.EqualValues(t, 5, decode[rebuild.Estimate](t, c.get("/api/projections/served/rebuilds/estimate", nil)).Events)
	rebuilt := awaitOver(t, pool, startRebuild(c, "served", rebuild.Request{}), caughtUpBound)
	require.Equal(t, rebuild.Switched, rebuilt.Phase, "%+v", rebuilt)
	require.Zero(t, rebuilt.Verification.Differences)
	search(2)
	// The book was opened once more, to look at what is parked of it.
	b.awaitTallied(t, pool, popularity{whale.ID: 6}, popularity{other.ID: 2, whale.ID: 1})
	require.EqualValues(t, 2, projectionOf(c, "served").Active)
	require.Equal(t, http.StatusOK, c.do(http.MethodPost, "/api/projections/served/rollback", nil, nil).status)
	require.EqualValues(t, 1, projectionOf(c, "served").Active)
	b.awaitTallied(t, pool, popularity{whale.ID: 6}, popularity{other.ID: 2, whale.ID: 1})
}

// consumersOf are those that a process plays, as /readyz tells.
func consumersOf(c caller) []string {
	c.t.Helper()
	for _, check := range decode[struct {
		Checks []struct {
			Name   string
			Detail json.RawMessage
		}
	}](c.t, c.get("/readyz", nil)).Checks {
		if check.Name == "consumers" {
			var consumers map[string]any
			require.NoError(c.t, json.Unmarshal(check.Detail, &consumers))
			return slices.Sorted(maps.Keys(consumers))
		}
	}
	return nil
}

// On topics that have searches already, a process without the role insights waits for
// one that has it; and each carries out the rebuilds of its own.
func TestInsightsInAProcessOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	pool := b.connect(t)
	require.NoError(t, messaging.EnsureTopics(t.Context(), b.kafka(), b.topics.Specs(), config.Default().MQ.Partitions))
	b.publish(t, b.topics.Searches, searchFor(t, "whale", 7, 8), searchFor(t, "sea", 8))

	cfg := config.Default()
	cfg.App.Port, cfg.App.DataDir, cfg.MQ.Brokers = 0, t.TempDir(), b.brokers
	cfg.App.Roles = []config.Role{config.RoleAPI, config.RoleCommands, config.RoleProjector}
	type begun struct {
		*app.App
		err error
	}
	others := make(chan begun, 1)
	go func() {
		a, err := app.Start(t.Context(), cfg, app.Options{Topics: b.topics, Database: b.database, Logger: quietLogger(t)})
		others <- begun{a, err}
	}()
	await(t, caughtUpBound, "nobody asks for what was served to be built", func() bool {
		unfinished, there, err := rebuild.Unfinished(t.Context(), pool, "served")
		return err == nil && there && unfinished.Owner == ""
	})
	require.Empty(t, others, "it waits")

	insights := newCaller(t, b.start(t, roles(config.RoleInsights)).URL())
	front := <-others
	require.NoError(t, front.err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownBound)
		defer cancel()
		require.NoError(t, front.Close(ctx))
	})
	c := newCaller(t, front.URL())
	require.Equal(t, []string{"interests", "opened", "served", "trends"}, consumersOf(insights))
	require.Equal(t, []string{"catalog", "commands", "history"}, consumersOf(c))
	b.awaitTallied(t, pool, popularity{7: 1, 8: 2}, popularity{})

	book, _ := c.create(mobyDick)
	require.Equal(t, http.StatusOK, c.get(bookPath(book.ID), nil).status)
	b.awaitTallied(t, pool, popularity{7: 1, 8: 2}, popularity{book.ID: 1})
	for _, name := range []string{"served", "opened", "trends", "interests", "catalog"} {
		require.Equal(t, rebuild.Switched, awaitOver(t, pool, startRebuild(c, name, rebuild.Request{}), caughtUpBound).Phase, name)
	}
	require.EqualValues(t, 2, projectionOf(c, "served").Active)
}

// awaitApplied waits until consumers have applied as many records.
func awaitApplied(t testing.TB, pool *pgxpool.Pool, records int64, consumers ...string) {
	t.Helper()
	await(t, caughtUpBound, "not all is applied", func() bool {
		var behind int
		err := pool.QueryRow(t.Context(), `
			SELECT count(*) FROM unnest($1::text[]) AS name
			WHERE (SELECT coalesce(sum(next_offset), 0) FROM checkpoints WHERE consumer = name) < $2`, consumers, records).Scan(&behind)
		return err == nil && behind == 0
	})
}

// Operators may have searches and opens forgotten: that is no reason not to start, and
// what was counted stays. A rebuild shows what it would lose.
func TestSearchesMayBeForgotten(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	service := b.start(t, nil)
	pool := b.connect(t)
	b.publish(t, b.topics.Searches, searchFor(t, "whale", 7, 8), searchFor(t, "sea", 8))
	b.awaitTallied(t, pool, popularity{7: 1, 8: 2}, popularity{})
	awaitApplied(t, pool, 2, "served", "trends", "interests")
	stop(t, service)
	b.truncate(t, b.topics.Searches)

	service = b.start(t, nil)
	c := newCaller(t, service.URL())
	b.publish(t, b.topics.Searches, searchFor(t, "whale", 7))
	await(t, caughtUpBound, "what came later is not counted", func() bool {
		return maps.Equal(popularity{7: 2, 8: 2}, tallied(t, pool, "served"))
	})
	id := startRebuild(c, "served", rebuild.Request{})
	await(t, caughtUpBound, "the rebuild does not say what is lost", func() bool {
		r, err := rebuild.Get(t.Context(), pool, id)
		return err == nil && r.Phase == rebuild.Differs && r.Verification.Differences == 2
	})
	stop(t, service)

	empty := b
	empty.database = testenv.Database(t)
	empty.start(t, nil)
	require.Equal(t, popularity{7: 1}, tallied(t, empty.connect(t), "served"), "what is left of it")
}
