package app_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

// opens are the records on the opens topic.
func (b bookstore) opens(t testing.TB) []events.Record {
	t.Helper()
	records, _, err := b.readTopic(t.Context(), b.topics.Opens, nil)
	require.NoError(t, err)
	return records
}

// TestAnOpenedBookIsOnTheTopic holds the record to what docs/consuming.md says of it.
func TestAnOpenedBookIsOnTheTopic(t *testing.T) {
	t.Parallel()
	b := newBookstore(t)
	c := newCaller(t, b.start(t, nil).URL())
	book, _ := c.create(mobyDick)

	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	request := headers{web.HeaderRequestID: "first", "Traceparent": "00-" + trace + "-00f067aa0ba902b7-01"}
	before := events.Instant(time.Now())
	require.Equal(t, http.StatusOK, c.get(bookPath(book.ID)+"?uid=a:7", request).status)
	require.Equal(t, http.StatusOK, c.do(http.MethodHead, bookPath(book.ID), nil, nil).status)
	require.Equal(t, http.StatusNotModified, c.get(bookPath(book.ID), headers{"If-None-Match": `"1"`}).status)
	require.Equal(t, http.StatusOK, c.get(bookPath(book.ID), headers{web.HeaderRequestID: "last"}).status)

	var records []events.Record
	await(t, 10*time.Second, "the opened books are not on the topic", func() bool {
		records = b.opens(t)
		return slices.ContainsFunc(records, func(r events.Record) bool { return r.Header(events.HeaderCorrelationID) == "last" })
	})
	// By key, since that is what spreads them over the partitions.
	slices.SortFunc(records, func(x, y events.Record) int { return len(x.Key) - len(y.Key) })
	require.Len(t, records, 2)
	id := fmt.Sprint(book.ID)
	for i, want := range []struct {
		key, request string
		user         []events.Header
	}{
		{id, "last", nil},
		{id + ":a:7", "first", []events.Header{{Key: "ce_userid", Value: "a:7"}}},
	} {
		r := records[i]
		require.Equal(t, want.key, string(r.Key))
		require.Equal(t, `{"book_id":`+id+`}`, string(r.Value))
		at, err := events.ParseTime(r.Header("ce_time"))
		require.NoError(t, err)
		require.WithinRange(t, at, before, time.Now())
		require.NoError(t, uuid.Validate(r.Header("ce_id")))
		require.Equal(t, append([]events.Header{
			{Key: "ce_specversion", Value: "1.0"},
			{Key: "ce_id", Value: r.Header("ce_id")},
			{Key: "ce_type", Value: "bookstore.book.opened.v1"},
			{Key: "ce_source", Value: "/bookstore/query"},
			{Key: "ce_time", Value: r.Header("ce_time")},
			{Key: "ce_subject", Value: id},
			{Key: "content-type", Value: "application/json"},
			{Key: "traceparent", Value: r.Header("traceparent")},
			{Key: "ce_correlationid", Value: want.request},
		}, want.user...), r.Headers)
		_, err = events.DecodeOpened(r)
		require.NoError(t, err)
	}
	require.Contains(t, records[1].Header("traceparent"), trace)
}

// TestShutdownPublishesWhatReadersDid ends a service that could not publish for a
// while, before it has got round to it.
func TestShutdownPublishesWhatReadersDid(t *testing.T) {
	t.Parallel()
	var faulty testenv.FaultyNet
	b := newBookstore(t)
	service := b.start(t, func(_ *config.Config, o *app.Options) { o.Dialer = &faulty })
	t.Cleanup(faulty.Heal)
	c := newCaller(t, service.URL())
	book, _ := c.create(mobyDick)

	faulty.Cut()
	const each = 100
	for range each {
		require.Equal(t, http.StatusOK, c.get(bookPath(book.ID), nil).status)
		require.Equal(t, http.StatusOK, c.get("/api/books?q=whale", nil).status)
	}
	require.InDelta(t, each, c.metric(`bookstore_spool_pending_records{spool="opens"}`), 0)
	require.InDelta(t, each, c.metric(`bookstore_spool_pending_records{spool="searches"}`), 0)

	faulty.Heal()
	ctx, cancel := context.WithTimeout(t.Context(), shutdownBound)
	defer cancel()
	require.NoError(t, service.Close(ctx))
	for _, topic := range []string{b.topics.Opens, b.topics.Searches} {
		records, _, err := b.readTopic(t.Context(), topic, nil)
		require.NoError(t, err)
		ids := make(map[string]bool) // a batch whose answer was lost is there again
		for _, r := range records {
			ids[r.Header(events.HeaderID)] = true
		}
		require.Len(t, ids, each, topic)
	}
}
