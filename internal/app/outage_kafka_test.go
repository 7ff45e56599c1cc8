package app_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/testenv"
	"bookstore/internal/web"
)

// What the service promises while something that it needs is away.
const (
	firstRefusal  = 2500 * time.Millisecond // a write that finds out
	laterRefusals = 500 * time.Millisecond  // those after it
	recovery      = 15 * time.Second        // once it is back
)

// outageSearches stands for five minutes: it is the number that makes an outage
// long, not the time.
const outageSearches = 5000

// TestKafkaAway has a broker that is gone, and one that answers nothing, while the
// service is searched and written to.
func TestKafkaAway(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*testenv.FaultyNet){
		"cut":    (*testenv.FaultyNet).Cut,
		"frozen": (*testenv.FaultyNet).Freeze,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faulty testenv.FaultyNet
			b := newBookstore(t)
			service := b.start(t, func(_ *config.Config, o *app.Options) { o.Dialer = &faulty })
			t.Cleanup(faulty.Heal) // before the service is closed
			c := newCaller(t, service.URL())
			for i := range 20 {
				c.create(events.Details{Title: fmt.Sprintf("Volume %d", i), Author: "Herman Melville"})
			}
			asked := &searchLoad{caller: c}
			before := asked.run(outageSearches / 10)

			fail(&faulty)
			refused := c.writeInVain()
			during := asked.run(outageSearches)
			ready := c.get("/readyz", nil)
			require.Equal(t, http.StatusOK, ready.status, "searches are answered: %s", ready.body)
			require.LessOrEqual(t, during, max(3*before, before+3*time.Millisecond), "searches notice the outage; before: %s", before)

			faulty.Heal()
			healed := time.Now()
			await(t, recovery, "writes do not recover", func() bool {
				return c.do(http.MethodPost, "/api/books", nil, mobyDick).status == http.StatusCreated
			})
			writable := time.Since(healed)
			asked.requirePublished(b)
			t.Logf("median of a search: %s before, %s during; writes after %s, all %d searches on the topic after %s",
				before, during, writable, len(asked.answered), time.Since(healed))

			pool := b.connect(t)
			b.awaitApplied(t, pool, recovery)
			for _, w := range refused {
				w.requireKept(c)
			}
			b.awaitApplied(t, pool, recovery)
			b.requireVerified(t, pool)
		})
	}
}

// searchLoad is one reader that asks one search after the other.
type searchLoad struct {
	caller
	answered [][sha256.Size]byte // what must be on the topic, in this order
}

// run makes n searches and returns how long the median took.
func (s *searchLoad) run(n int) time.Duration {
	s.t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		number := len(s.answered)
		path := fmt.Sprintf("/api/books?q=volume&uid=reader%d&o=%d", number%10, number%7)
		began := time.Now()
		a := s.get(path, headers{web.HeaderRequestID: strconv.Itoa(number)})
		took[i] = time.Since(began)
		require.Equal(s.t, http.StatusOK, a.status, string(a.body))
		s.answered = append(s.answered, sha256.Sum256([]byte(asPublished(decode[[]web.Book](s.t, a)))))
	}
	return median(took)
}

// requirePublished waits until all searches are on the topic, as they were served and
// in the order in which they were.
func (s *searchLoad) requirePublished(b bookstore) {
	s.t.Helper()
	var from events.Offsets
	seen := make(map[int]string) // ce_id
	last := make(map[int32]int)  // by partition
	await(s.t, recovery, "answered searches are not on the topic", func() bool {
		topic, end := b.searches(s.t, from)
		from = end
		for _, p := range topic {
			number, err := strconv.Atoi(p.CorrelationID)
			require.NoError(s.t, err)
			require.Equal(s.t, s.answered[number], sha256.Sum256(p.record.Value), "search %d is not on the topic as it was served", number)
			require.Equal(s.t, fmt.Sprintf("volume:reader%d", number%10), string(p.record.Key))
			if id, again := seen[number]; again {
				require.Equal(s.t, id, p.ID, "search %d is there twice and not the same", number)
				continue
			}
			seen[number] = p.ID
			if before, any := last[p.record.Partition]; any {
				require.Less(s.t, before, number, "searches are out of order")
			}
			last[p.record.Partition] = number
		}
		return len(seen) == len(s.answered)
	})
}

