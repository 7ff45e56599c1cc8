package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/telemetry"
	"bookstore/internal/testenv"
)

// recorder is a consumer that keeps what it gets and checks what it is promised.
type recorder struct {
	t testing.TB

	mu       sync.Mutex
	from     map[int32]int64 // where to begin; partitions that are missing at the oldest
	assigned map[int32]bool
	giveUp   func()
	records  []events.Record
	running  map[int32]bool // calls of Handle, by partition
	closed   bool

	assign func() error                               // may fail Assign
	handle func(context.Context, events.Record) error // may fail or delay Handle

	assignments chan []int32 // of each Assign that succeeded
	revocations chan []int32
	handled     chan events.Record
}

func newRecorder(t testing.TB) *recorder {
	t.Helper()
	return &recorder{
		t: t, from: make(map[int32]int64), assigned: make(map[int32]bool), running: make(map[int32]bool),
		assign:      func() error { return nil },
		handle:      func(context.Context, events.Record) error { return nil },
		assignments: make(chan []int32, 1000), revocations: make(chan []int32, 1000),
		handled: make(chan events.Record, 100_000),
	}
}

func (r *recorder) Assign(_ context.Context, partitions []int32, giveUp func()) (map[int32]int64, error) {
	if err := r.assign(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.giveUp = giveUp
	next := make(map[int32]int64)
	for _, p := range partitions {
		r.assigned[p] = true
		if offset, ok := r.from[p]; ok {
			next[p] = offset
		}
	}
	r.assignments <- partitions
	return next, nil
}

func (r *recorder) Revoke(partitions []int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range partitions {
		if r.running[p] {
			r.t.Errorf("partition %d is revoked while a record of it is handled", p)
		}
		delete(r.assigned, p)
	}
	r.revocations <- partitions
}

func (r *recorder) Handle(ctx context.Context, record events.Record) error {
	p := record.Partition
	r.mu.Lock()
	if r.running[p] || !r.assigned[p] || r.closed {
		r.t.Errorf("record %s: running %v, assigned %v, closed %v", record.Position(), r.running[p], r.assigned[p], r.closed)
	}
	r.running[p] = true
	r.mu.Unlock()

	err := r.handle(ctx, record)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.running[p] = false
	if err != nil {
		return err
	}
	r.records = append(r.records, record)
	r.from[p] = record.Offset + 1
	r.handled <- record
	return nil
}

// wait waits until n more records have been handled.
func (r *recorder) wait(n int) []events.Record {
	r.t.Helper()
	records := make([]events.Record, n)
	for i := range records {
		records[i] = await(r.t, r.handled, fmt.Sprintf("record %d of %d", i+1, n))
	}
	return records
}

// offsets returns the offsets that were handled, by partition, in that order.
func (r *recorder) offsets() map[int32][]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	offsets := make(map[int32][]int64)
	for _, record := range r.records {
		offsets[record.Partition] = append(offsets[record.Partition], record.Offset)
	}
	return offsets
}

// running is a router at work.
type running struct {
	*messaging.Router
	registry *prometheus.Registry
	stop     func()
}

// run starts a router with the consumer in group, and stops it with the test.
func (s setup) run(t testing.TB, group string, c *recorder) running {
	t.Helper()
	r := running{registry: prometheus.NewRegistry()}
	var err error
	r.Router, err = messaging.NewRouter(s.cfg, r.registry)
	require.NoError(t, err)
	require.NoError(t, r.AddConsumer("test", s.topic, group, c))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(context.Background()) }()
	r.stop = sync.OnceFunc(func() {
		require.NoError(t, r.Close())
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		require.NoError(t, await(t, ended, "the end of Run"))
	})
	t.Cleanup(r.stop)
	return r
}

func (r running) state(t testing.TB) messaging.ConsumerState {
	t.Helper()
	states := r.States()
	require.Len(t, states, 1)
	return states[0]
}

