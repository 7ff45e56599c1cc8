package feed

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/embedded"
	"bookstore/internal/events"
	"bookstore/internal/testenv"
)

func brokers(t *testing.T) []string {
	t.Helper()
	return testenv.Brokers(t)
}

func decode(t *testing.T, data string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(data), into))
}

func TestTail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokers(t), 3)
	// One after the other, so that the records' timestamps say in which order.
	for _, m := range steps(t, 5, 1, 5) {
		w.write(t, m)
		onceLater(t)
	}
	w.serve(t, ringRecords, w.log)
	w.awaitReady(t)
	require.Len(t, w.tail(t, ""), 20)
	entries := w.tail(t, "?limit=3")
	require.Len(t, entries, 3)
	for n, entry := range entries {
		require.Equal(t, int64(5-n), entry.BookID)
		require.Equal(t, int64(5), entry.Version)
		require.Equal(t, events.TypeBookUpdated, entry.Type)
		require.Equal(t, "Title "+strconv.Itoa(5-n)+".5", entry.Title)
		require.True(t, happened.Equal(entry.At))
	}
	s := w.open(t, "")
	encoded, err := events.EncodeEvent(events.Envelope{
		ID: "r", Source: events.SourceCommands, Time: happened, Actor: "ada",
		Cause: &events.Cause{CommandID: "command-1", Hash: "x", Position: events.Position{Offset: 1}},
	}, events.CommandRejected{ID: 1, CommandType: events.TypeUpdateBook, Code: events.RejectedVersion, CurrentVersion: 5})
	require.NoError(t, err)
	positions := w.write(t, encoded)
	for {
		_, _, err := s.block() // which tells that the hub has it
		require.NoError(t, err)
		break
	}
	require.Equal(t, []Entry{{
		Position: positions[0].String(), At: happened, Type: events.TypeCommandRejected, BookID: 1,
		Actor: "ada", CommandID: "command-1", Reason: "version_mismatch",
	}}, w.tail(t, "?limit=1"))
	require.Len(t, w.tail(t, "?limit=200"), 26)
	for _, bad := range []string{"0", "201", "x"} {
		require.Equal(t, "limit", w.get(t, "/api/events?limit="+bad).fault(t).Field)
	}
}

// onceLater returns when the clock, in the milliseconds of Kafka's timestamps, has
// moved.
func onceLater(t *testing.T) {
	t.Helper()
	began := time.Now().UnixMilli()
	require.Eventually(t, func() bool { return time.Now().UnixMilli() > began }, soon, time.Millisecond)
}

func TestStreamsStayOpenWhileTheLogIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokers(t), 3)
	w.write(t, steps(t, 10, 1, 3)...)
	w.serve(t, 5, w.log)
	w.awaitReady(t)
	along := w.open(t, "")
	w.net.Cut()
	// This one has to read the log, which is away.
	begins := w.open(t, "?from=beginning")
	w.write(t, steps(t, 10, 4, 6)...)
	require.Len(t, w.tail(t, ""), 5, "what is known is shown")
	w.net.Heal()
	requireAll(t, along.take(30), 10, 4, 6)
	requireAll(t, begins.take(60), 10, 1, 6)
	require.LessOrEqual(t, w.lines.count(slog.LevelWarn), 2, "once an outage, not once a try")
	require.Zero(t, w.lines.count(slog.LevelError))
}

func TestHubStartsWithoutTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokers(t), 1)
	w.write(t, steps(t, 1, 1, 3)...)
	w.net.Cut()
	w.serve(t, ringRecords, w.log)
	for _, path := range []string{"/api/events", "/api/events/stream"} {
		a := w.get(t, path)
		require.Equal(t, http.StatusServiceUnavailable, a.status)
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
	w.net.Heal()
	w.awaitReady(t)
	require.Len(t, w.tail(t, ""), 3)
}

func TestHubSurvivesARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(port int) *embedded.Kafka {
		kafka, err := embedded.StartKafka(t.Context(), embedded.KafkaConfig{DataDir: dir, Port: port, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(kafka.Close)
		return kafka
	}
	kafka := run(0)
	_, port, err := net.SplitHostPort(kafka.Addr())
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	w := newWorld(t, []string{kafka.Addr()}, 2)
	w.serve(t, 5, w.log)
	w.awaitReady(t)
	s := w.open(t, "")
	w.write(t, steps(t, 10, 1, 2)...)
	requireAll(t, s.take(20), 10, 1, 2)
	kafka.Close()
	again := run(number)
	w.write(t, steps(t, 10, 3, 4)...)
	requireAll(t, s.take(20), 10, 3, 4)
	requireAll(t, w.open(t, "?from=beginning").take(40), 10, 1, 4)
	require.NotNil(t, again)
}

// The description of the API is written by hand. It says what is promised, so it and
// what is sent must have the same members.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "web", "openapi.json"))
	require.NoError(t, err)
	var described struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
	require.NoError(t, json.Unmarshal(document, &described))
	for name, answer := range map[string]any{"LogEntry": Entry{}, "CatalogueChange": Change{}, "UnreadableRecord": Unreadable{}} {
		var all, always []string
		for field := range reflect.TypeOf(answer).Fields() {
			member, option, _ := strings.Cut(field.Tag.Get("json"), ",")
			all = append(all, member)
			if option != "omitempty" {
				always = append(always, member)
			}
		}
		schema := described.Components.Schemas[name]
		require.ElementsMatch(t, all, slices.Collect(maps.Keys(schema.Properties)), name)
		require.ElementsMatch(t, always, schema.Required, name)
	}
}
