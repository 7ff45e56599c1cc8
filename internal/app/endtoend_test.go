package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/query"
	"bookstore/internal/web"
)

var mobyDick = events.Details{
	Title: "Moby-Dick; or, The Whale", Author: "Herman Melville", PublishedAt: "1851-10-18",
	Description: "A captain hunts the whale that took his leg, and his ship & crew pay for it.",
}

func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	service := b.start(t, nil)
	c := newCaller(t, service.URL())

	// A command goes in and is readable when it is answered.
	book, created := c.create(mobyDick)
	got := events.Details{Title: book.Title, Author: book.Author, PublishedAt: book.PublishedAt, Description: book.Description}
	require.Equal(t, mobyDick, got)
	require.Equal(t, bookPath(book.ID), created.header.Get("Location"))
	require.Equal(t, `"1"`, created.header.Get("ETag"))
	token := created.header.Get("Consistency-Token")
	require.NotEmpty(t, token)
	shown := c.get(bookPath(book.ID), nil)
	require.Equal(t, http.StatusOK, shown.status)
	require.Equal(t, book, decode[web.Book](t, shown))
	require.Equal(t, `"1"`, shown.header.Get("ETag"))

	// Searches find it, and each of them is on the topic as it was served.
	asked := []struct{ query, user, id string }{
		{"whale", "", "search-1"},
		{"hal", "", "search-2"},               // part of a word of the title
		{"elvil", "", "search-3"},             // part of the author's name
		{"Captain  hunts", "ada", "search-4"}, // the description
		{"zzz:nothing", "bob", "search-5"},
	}
	served := make(map[string]answer)
	for i, s := range asked {
		path := "/api/books?limit=3&q=" + strings.ReplaceAll(s.query, " ", "%20")
		if s.user != "" {
			path += "&uid=" + s.user
		}
		a := c.get(path, headers{web.HeaderRequestID: s.id, "Consistency-Token": token})
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		require.NotEmpty(t, a.header.Get("Consistency-Token"))
		want := []web.Book{book}
		if i == len(asked)-1 {
			want = []web.Book{}
		}
		require.Equal(t, want, decode[[]web.Book](t, a))
		served[s.id] = a
	}
	found := make(map[string]published)
	await(t, 10*time.Second, "the searches are not on the topic", func() bool {
		topic, _ := b.searches(t, nil)
		for _, p := range topic {
			found[p.CorrelationID] = p
		}
		return len(topic) >= len(asked)
	})
	require.Len(t, found, len(asked))
	for _, s := range asked {
		p, key := found[s.id], s.query
		if s.user != "" {
			key += ":" + s.user
		}
		require.Equal(t, key, string(p.record.Key))
		require.Equal(t, asPublished(decode[[]web.Book](t, served[s.id])), string(p.record.Value))
		require.Equal(t, s.query, p.record.Header(events.HeaderQuery))
		require.Equal(t, s.user, p.record.Header(events.HeaderUserID))
		require.Equal(t, "0", p.record.Header(events.HeaderOffset))
		require.Equal(t, "3", p.record.Header(events.HeaderPageSize))
		require.Equal(t, "1", p.record.Header(events.HeaderGeneration))
		require.NotEmpty(t, p.record.Header(events.HeaderPosition))
		require.Equal(t, events.TypeSearchServed, p.record.Header(events.HeaderType))
		require.NotEmpty(t, p.record.Header(events.HeaderTraceparent))
	}

	// An update that has seen the book goes through, one that has not changes nothing.
	revised := mobyDick
	revised.Title = "Moby Dick"
	updated := c.do(http.MethodPut, bookPath(book.ID), headers{"If-Match": `"1"`, "X-User-Id": "ishmael"}, revised)
	require.Equal(t, http.StatusOK, updated.status, string(updated.body))
	require.Equal(t, `"2"`, updated.header.Get("ETag"))
	stale := c.do(http.MethodPut, bookPath(book.ID), headers{"If-Match": `"1"`}, mobyDick)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Equal(t, web.TypePreconditionFailed, decode[web.Problem](t, stale).Type)
	after := c.get(bookPath(book.ID), headers{"Consistency-Token": updated.header.Get("Consistency-Token")})
	require.Equal(t, decode[web.Book](t, updated), decode[web.Book](t, after))
	require.Equal(t, "Moby Dick", decode[web.Book](t, after).Title)

	// It goes, and its history stays.
	deleted := c.do(http.MethodDelete, bookPath(book.ID), headers{"If-Match": `"2"`, web.HeaderRequestID: "the-end"}, nil)
	require.Equal(t, http.StatusNoContent, deleted.status, string(deleted.body))
	require.Equal(t, http.StatusNotFound, c.get(bookPath(book.ID), nil).status)
	history := decode[[]query.Entry](t, c.get(bookPath(book.ID)+"/history", headers{"Consistency-Token": deleted.header.Get("Consistency-Token")}))
	require.Len(t, history, 3)
	for i, want := range []struct {
		kind, actor string
		details     *events.Details
	}{{"created", "", &mobyDick}, {"updated", "ishmael", &revised}, {"deleted", "", nil}} {
		require.EqualValues(t, i+1, history[i].Version)
		require.Equal(t, want.kind, history[i].Type)
		require.Equal(t, want.actor, history[i].Actor)
		require.Equal(t, want.details, history[i].Details)
		require.WithinDuration(t, time.Now(), history[i].At, time.Minute)
	}
	require.Equal(t, "the-end", history[2].CorrelationID)

	report := b.requireVerified(t, b.connect(t))
	require.EqualValues(t, 3, report.History.Found)
}