func TestConsumerGetsAllInOrder(t *testing.T) {
	t.Parallel()
	const partitions, count = 4, 2000
	s := newSetup(t, partitions)
	w := s.writer(t)
	positions := write(t, w, notes(0, count/2)...)

	c := newRecorder(t)
	r := s.run(t, s.topic, c)
	require.Len(t, await(t, c.assignments, "partitions"), partitions)
	positions = append(positions, write(t, w, notes(count/2, count/2)...)...)
	got := c.wait(count)
	for _, offsets := range c.offsets() {
		for i, offset := range offsets {
			require.EqualValues(t, i, offset)
		}
	}
	at := make(map[events.Position]events.Record)
	for _, record := range got {
		at[record.Position()] = record
	}
	for i, sent := range notes(0, count) {
		record := at[positions[i]]
		got := events.Encoded{Key: record.Key, Value: record.Value, Headers: record.Headers}
		require.Equal(t, sent, got)
		require.Equal(t, s.topic, record.Topic)
		require.WithinDuration(t, time.Now(), record.Timestamp, time.Minute)
	}

	require.Equal(t, messaging.ConsumerState{
		Name: "test", Topic: s.topic, Group: s.topic, Joined: true, Partitions: []int32{0, 1, 2, 3},
	}, r.state(t))
	received, err := testutil.GatherAndCount(r.registry, "bookstore_consumer_received_total", "bookstore_consumer_handle_seconds")
	require.NoError(t, err)
	require.Equal(t, 2, received)
	require.Zero(t, s.log.count(""), "quiet when all is well")
}

func TestConsumerBeginsWhereItSays(t *testing.T) {
	t.Parallel()
	const partitions = 4
	s := newSetup(t, partitions)
	ends := make(events.Offsets, partitions)
	for _, p := range write(t, s.writer(t), notes(0, 400)...) {
		ends[p.Partition] = max(ends[p.Partition], p.Offset+1)
	}
	group := s.topic

	// Forwards: the group knows nothing yet. Backwards: it is at the end. And both
	// at once, which Kafka's own positions never need.
	for round, share := range []float64{0.5, 0.25, 0, 0.75} {
		c := newRecorder(t)
		want := 0
		for p, end := range ends {
			begin := int64(float64(end) * share)
			if p%2 == 1 {
				begin = end - begin // the others the other way
			}
			c.from[int32(p)] = begin
			want += int(end - begin)
		}
		begins := maps.Clone(c.from)
		r := s.run(t, group, c)
		c.wait(want)
		for p, offsets := range c.offsets() {
			require.Equal(t, begins[p], offsets[0], "round %d, partition %d", round, p)
			require.Equal(t, ends[p]-1, offsets[len(offsets)-1])
			require.Len(t, offsets, int(ends[p]-begins[p]))
		}
		r.stop()
		require.Len(t, await(t, c.revocations, "revocation"), partitions)
	}
}

func TestNothingIsConsumedWithoutAPosition(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	write(t, s.writer(t), notes(0, 10)...)
	c := newRecorder(t)
	errNoDatabase := errors.New("the database is away")
	var tries atomic.Int32
	c.assign = func() error {
		if tries.Add(1) <= 3 {
			return errNoDatabase
		}
		return nil
	}
	r := s.run(t, s.topic, c)
	require.Eventually(t, func() bool { return errors.Is(r.state(t).Err, errNoDatabase) }, soon, time.Millisecond)
	c.wait(10)
	require.EqualValues(t, 4, tries.Load())
	require.NoError(t, r.state(t).Err)
	require.Equal(t, 1, s.log.count("level=WARN"), "one line for one outage")
	require.Equal(t, 1, s.log.count("getting on again"))
}

