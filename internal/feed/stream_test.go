package feed

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

// What goes out is a contract: it is added to, never changed.
func TestChangeOnTheWire(t *testing.T) {
	t.Parallel()
	w := start(t, 1, ringRecords)
	s := w.open(t, "")
	require.Equal(t, "0", s.lastID)
	encoded, err := events.EncodeEvent(events.Envelope{
		ID: "0190a8e2-0000-7000-8000-000000000001", Source: events.SourceCommands, Time: happened,
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", CorrelationID: "request-1", Actor: "ada",
		Cause: &events.Cause{CommandID: "command-1", Hash: "abc", Position: events.Position{Partition: 3, Offset: 14}},
	}, events.BookCreated{
		ID: 7, Version: 1, CreatedAt: happened,
		Details: events.Details{Title: "Bouvard & Pécuchet", Author: "Gustave Flaubert", PublishedAt: "1881", Description: "Two\nlines"},
	})
	require.NoError(t, err)
	w.write(t, encoded)
	w.write(t, encode(t, "2", events.BookDeleted{ID: 7, Version: 2, DeletedAt: happened}))
	require.Equal(t, []received{
		{"1", "bookstore.book.created.v1", `{"specversion":"1.0","id":"0190a8e2-0000-7000-8000-000000000001","source":"/bookstore/commands",` +
			`"type":"bookstore.book.created.v1","subject":"7","time":"2026-03-01T12:00:00.000000Z","datacontenttype":"application/json",` +
			`"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","correlationid":"request-1","actor":"ada",` +
			`"commandid":"command-1","commandhash":"abc","commandpartition":"3","commandoffset":"14",` +
			`"data":{"id":7,"version":1,"title":"Bouvard & Pécuchet","author":"Gustave Flaubert","published_at":"1881","description":"Two\nlines","created_at":"2026-03-01T12:00:00Z"}}`},
		{"2", "bookstore.book.deleted.v1", `{"specversion":"1.0","id":"2","source":"/bookstore/commands",` +
			`"type":"bookstore.book.deleted.v1","subject":"7","time":"2026-03-01T12:00:00.000000Z","datacontenttype":"application/json",` +
			`"data":{"id":7,"version":2,"deleted_at":"2026-03-01T12:00:00Z"}}`},
	}, s.take(2))
}

func TestStreamBeginsNowOrAtTheBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokers(t), 3)
	w.write(t, steps(t, 10, 1, 2)...)
	w.serve(t, ringRecords, w.log)
	w.awaitReady(t)
	now, all := w.open(t, ""), w.open(t, "?from=beginning")
	w.write(t, steps(t, 10, 3, 4)...)
	requireAll(t, now.take(20), 10, 3, 4)
	requireAll(t, all.take(40), 10, 1, 4)
}

// The ring has few records, so that most of the log is in the log alone.
func TestStreamGoesOnExactlyFromEveryPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokers(t), 3)
	w.write(t, steps(t, 12, 1, 4)...)
	w.serve(t, 10, w.log)
	w.awaitReady(t)
	whole := w.open(t, "?from=beginning")
	positions := []string{whole.lastID}
	list := whole.take(48)
	requireAll(t, list, 12, 1, 4)
	for _, e := range list {
		positions = append(positions, e.id)
	}
	seen := ids(t, list)
	for n, position := range positions {
		rest := w.open(t, "", "Last-Event-ID", position)
		require.ElementsMatch(t, seen[n:], ids(t, rest.take(48-n)), position)
		require.Equal(t, whole.lastID, rest.lastID, "all of them end in the same place")
		rest.close()
	}
	// All that is to come is told to who has all there is.
	late := w.open(t, "?last_event_id="+whole.lastID)
	w.write(t, steps(t, 12, 5, 5)...)
	requireAll(t, late.take(12), 12, 5, 5)
	requireAll(t, whole.take(12), 12, 5, 5)
}

func TestStreamsAtTheirOwnPace(t *testing.T) {
	t.Parallel()
	const clients, books, before, after = 100, 50, 6, 12
	w := newWorld(t, brokers(t), 4)
	w.write(t, steps(t, books, 1, before)...)
	w.serve(t, 200, w.log)
	w.awaitReady(t)
	written := make(chan struct{})
	var all sync.WaitGroup
	lists := make([][]received, clients)
	for n := range clients {
		s := w.open(t, "?from=beginning")
		all.Go(func() {
			pauseAfter := n * books * after / clients
			for len(lists[n]) < books*after {
				if n%2 == 0 && len(lists[n]) == pauseAfter {
					<-written // and goes on where it was
				}
				e, dispatched, err := s.block()
				if err != nil {
					return // the list is too short, which is told below
				}
				if dispatched {
					lists[n] = append(lists[n], e)
				}
			}
		})
	}
	for version := int64(before + 1); version <= after; version++ {
		w.write(t, steps(t, books, version, version)...)
	}
	close(written)
	all.Wait()
	for _, list := range lists {
		require.Len(t, list, books*after)
		requireAll(t, list, books, 1, after)
	}
	require.Empty(t, w.hub.readers)
}