func TestARequestThatIsRepeatedTakesEffectOnce(t *testing.T) {
	t.Parallel()
	c := newCaller(t, newBookstore(t).start(t, nil).URL())

	key := headers{"Idempotency-Key": `"order 66"`}
	require.Equal(t, http.StatusBadRequest, c.do(http.MethodPost, "/api/books", key, mobyDick).status, "a key has no spaces")
	key["Idempotency-Key"] = "order-66"
	first := c.do(http.MethodPost, "/api/books", key, mobyDick)
	require.Equal(t, http.StatusCreated, first.status, string(first.body))
	require.Empty(t, first.header.Get("Idempotency-Replayed"))
	again := c.do(http.MethodPost, "/api/books", key, mobyDick)
	require.Equal(t, http.StatusCreated, again.status)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, first.header.Get("Consistency-Token"), again.header.Get("Consistency-Token"))

	other := mobyDick
	other.Title = "Omoo"
	reused := c.do(http.MethodPost, "/api/books", key, other)
	require.Equal(t, http.StatusUnprocessableEntity, reused.status)
	require.Equal(t, web.TypeIdempotencyKeyReused, decode[web.Problem](t, reused).Type)

	// What has become of the book since does not change the answer.
	book := decode[web.Book](t, first)
	change := headers{"Idempotency-Key": "change", "If-Match": `"1"`}
	changed := c.do(http.MethodPut, bookPath(book.ID), change, other)
	require.Equal(t, http.StatusOK, changed.status, string(changed.body))
	deleted := c.do(http.MethodDelete, bookPath(book.ID), nil, nil)
	require.Equal(t, http.StatusNoContent, deleted.status)
	changedAgain := c.do(http.MethodPut, bookPath(book.ID), change, other)
	require.Equal(t, http.StatusOK, changedAgain.status, string(changedAgain.body))
	require.Equal(t, string(changed.body), string(changedAgain.body))
	require.Len(t, decode[[]query.Entry](t, c.get(bookPath(book.ID)+"/history", headers{"Consistency-Token": deleted.header.Get("Consistency-Token")})), 3)
}

func TestACommandCanBeFollowed(t *testing.T) {
	t.Parallel()
	c := newCaller(t, newBookstore(t).start(t, nil).URL())

	taken := c.do(http.MethodPost, "/api/books", headers{"Prefer": "respond-async"}, mobyDick)
	require.Equal(t, http.StatusAccepted, taken.status, string(taken.body))
	type status struct {
		Status, Reason, Location string
		BookID                   int64 `json:"book_id"`
		Version                  int64
	}
	var accepted status
	await(t, 10*time.Second, "the command is not decided", func() bool {
		accepted = decode[status](t, c.get(taken.header.Get("Location"), nil))
		return accepted.Status != "pending"
	})
	require.Equal(t, status{"accepted", "", bookPath(accepted.BookID), accepted.BookID, 1}, accepted)

	// One that loses a race is decided, and rejected.
	book := bookPath(accepted.BookID)
	locations := make(map[string]int)
	for i := range 2 {
		a := c.do(http.MethodPut, book, headers{"Prefer": "respond-async", "If-Match": `"1"`}, mobyDick)
		if a.status == http.StatusAccepted {
			locations[a.header.Get("Location")] = i
		} else {
			require.Equal(t, http.StatusPreconditionFailed, a.status)
		}
	}
	reasons := map[string]int{}
	for location := range locations {
		await(t, 10*time.Second, "a command is not decided", func() bool {
			s := decode[status](t, c.get(location, nil))
			if s.Status == "pending" {
				return false
			}
			reasons[s.Status+s.Reason]++
			return true
		})
	}
	require.Equal(t, 1, reasons["accepted"])

	require.Equal(t, http.StatusNotFound, c.get("/api/commands/"+"00000000-0000-4000-8000-000000000000", nil).status)
	require.Equal(t, http.StatusBadRequest, c.get("/api/commands/soon", nil).status)
}

