package feed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/telemetry"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// soon is how long a test waits for what should be quick. It is generous: the machine
// is shared.
const soon = time.Minute

// world is a topic of the test's own on a real broker, and a hub behind a real server.
type world struct {
	cfg    messaging.Config // of who writes; the hub's goes through net
	topic  string
	net    *testenv.FaultyNet
	log    *countedLog
	hub    *Hub
	server *web.Server
	url    string
	client *http.Client
	lines  *logLines
	writer messaging.Writer
}

// newWorld makes a topic; there is no hub before serve.
func newWorld(t *testing.T, brokers []string, partitions int) *world {
	t.Helper()
	w := &world{
		cfg:   messaging.Config{Brokers: brokers, Logger: slog.New(slog.DiscardHandler)},
		topic: testenv.Name(t), net: &testenv.FaultyNet{}, lines: &logLines{}, client: &http.Client{Transport: &http.Transport{}},
	}
	specs := []events.TopicSpec{{Name: w.topic, Retention: events.KeepForever, MinRetention: events.KeepForever}}
	require.NoError(t, messaging.EnsureTopics(within(t), w.cfg, specs, partitions))
	publisher, err := messaging.NewPublisher(w.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, publisher.Close()) })
	w.writer = messaging.Writer{Publisher: publisher, Topic: w.topic}
	disturbed := w.cfg
	disturbed.Dialer = w.net
	w.log = &countedLog{cfg: disturbed, topic: w.topic}
	return w
}

// serve runs a hub whose ring has so many records, on the log that is given.
func (w *world) serve(t *testing.T, records int, log Log) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(w.lines, nil))
	w.hub = NewHub(log, logger)
	w.hub.records = records
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.hub.Run(ctx) })
	t.Cleanup(func() {
		w.net.Heal() // else what is to be closed would wait for a frozen broker
		cancel()
		running.Wait()
	})
	server, err := web.New(web.Config{
		Logger: logger, Registry: telemetry.NewRegistry(), MaxBodyBytes: 1 << 10,
		// Nothing here may depend on how long a request may take.
		Timeouts: web.Timeouts{ReadHeader: time.Second, Read: time.Second, Handle: 2 * patience, Idle: soon},
	})
	require.NoError(t, err)
	w.hub.Routes(server.Router())
	require.NoError(t, server.Listen("127.0.0.1:0"))
	w.server, w.url = server, "http://"+server.Addr().String()
	running.Go(func() { _ = server.Serve() })
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		require.NoError(t, server.Shutdown(context.Background()))
	})
}

// start is a world on the shared broker with a hub that is ready.
func start(t *testing.T, partitions, records int) *world {
	t.Helper()
	w := newWorld(t, testenv.Brokers(t), partitions)
	w.serve(t, records, w.log)
	w.awaitReady(t)
	return w
}

func (w *world) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-w.hub.ready:
	case <-time.After(soon):
		require.FailNow(t, "the hub does not get ready")
	}
}

// countedLog is the topic, and counts the stretches that are read of it.
type countedLog struct {
	cfg       messaging.Config
	topic     string
	stretches atomic.Int64
}

func (l *countedLog) Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error) {
	broker, err := messaging.NewBroker(l.cfg)
	if err != nil {
		return nil, nil, err
	}
	defer broker.Close()
	return broker.Watermarks(ctx, l.topic)
}

func (l *countedLog) Read(ctx context.Context, from, to events.Offsets, fn func(events.Record) error) error {
	if to != nil {
		l.stretches.Add(1)
	}
	return messaging.ReadLog(ctx, l.cfg, l.topic, from, to, fn)
}

// within is a context for what should be quick.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	return ctx
}

// happened is when all events of tests happen.
var happened = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func encode(t *testing.T, id string, event events.Event) events.Encoded {
	t.Helper()
	encoded, err := events.EncodeEvent(events.Envelope{ID: id, Source: events.SourceCommands, Time: happened}, event)
	require.NoError(t, err)
	return encoded
}

// steps are the versions from first to last of each of some books, in an order in which
// each book's follow each other.
func steps(t *testing.T, books int, first, last int64) []events.Encoded {
	t.Helper()
	var out []events.Encoded
	for version := first; version <= last; version++ {
		for book := range int64(books) {
			id := fmt.Sprintf("%d.%d", book+1, version)
			details := events.Details{Title: "Title " + id, Author: "Anne Brontë"}
			if version == 1 {
				out = append(out, encode(t, id, events.BookCreated{ID: book + 1, Version: version, Details: details, CreatedAt: happened}))
				continue
			}
			out = append(out, encode(t, id, events.BookUpdated{ID: book + 1, Version: version, Details: details, UpdatedAt: happened}))
		}
	}
	return out
}