func TestLostLogIsNoReasonToJump(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	write(t, s.writer(t), notes(0, 10)...)
	c := newRecorder(t)
	c.from[0] = 11
	r := s.run(t, s.topic, c)

	var lost *messaging.LostLogError
	require.Eventually(t, func() bool { return errors.As(r.state(t).Err, &lost) }, soon, time.Millisecond)
	require.Equal(t, &messaging.LostLogError{Topic: s.topic, Partition: 0, Checkpoint: 11, Oldest: 0, Newest: 10}, lost)
	for range 2 { // it is tried again, and let go each time
		await(t, c.assignments, "assignment")
		await(t, c.revocations, "revocation")
	}
	require.Empty(t, c.handled)
	require.Equal(t, 1, s.log.count("level=ERROR", "position=11", "newest=10"))

	// The log has got there by itself.
	write(t, s.writer(t), notes(10, 2)...)
	require.EqualValues(t, 11, c.wait(1)[0].Offset)
	require.NoError(t, r.state(t).Err)
}

func TestGivingUpAssignsAnew(t *testing.T) {
	t.Parallel()
	const partitions = 3
	s := newSetup(t, partitions)
	write(t, s.writer(t), notes(0, 300)...)
	c := newRecorder(t)
	s.run(t, s.topic, c)
	c.wait(300)

	c.mu.Lock()
	c.records = nil
	for p := range int32(partitions) {
		c.from[p] = 0 // somebody has moved the positions
	}
	giveUp := c.giveUp
	c.mu.Unlock()
	giveUp()
	giveUp() // once more does no harm
	c.wait(300)
	for _, offsets := range c.offsets() {
		require.Zero(t, offsets[0])
	}
}

func TestFailedRecordComesAgainBeforeLaterOnes(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	write(t, s.writer(t), notes(0, 20)...)
	c := newRecorder(t)
	var calls atomic.Int32
	c.handle = func(_ context.Context, r events.Record) error {
		if r.Offset != 5 {
			return nil
		}
		switch calls.Add(1) {
		case 1:
			return errors.New("not now")
		case 2:
			// The recorder would otherwise believe that this call is still running.
			defer func() { c.mu.Lock(); c.running[0] = false; c.mu.Unlock() }()
			panic("not now either")
		}
		return nil
	}
	r := s.run(t, s.topic, c)
	for i, record := range c.wait(20) {
		require.EqualValues(t, i, record.Offset)
	}
	require.EqualValues(t, 3, calls.Load())
	require.Equal(t, 2, s.log.count("level=WARN", "position=0.5", "consumer=test"))
	r.stop() // the last one is counted after it was handled
	require.NoError(t, testutil.GatherAndCompare(r.registry, strings.NewReader(`
# HELP bookstore_consumer_failed_total Records that a consumer failed to take over.
# TYPE bookstore_consumer_failed_total counter
bookstore_consumer_failed_total{consumer="test"} 2
# HELP bookstore_consumer_received_total Records offered to a consumer, again after a failure included.
# TYPE bookstore_consumer_received_total counter
bookstore_consumer_received_total{consumer="test"} 22
`), "bookstore_consumer_failed_total", "bookstore_consumer_received_total"))
}

func TestConsumersOfAGroupShareThePartitions(t *testing.T) {
	t.Parallel()
	const partitions = 6
	s := newSetup(t, partitions)
	w := s.writer(t)
	first, second := newRecorder(t), newRecorder(t)

	a := s.run(t, s.topic, first)
	require.Len(t, await(t, first.assignments, "all"), partitions)
	b := s.run(t, s.topic, second)
	require.Len(t, await(t, second.assignments, "half"), partitions/2)
	require.Eventually(t, func() bool { return len(a.state(t).Partitions) == partitions/2 }, soon, time.Millisecond)
	require.Empty(t, intersection(a.state(t).Partitions, b.state(t).Partitions))

	write(t, w, notes(0, 600)...)
	require.Eventually(t, func() bool { return len(first.handled)+len(second.handled) == 600 }, soon, time.Millisecond)

	// One leaves in good order: the other has all.
	b.stop()
	left := time.Now()
	require.Eventually(t, func() bool { return len(a.state(t).Partitions) == partitions }, soon, time.Millisecond)
	require.Less(t, time.Since(left), 4*time.Second, "without waiting for a session to time out")
}