func TestAReaderThatAsksForTooMuchIsTold(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	c := newCaller(t, b.start(t, func(cfg *config.Config, _ *app.Options) { cfg.App.QueryWait = 50 * time.Millisecond }).URL())
	_, created := c.create(mobyDick)

	// The read model will not get there before something else is written.
	position, err := events.ParseToken(created.header.Get("Consistency-Token"))
	require.NoError(t, err)
	ahead := events.Token{{Partition: position[0].Partition, Offset: position[0].Offset + 1}}
	began := time.Now()
	a := c.get("/api/books?q=whale", headers{"Consistency-Token": ahead.String()})
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, web.TypeReadModelBehind, decode[web.Problem](t, a).Type)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	require.Equal(t, http.StatusBadRequest, c.get("/api/books?q=whale", headers{"Consistency-Token": "yesterday"}).status)
}

func TestAServiceTellsHowItIs(t *testing.T) {
	t.Parallel()
	service := newBookstore(t).start(t, nil)
	c := newCaller(t, service.URL())
	c.create(mobyDick)
	c.get("/api/books?q=whale", nil)

	require.Equal(t, http.StatusOK, c.get("/healthz", nil).status)
	ready := c.get("/readyz", nil)
	require.Equal(t, http.StatusOK, ready.status, string(ready.body))
	checks := map[string]string{}
	for _, check := range decode[struct {
		Checks []struct{ Name, State string }
	}](t, ready).Checks {
		checks[check.Name] = check.State
	}
	require.Equal(t, map[string]string{"database": "ok", "log": "ok", "consumers": "ok", "parked": "ok", "searches": "ok", "opens": "ok"}, checks)

	metrics := string(c.get("/metrics", nil).body)
	for _, want := range []string{
		`bookstore_spool_appended_total{spool="searches"} 1`,
		`bookstore_spool_appended_total{spool="opens"} 0`,
		`bookstore_http_request_duration_seconds_count{method="POST",route="/api/books",status="2xx"} 1`,
		`bookstore_consumer_received_total{consumer="commands"} 1`,
		`bookstore_engine_records_total{consumer="catalog"} 1`,
	} {
		require.Contains(t, metrics, want+"\n")
	}
	require.NoError(t, web.CheckRoutes(service.Router()), "the description of the API is not what is served")
	require.Equal(t, http.StatusOK, c.get("/openapi.json", nil).status)
	require.Equal(t, http.StatusOK, c.get("/docs", nil).status)
}

func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	front := b.start(t, roles(config.RoleAPI))
	b.start(t, roles(config.RoleCommands))
	b.start(t, roles(config.RoleProjector))
	second := b.start(t, roles(config.RoleAPI))
	c, other := newCaller(t, front.URL()), newCaller(t, second.URL())

	// The first one waits for the consumers to join.
	c.create(mobyDick)
	for i := range 20 {
		details := mobyDick
		details.Title = fmt.Sprintf("Volume %d", i)
		book, created := c.create(details)
		found := other.get("/api/books?limit=100&q=volume", headers{"Consistency-Token": created.header.Get("Consistency-Token")})
		require.Equal(t, http.StatusOK, found.status, string(found.body))
		require.Contains(t, decode[[]web.Book](t, found), book, "read your writes, also in another process")
	}
	await(t, 10*time.Second, "the searches are not on the topic", func() bool {
		topic, _ := b.searches(t, nil)
		return len(topic) == 20
	})
	pool := b.connect(t)
	b.awaitApplied(t, pool, 10*time.Second)
	require.EqualValues(t, 21, b.requireVerified(t, pool).Catalog.Found)
}