// refusedWrite is one that was answered 503.
type refusedWrite struct {
	key     string
	details events.Details
	unsure  bool // it may have been written
}

// writeInVain writes while that is not possible.
func (c caller) writeInVain() []refusedWrite {
	c.t.Helper()
	const slow, fast = 2, 10
	var writes []refusedWrite
	for i := range slow + fast {
		word := fmt.Sprintf("unwritten%02d", i)
		w := refusedWrite{key: word, details: events.Details{Title: word, Author: "Nobody"}}
		began := time.Now()
		a := c.do(http.MethodPost, "/api/books", headers{web.HeaderIdempotencyKey: w.key}, w.details)
		took := time.Since(began)
		require.Equal(c.t, http.StatusServiceUnavailable, a.status, string(a.body))
		require.NotEmpty(c.t, a.header.Get("Retry-After"))
		if i < slow {
			require.LessOrEqual(c.t, took, firstRefusal)
		} else {
			require.LessOrEqual(c.t, took, laterRefusals)
		}
		w.unsure = problemType(a) != web.TypeUnavailable
		writes = append(writes, w)
	}
	require.False(c.t, writes[len(writes)-1].unsure, "one that was not tried is surely not written")
	return writes
}

// requireKept makes sure that the service meant what it said of a write that it
// refused, and that repeating it takes effect once.
func (w refusedWrite) requireKept(c caller) {
	c.t.Helper()
	count := func() int { return len(decode[[]web.Book](c.t, c.get("/api/books?q="+w.details.Title, nil))) }
	if w.unsure {
		require.LessOrEqual(c.t, count(), 1)
	} else {
		require.Zero(c.t, count(), "what was surely not written is there")
	}
	a := c.do(http.MethodPost, "/api/books", headers{web.HeaderIdempotencyKey: w.key}, w.details)
	require.Equal(c.t, http.StatusCreated, a.status, string(a.body))
	require.Equal(c.t, 1, count(), "a repeated write took effect more than once, or not at all")
}

// TestSpoolAtItsBound has an outage that is longer than the disk is large.
func TestSpoolAtItsBound(t *testing.T) {
	t.Parallel()
	var faulty testenv.FaultyNet
	b := newBookstore(t)
	service := b.start(t, func(cfg *config.Config, o *app.Options) {
		cfg.Spool.MaxBytes = 64 << 10
		o.Dialer = &faulty
	})
	t.Cleanup(faulty.Heal)
	c := newCaller(t, service.URL())
	c.create(mobyDick)
	const metric, searches = "bookstore_spool_", `{spool="searches"}`
	refused := func() float64 { return c.metric(metric + `refused_total{reason="bound",spool="searches"}`) }

	faulty.Cut()
	answered := 0.0
	for refused() < 50 {
		for range 20 {
			require.Equal(t, http.StatusOK, c.get("/api/books?q=whale", nil).status, "a full spool keeps nobody from searching")
			answered++
		}
	}
	require.InDelta(t, answered, c.metric(metric+"appended_total"+searches)+refused(), 0)
	require.LessOrEqual(t, c.metric(metric+"disk_bytes"+searches), 64.0*1024)

	faulty.Heal()
	taken := int(c.metric(metric + "appended_total" + searches))
	await(t, recovery, "what was taken is not published", func() bool {
		topic, _ := b.searches(t, nil)
		return len(topic) == taken
	})
	before := refused()
	require.Equal(t, http.StatusOK, c.get("/api/books?q=whale", headers{web.HeaderRequestID: "after"}).status)
	require.InDelta(t, before, refused(), 0, "the spool takes searches again")
	await(t, recovery, "a search after the outage is not published", func() bool {
		topic, _ := b.searches(t, nil)
		return slices.ContainsFunc(topic, func(p published) bool { return p.CorrelationID == "after" })
	})
}

// metric reads one value from /metrics.
func (c caller) metric(name string) float64 {
	c.t.Helper()
	for line := range strings.Lines(string(c.get("/metrics", nil).body)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(c.t, err)
			return number
		}
	}
	require.Fail(c.t, "no such metric", name)
	return 0
}
