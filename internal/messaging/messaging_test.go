package messaging_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/testenv"
)

func TestMain(m *testing.M) {
	// Sarama's metrics library has one goroutine for all of them, and no end to it.
	testenv.Main(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// soon is how long a test waits for what should be quick. It is generous: the
// machine is shared.
const soon = 20 * time.Second

// setup is a topic of the test's own on the test broker, reached through a
// network that the test may disturb.
type setup struct {
	cfg   messaging.Config
	net   *testenv.FaultyNet
	topic string
	log   *logLines
}

func newSetup(t testing.TB, partitions int) setup {
	t.Helper()
	s := setup{net: &testenv.FaultyNet{}, topic: testenv.Name(t), log: &logLines{}}
	s.cfg = messaging.Config{
		Brokers: testenv.Brokers(t),
		Dialer:  s.net,
		Logger:  slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	direct := s.cfg
	direct.Dialer = nil
	specs := []events.TopicSpec{{Name: s.topic, Retention: events.KeepForever, MinRetention: events.KeepForever}}
	require.NoError(t, messaging.EnsureTopics(within(t, soon), direct, specs, partitions))
	t.Cleanup(s.net.Heal) // else what is still to be closed would wait for a frozen broker
	return s
}

// direct is the same topic through an undisturbed network.
func (s setup) direct() setup {
	s.cfg.Dialer = nil
	return s
}

func (s setup) publisher(t testing.TB) *messaging.Publisher {
	t.Helper()
	p, err := messaging.NewPublisher(s.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func (s setup) writer(t testing.TB) messaging.Writer {
	t.Helper()
	return messaging.Writer{Publisher: s.publisher(t), Topic: s.topic}
}

// contents reads all there is in the topic, by partition.
func (s setup) contents(t testing.TB) [][]events.Record {
	t.Helper()
	broker, err := messaging.NewBroker(s.direct().cfg)
	require.NoError(t, err)
	defer broker.Close()
	ctx := within(t, soon)
	_, newest, err := broker.Watermarks(ctx, s.topic)
	require.NoError(t, err)
	found := make([][]events.Record, len(newest))
	require.NoError(t, messaging.ReadLog(ctx, s.direct().cfg, s.topic, nil, newest, func(r events.Record) error {
		found[r.Partition] = append(found[r.Partition], r)
		return nil
	}))
	return found
}

// within is the test's context, with an end.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// note is a message whose value and id are both its number.
func note(key string, number int) events.Encoded {
	value := fmt.Sprint(number)
	return events.Encoded{
		Key: []byte(key), Value: []byte(value),
		Headers: []events.Header{{Key: events.HeaderID, Value: value}},
	}
}

// notes numbers messages from first on, over ten keys.
func notes(first, count int) []events.Encoded {
	out := make([]events.Encoded, count)
	for i := range out {
		out[i] = note(fmt.Sprint((first+i)%10), first+i)
	}
	return out
}

// write appends messages and fails the test if that fails.
func write(t testing.TB, w messaging.Writer, messages ...events.Encoded) []events.Position {
	t.Helper()
	positions, err := w.Append(within(t, soon), messages)
	require.NoError(t, err)
	require.Len(t, positions, len(messages))
	return positions
}

func values(records []events.Record) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = string(r.Value)
	}
	return out
}

// await waits for a value on a channel.
func await[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(soon):
		require.FailNow(t, "waited in vain", what)
		panic("unreachable")
	}
}

// logLines collects what is logged.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// count says how many lines have all the given texts.
func (l *logLines) count(texts ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range bytes.Lines(l.buf.Bytes()) {
		if !slices.ContainsFunc(texts, func(s string) bool { return !bytes.Contains(line, []byte(s)) }) {
			n++
		}
	}
	return n
}