func intersection(a, b []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(a), func(p int32) bool { return !slices.Contains(b, p) })
}

func TestPartitionsOfAVanishedProcessMove(t *testing.T) {
	t.Parallel()
	const partitions = 4
	s := newSetup(t, partitions)
	vanishing := s
	vanishing.net = &testenv.FaultyNet{}
	vanishing.cfg.Dialer = vanishing.net
	t.Cleanup(vanishing.net.Heal)
	first, second := newRecorder(t), newRecorder(t)

	a := s.run(t, s.topic, first)
	await(t, first.assignments, "all")
	vanishing.run(t, s.topic, second)
	await(t, second.assignments, "half")
	require.Eventually(t, func() bool { return len(a.state(t).Partitions) == partitions/2 }, soon, time.Millisecond)

	vanishing.net.Freeze() // as for the others, a killed process on a machine that is gone
	began := time.Now()
	require.Eventually(t, func() bool { return len(a.state(t).Partitions) == partitions }, 2*soon, 10*time.Millisecond)
	require.Less(t, time.Since(began), 15*time.Second)
	t.Logf("moved after %v", time.Since(began))
	vanishing.net.Heal() // it closes sooner
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 3)
	c := newRecorder(t)
	began := make(chan struct{}, 3)
	c.handle = func(ctx context.Context, _ events.Record) error {
		began <- struct{}{}
		<-ctx.Done() // full, and nobody makes room
		return ctx.Err()
	}
	r := s.run(t, s.topic, c)
	await(t, c.assignments, "partitions")
	write(t, s.writer(t), notes(0, 300)...)
	for range 3 {
		await(t, began, "a call of Handle")
	}
	stopped := time.Now()
	r.stop() // the recorder fails the test if it is called from here on
	require.Less(t, time.Since(stopped), 5*time.Second)
	require.Len(t, await(t, c.revocations, "revocation"), 3)
	require.Empty(t, c.handled)

	// Nothing of it is lost.
	again := newRecorder(t)
	s.run(t, s.topic, again)
	again.wait(300)
}

func TestRebalanceDoesNotWaitForAFullConsumer(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 2)
	write(t, s.writer(t), notes(0, 100)...)
	full, other := newRecorder(t), newRecorder(t)
	full.handle = func(ctx context.Context, _ events.Record) error {
		<-ctx.Done()
		return ctx.Err()
	}
	s.run(t, s.topic, full)
	await(t, full.assignments, "all")
	s.run(t, s.topic, other)
	require.Len(t, await(t, other.assignments, "half"), 1)
}

func TestConsumerStartsWithoutABroker(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	write(t, s.direct().writer(t), notes(0, 3)...)
	s.net.Cut()
	c := newRecorder(t)
	r := s.run(t, s.topic, c)
	require.Eventually(t, func() bool { return r.state(t).Err != nil }, soon, time.Millisecond)
	require.False(t, r.state(t).Joined)
	s.net.Heal()
	c.wait(3)
}