func TestStreamThatKeepsUpReadsNoLog(t *testing.T) {
	t.Parallel()
	const books, versions = 40, 10
	w := start(t, 2, 2*books)
	s := w.open(t, "")
	before := w.log.stretches.Load()
	for version := int64(1); version <= versions; version++ {
		w.write(t, steps(t, books, version, version)...)
		requireAll(t, s.take(books), books, version, version)
	}
	require.Equal(t, before, w.log.stretches.Load())
}

func TestStreamThatFallsBehindComesBack(t *testing.T) {
	t.Parallel()
	const books, versions = 40, 25
	w := start(t, 2, 50)
	// Little of what it does not read is on its way to it.
	slow := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, network, addr)
			if err == nil {
				err = conn.(*net.TCPConn).SetReadBuffer(256 << 10)
			}
			return conn, err
		},
	}}
	t.Cleanup(slow.CloseIdleConnections)
	s := w.openWith(t, slow, "")
	before := w.log.stretches.Load()
	messages := steps(t, books, 1, versions)
	for i, m := range messages {
		// As large as the longest descriptions: more than a connection's buffers in all.
		messages[i].Value = bytes.Replace(m.Value, []byte("Anne Brontë"), bytes.Repeat([]byte("Anne Brontë "), 500), 1)
	}
	w.write(t, messages...)
	requireAll(t, s.take(len(messages)), books, 1, versions)
	require.Greater(t, w.log.stretches.Load(), before)

	w.write(t, steps(t, books, versions+1, versions+1)...)
	requireAll(t, s.take(books), books, versions+1, versions+1)
}

func TestStreamLeavesOutRejections(t *testing.T) {
	t.Parallel()
	w := start(t, 1, ringRecords)
	s := w.open(t, "")
	w.write(t, steps(t, 1, 1, 1)...)
	w.write(t, rejection(t, 1), rejection(t, 1), rejection(t, 1))
	require.Equal(t, "1", s.next().id)
	// Nothing happens that a client would notice, and it has seen them all the same.
	for s.lastID != "4" {
		_, dispatched, err := s.block()
		require.NoError(t, err)
		require.False(t, dispatched)
	}
	w.write(t, steps(t, 1, 2, 2)...)
	require.Equal(t, "5", s.next().id)
}

func TestStreamShowsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := start(t, 1, ringRecords)
	s := w.open(t, "")
	broken := encode(t, "1", events.BookCreated{ID: 1, Version: 1})
	broken.Value = []byte(`{"id":`)
	foreign := encode(t, "2", events.BookCreated{ID: 1, Version: 1})
	foreign.Headers = nil
	w.write(t, broken, foreign)
	w.write(t, steps(t, 1, 1, 1)...)
	list := s.take(3)
	for n, e := range list[:2] {
		require.Equal(t, "unreadable", e.name)
		require.Equal(t, fmt.Sprint(n+1), e.id)
		var u Unreadable
		decode(t, e.data, &u)
		require.Equal(t, fmt.Sprintf("0.%d", n), u.Position)
		require.NotEmpty(t, u.Error)
		require.WithinDuration(t, time.Now(), u.At, time.Minute)
	}
	require.Equal(t, events.TypeBookCreated, list[2].name)

	entries := w.tail(t, "")
	require.Equal(t, "0.1", entries[1].Position)
	require.Empty(t, entries[1].Type)
	require.NotEmpty(t, entries[1].Error)
	require.Equal(t, events.TypeBookCreated, entries[2].Type)
	require.NotEmpty(t, entries[2].Error)
}

func TestShutdownDoesNotWaitForStreams(t *testing.T) {
	t.Parallel()
	w := start(t, 1, ringRecords)
	s := w.open(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	require.NoError(t, w.server.Shutdown(ctx))
	_, _, err := s.block()
	require.Error(t, err, "the stream has ended")
	require.NoError(t, ctx.Err())
}