// rejection is a record that changes nothing.
func rejection(t *testing.T, book int64) events.Encoded {
	t.Helper()
	return encode(t, "rejected", events.CommandRejected{
		ID: book, CommandType: events.TypeUpdateBook, Code: events.RejectedVersion, CurrentVersion: 1, RejectedAt: happened,
	})
}

func (w *world) write(t *testing.T, messages ...events.Encoded) []events.Position {
	t.Helper()
	positions, err := w.writer.Append(within(t), messages)
	require.NoError(t, err)
	return positions
}

// received is an event as EventSource dispatches it.
type received struct {
	id, name, data string
}

// source reads a stream as EventSource does (WHATWG HTML, section 9.2.6).
type source struct {
	t      *testing.T
	body   *bufio.Reader
	lastID string
	close  func()
}

// open connects; headers are name and value in turn.
func (w *world) open(t *testing.T, query string, headers ...string) *source {
	t.Helper()
	return w.openWith(t, w.client, query, headers...)
}

func (w *world) openWith(t *testing.T, client *http.Client, query string, headers ...string) *source {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*soon)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/api/events/stream"+query, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	s := &source{t: t, body: bufio.NewReader(response.Body), close: cancel}
	for s.lastID == "" { // it begins with where it begins
		_, dispatched, err := s.block()
		require.NoError(t, err)
		require.False(t, dispatched)
	}
	return s
}

// block reads up to an empty line.
func (s *source) block() (e received, dispatched bool, err error) {
	var data []string
	for {
		line, err := s.body.ReadString('\n')
		if err != nil {
			return received{}, false, err
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			e.id, e.data = s.lastID, strings.Join(data, "\n")
			return e, data != nil, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			s.lastID = value
		case "event":
			e.name = value
		case "data":
			data = append(data, value)
		}
	}
}

// next waits for an event.
func (s *source) next() received {
	s.t.Helper()
	for {
		e, dispatched, err := s.block()
		require.NoError(s.t, err)
		if dispatched {
			return e
		}
	}
}

// take waits for so many events.
func (s *source) take(count int) []received {
	s.t.Helper()
	out := make([]received, count)
	for i := range out {
		out[i] = s.next()
	}
	return out
}

// ids are those of CloudEvents.
func ids(t *testing.T, list []received) []string {
	t.Helper()
	out := make([]string, len(list))
	for i, e := range list {
		var change struct {
			ID string `json:"id"`
		}
		require.NoError(t, json.Unmarshal([]byte(e.data), &change))
		out[i] = change.ID
	}
	return out
}

// requireAll checks that each book's versions from first to last are there, once, and in
// order.
func requireAll(t *testing.T, list []received, books int, first, last int64) {
	t.Helper()
	next := make(map[string]int64, books)
	for _, id := range ids(t, list) {
		book, version, _ := strings.Cut(id, ".")
		if _, seen := next[book]; !seen {
			next[book] = first
		}
		require.Equal(t, strconv.FormatInt(next[book], 10), version, "book %s", book)
		next[book]++
	}
	require.Len(t, next, books)
	for book, next := range next {
		require.Equal(t, last+1, next, "book %s", book)
	}
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks for something that ends.
func (w *world) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), http.MethodGet, w.url+path, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, body}
}

// fault checks that the answer is a 400 about one field and returns that.
func (a answer) fault(t *testing.T) web.FieldError {
	t.Helper()
	require.Equal(t, http.StatusBadRequest, a.status, string(a.body))
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var problem web.Problem
	require.NoError(t, json.Unmarshal(a.body, &problem))
	require.Len(t, problem.Errors, 1)
	return problem.Errors[0]
}

// tail asks for the log's last entries.
func (w *world) tail(t *testing.T, query string) []Entry {
	t.Helper()
	a := w.get(t, "/api/events"+query)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	var entries []Entry
	require.NoError(t, json.Unmarshal(a.body, &entries))
	return entries
}

// logLines is what was logged.
type logLines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// count returns how many lines have a level.
func (l *logLines) count(level slog.Level) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.out.Bytes(), []byte("level="+level.String()))
}
