package command_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/command"
	"bookstore/internal/events"
	"bookstore/internal/projection"
	"bookstore/internal/web"
)

// partitions are how many the commands topic of a service has.
const partitions = 3

// service is the write side with everything around it but Kafka: its API, an
// engine that decides, and one that keeps the catalogue.
type service struct {
	t    testing.TB
	url  string
	pool *pgxpool.Pool
	log  *eventLog
	bus  *bus
}

// startService runs a service until the test ends. change, if not nil, changes
// its API first.
func startService(t testing.TB, change func(*command.API)) *service {
	t.Helper()
	pool := database(t)
	_, err := projection.Install(t.Context(), pool, projection.Catalog{})
	require.NoError(t, err)
	tracker := projection.NewTracker(pool, projection.Catalog{}.Name(), func() events.Offsets { return nil })
	catalog := startEngine(t, pool, projection.Catalog{}.Name(), projection.NewFeed(projection.Catalog{}), projection.Attached("catalog"), tracker.Advanced)

	s := &service{t: t, pool: pool}
	s.log = &eventLog{appended: func(r events.Record) { _ = catalog.Handle(context.Background(), r) }}
	outcomes := command.NewOutcomes(pool)
	s.bus = &bus{engine: startEngine(t, pool, "commands", command.NewHandler(pool, s.log, outcomes), projection.Only(1), nil)}
	background(t, outcomes.Run)
	background(t, tracker.Run)
	api := &command.API{
		Bus: s.bus, IDs: command.NewIDs(pool, onePartition), Outcomes: outcomes, ReadModel: tracker, DB: pool,
		Undecided: s.undecided, Wait: patience, MaxBodyBytes: 4 << 20,
	}
	if change != nil {
		change(api)
	}
	router := mux.NewRouter()
	api.Routes(router)
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// startEngine runs an engine with all partitions until the test ends.
func startEngine(t testing.TB, pool *pgxpool.Pool, consumer string, h projection.Handler, generations projection.Generations, advanced func(map[int32]int64)) *projection.Engine {
	t.Helper()
	e, err := projection.NewEngine(projection.Config{
		Consumer: consumer, Generations: generations, Handler: h, Pool: pool, Durable: true, Advanced: advanced,
		Logger: quiet, Metrics: projection.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(t, err)
	all := make([]int32, partitions)
	for i := range all {
		all[i] = int32(i)
	}
	_, err = e.Assign(t.Context(), all, func() {})
	require.NoError(t, err)
	background(t, e.Run)
	return e
}

// background runs something until the test ends.
func background(t testing.TB, run func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func (s *service) undecided(ctx context.Context) (bool, error) {
	next, err := projection.Checkpoints(ctx, s.pool, "commands")
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	for partition, end := range s.bus.ends {
		if end > 0 && (partition >= len(next) || next[partition] < end) {
			return true, err
		}
	}
	return false, err
}

// bus is the way to the commands topic.
type bus struct {
	engine *projection.Engine

	mu   sync.Mutex
	ends [partitions]int64
	sent []events.Issued
	fail error           // what Send fails with
	lost bool            // what Send failed for did not arrive either
	hold bool            // what was sent is not delivered yet
	held []events.Record // what waits
}

// Send implements [command.Bus].
func (b *bus) Send(ctx context.Context, c events.Issued) error {
	encoded, err := events.EncodeCommand(c.Envelope, c.Command)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost {
		return b.fail
	}
	b.sent = append(b.sent, c)
	r := events.Record{Partition: int32(c.Command.Book() % partitions), Key: encoded.Key, Value: encoded.Value, Headers: encoded.Headers}
	r.Offset = b.ends[r.Partition]
	b.ends[r.Partition]++
	b.held = append(b.held, r)
	if b.hold {
		return b.fail
	}
	if err := b.deliver(ctx); err != nil {
		return err
	}
	return b.fail
}

// deliver must be called with the lock held.
func (b *bus) deliver(ctx context.Context) error {
	for _, r := range b.held {
		if err := b.engine.Handle(ctx, r); err != nil {
			return err
		}
	}
	b.held = nil
	return nil
}

// set changes how the bus behaves; what waits is delivered unless it is to hold.
func (b *bus) set(t require.TestingT, change func(*bus)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
	if !b.hold {
		require.NoError(t, b.deliver(context.Background()))
	}
}

func (b *bus) commands() []events.Issued {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]events.Issued(nil), b.sent...)
}

// answer is what a client got.
type answer struct {
	*http.Response
	body string
}

// do sends a request. Headers are "Name: value".
func (s *service) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience+10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Content-Type" {
			request.Header.Del(name)
		}
		request.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response, string(content)}
}

// book reads the answer as a book.
func (a answer) book(t require.TestingT, status int) web.Book {
	require.Equal(t, status, a.StatusCode, a.body)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	var b web.Book
	require.NoError(t, json.Unmarshal([]byte(a.body), &b))
	return b
}

// problem reads the answer as a problem.
func (a answer) problem(t require.TestingT, status int, kind string) web.Problem {
	require.Equal(t, status, a.StatusCode, a.body)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	var p web.Problem
	require.NoError(t, json.Unmarshal([]byte(a.body), &p))
	require.Equal(t, kind, p.Type)
	require.Equal(t, status, p.Status)
	return p
}

// command reads the answer as a command's state.
func (a answer) command(t require.TestingT, status int) map[string]any {
	require.Equal(t, status, a.StatusCode, a.body)
	var c map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &c))
	return c
}

// fields are those that a problem names.
func fields(p web.Problem) []string {
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	return names
}

// emma is a body that is in order.
const emma = `{"title": "Emma", "author": "Jane Austen", "published_at": "1815-12-23", "description": "A matchmaker errs & learns."}`

// create makes a book and returns it.
func (s *service) create() web.Book {
	s.t.Helper()
	return s.do(http.MethodPost, "/api/books", emma).book(s.t, http.StatusCreated)
}