func TestConsumerClosesWithoutABroker(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	s.net.Cut()
	c := newRecorder(t)
	r := s.run(t, s.topic, c)
	require.Eventually(t, func() bool { return r.state(t).Err != nil }, soon, time.Millisecond)
	began := time.Now()
	r.stop()
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestConsumerSurvivesOutages(t *testing.T) {
	t.Parallel()
	const rounds, batch = 4, 200
	s := newSetup(t, 3)
	w := s.direct().writer(t)
	c := newRecorder(t)
	s.run(t, s.topic, c)
	await(t, c.assignments, "partitions")

	for round := range rounds {
		disturb := []func(){s.net.Cut, s.net.Freeze}[round%2]
		disturb()
		write(t, w, notes(round*batch, batch)...)
		s.net.Heal()
		write(t, w, notes((rounds+round)*batch, batch)...)
		healed := time.Now()
		require.Eventually(t, func() bool { return distinct(c.offsets()) == 2*batch*(round+1) }, 2*soon, time.Millisecond)
		t.Logf("round %d: on after %v", round, time.Since(healed))
	}
	for _, offsets := range c.offsets() {
		require.True(t, slices.IsSorted(offsets))
		require.Len(t, slices.Compact(offsets), len(offsets), "each begins where the last one ended")
	}
}

func distinct(offsets map[int32][]int64) int {
	n := 0
	for _, o := range offsets {
		n += len(slices.Compact(slices.Sorted(slices.Values(o))))
	}
	return n
}

func TestHandleKnowsTraceAndCorrelation(t *testing.T) {
	t.Parallel()
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	s := newSetup(t, 1)
	c := newRecorder(t)
	ids := make(chan string, 1)
	c.handle = func(ctx context.Context, _ events.Record) error {
		ids <- telemetry.CorrelationID(ctx) + " " + telemetry.Traceparent(ctx)
		return nil
	}
	s.run(t, s.topic, c)
	m := note("k", 1)
	m.Headers = append(m.Headers, events.Header{Key: events.HeaderCorrelationID, Value: "r-1"},
		events.Header{Key: events.HeaderTraceparent, Value: traceparent})
	write(t, s.writer(t), m)
	require.Equal(t, "r-1 "+traceparent, await(t, ids, "ids"))
}

func TestRouterThatNeverRanCloses(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	r, err := messaging.NewRouter(s.cfg, prometheus.NewRegistry())
	require.NoError(t, err)
	require.NoError(t, r.AddConsumer("a", s.topic, "g", newRecorder(t)))
	require.Error(t, r.AddConsumer("a", s.topic, "g", newRecorder(t)), "names are unique")
	require.NoError(t, r.Close())
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSetup(t, 1)
	c := newRecorder(t)
	r, err := messaging.NewRouter(s.cfg, prometheus.NewRegistry())
	require.NoError(t, err)
	require.NoError(t, r.AddConsumer("test", s.topic, s.topic, c))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	await(t, c.assignments, "partitions")
	cancel()
	require.NoError(t, await(t, ended, "the end of Run"))
	require.Len(t, c.revocations, 1)
	require.NoError(t, r.Close())
}

// Idle, one record at a time: from the call of Append to that of Handle.
func BenchmarkLatency(b *testing.B) {
	s := newSetup(b, 12).direct()
	c := newRecorder(b)
	s.run(b, s.topic, c)
	await(b, c.assignments, "partitions")
	w := s.writer(b)
	write(b, w, note("0", 0))
	c.wait(1)

	var appended, handled []time.Duration
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		_, err := w.Append(b.Context(), []events.Encoded{note(strconv.Itoa(n%100), n)})
		require.NoError(b, err)
		appended = append(appended, time.Since(began))
		c.wait(1)
		handled = append(handled, time.Since(began))
	}
	for what, took := range map[string][]time.Duration{"append": appended, "handle": handled} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us-"+what)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us-"+what)
	}
}

func BenchmarkConsume(b *testing.B) {
	s := newSetup(b, 12).direct()
	w := s.writer(b)
	const batch = 1000
	messages := notes(0, batch)
	for i := range messages {
		messages[i].Value = make([]byte, 500)
	}
	count := max(b.N, 1)/batch + 1
	for range count {
		write(b, w, messages...)
	}
	c := newRecorder(b)
	c.handled = make(chan events.Record, count*batch)
	b.ResetTimer()
	s.run(b, s.topic, c)
	await(b, c.assignments, "partitions")
	began := time.Now()
	c.wait(count * batch)
	b.ReportMetric(float64(count*batch)/time.Since(began).Seconds(), "records/s")
}
