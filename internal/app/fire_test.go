package app_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/config"
	"bookstore/internal/embedded"
	"bookstore/internal/runfile"
	"bookstore/internal/testenv"
)

// go test ./internal/app -run Fire -v -fire.rounds=30
var (
	fireRounds = flag.Int("fire.rounds", 2, "how often a process is killed in each of the fire tests")
	fireSeed   = flag.Uint64("fire.seed", 0, "of what happens when in the fire tests; 0: another each time")
)

// startBound is how long a killed service may take to be ready again.
const startBound = 60 * time.Second

// fire is a test in which processes are killed while clients work with them.
type fire struct {
	dir    string // of everything; kept when the test fails
	random *rand.Rand
	seed   uint64
	ledger *ledger
	load   *load
	sum    tally
	ready  []time.Duration // from a start to /readyz
	within []time.Duration // from the end of the load until everything was applied
	shared []time.Duration // from there until two processes had their share of the partitions
}

func newFire(t *testing.T) *fire {
	t.Helper()
	seed := *fireSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	//nolint:usetesting // t.TempDir would be closed to PostgreSQL's user, and gone after a failure
	dir, err := os.MkdirTemp("", "bookstore-fire-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	f := &fire{dir: dir, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), ledger: newLedger()} // repeatable on purpose
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("-fire.seed=%d; the data is kept in %s", seed, dir)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return f
}

// upTo is a random duration.
func (f *fire) upTo(most time.Duration) time.Duration {
	return time.Duration(f.random.Int64N(int64(most)))
}

// up starts a process and returns when it is ready.
func (f *fire) up(t *testing.T, p *process) runfile.Info {
	t.Helper()
	began := time.Now()
	p.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), startBound)
	defer cancel()
	info, err := p.awaitReady(ctx, f.load.client)
	require.NoError(t, err, "the service does not get ready; see %s", p.dir)
	f.ready = append(f.ready, time.Since(began))
	return info
}

// finish ends the load of a round and checks everything that clients were ever told.
func (f *fire) finish(t *testing.T, b bookstore) {
	t.Helper()
	f.load.stop()
	began := time.Now()
	pool := b.connect(t)
	defer pool.Close()
	b.awaitApplied(t, pool, caughtUpBound)
	f.within = append(f.within, time.Since(began))
	b.check(t, pool, f.ledger, &f.sum)
}

func (f *fire) report(t *testing.T, rounds int) {
	t.Helper()
	if len(f.ledger.searches) > 0 { // on a slow machine all may be over before that
		require.NotZero(t, f.sum.counted, "nothing that was searched was compared")
	}
	var text strings.Builder
	for _, what := range slices.Sorted(maps.Keys(f.ledger.told)) {
		fmt.Fprintf(&text, "\n  %-60s %d", what, f.ledger.told[what])
	}
	times := func(what string, took []time.Duration) {
		if len(took) > 0 {
			fmt.Fprintf(&text, "\n  %-60s median %s, longest %s", what, median(slices.Clone(took)).Round(time.Millisecond), slices.Max(took).Round(time.Millisecond))
		}
	}
	times("from a start to /readyz", f.ready)
	times("from the end of the load until all was applied", f.within)
	times("from there until the two shared the partitions again", f.shared)
	t.Logf("%d rounds of seed %d: %d writes sent and %d searches answered, 0 differences\n"+
		"  events on the log: %d, of which repeated: %d; searches on the topic: %d, of which repeated: %d%s",
		rounds, f.seed, len(f.ledger.writes), len(f.ledger.searches),
		f.sum.events, f.sum.doubles, f.sum.published, f.sum.repeated, text.String())
}

// TestFireOfTheWholeService kills the service that runs everything itself: API,
// consumers, broker, and in every other round PostgreSQL as well.
func TestFireOfTheWholeService(t *testing.T) {
	t.Parallel()
	f := newFire(t)
	const prefix = "fire"
	p := newProcess(t, filepath.Join(f.dir, "service"), prefix, map[string]string{"BOOKSTORE_EMBEDDED_KAFKA_PORT": "0"})
	f.load = newLoad(f.ledger, newClient(t), f.seed, p)
	f.up(t, p)
	for range *fireRounds {
		f.load.start(t.Context())
		pause(t.Context(), f.upTo(1500*time.Millisecond))
		p.kill(t, f.random.IntN(2) == 0)
		if f.random.IntN(3) == 0 { // and again while it gets up
			p.start(t)
			pause(t.Context(), f.upTo(1500*time.Millisecond))
			p.kill(t, f.random.IntN(2) == 0)
		}
		info := f.up(t, p)
		pause(t.Context(), f.upTo(700*time.Millisecond))
		f.finish(t, bookstore{brokers: info.Brokers, topics: topicsOf(prefix), database: info.Database})
	}
	f.report(t, *fireRounds)
}

// TestFireOfOneOfTwo kills one of two services that share the partitions of a
// broker and a database elsewhere.
func TestFireOfOneOfTwo(t *testing.T) {
	t.Parallel()
	f := newFire(t)
	b, settings := f.homes(t)
	pair := []*process{
		newProcess(t, filepath.Join(f.dir, "first"), topicPrefix(b), settings),
		newProcess(t, filepath.Join(f.dir, "second"), topicPrefix(b), settings),
	}
	f.load = newLoad(f.ledger, newClient(t), f.seed, pair...)
	for _, p := range pair {
		f.up(t, p)
	}
	f.awaitShared(t, pair)
	for range *fireRounds {
		f.load.start(t.Context())
		pause(t.Context(), f.upTo(1500*time.Millisecond))
		victim := pair[f.random.IntN(len(pair))]
		victim.kill(t, false)
		pause(t.Context(), f.upTo(time.Second))
		if apacheKafka() && f.random.IntN(3) == 0 { // and again while it joins, see awaitShared
			victim.start(t)
			pause(t.Context(), f.upTo(time.Second))
			victim.kill(t, false)
		}
		f.up(t, victim)
		pause(t.Context(), f.upTo(500*time.Millisecond))
		f.finish(t, b)
		f.awaitShared(t, pair)
	}
	f.report(t, *fireRounds)
}

// awaitShared waits until the processes share all partitions. The in-process broker
// never forgets a member of a group that is killed while it joins (Apache Kafka does,
// after its session timeout), so that with it nobody may be killed before.
func (f *fire) awaitShared(t *testing.T, processes []*process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startBound)
	defer cancel()
	began := time.Now()
	err := poll(ctx, func() (bool, error) {
		for _, p := range processes {
			partitions, err := p.partitions(ctx, f.load.client)
			if err != nil {
				return false, err
			}
			for _, consumer := range []string{"commands", "catalog", "history"} {
				if partitions[consumer] != config.Default().MQ.Partitions/len(processes) {
					return false, nil
				}
			}
		}
		return true, nil
	})
	require.NoError(t, err, "the partitions are not shared")
	f.shared = append(f.shared, time.Since(began))
}

// apacheKafka says whether the broker is one that the tests were told of.
func apacheKafka() bool { return os.Getenv("BOOKSTORE_TEST_BROKERS") != "" }

// homes returns a broker and a PostgreSQL that outlive the processes, with the
// settings of a service that uses them.
func (f *fire) homes(t *testing.T) (bookstore, map[string]string) {
	t.Helper()
	b := bookstore{
		brokers: testenv.Brokers(t), topics: topicsOf(testenv.Name(t)),
		database: startPostgres(t, filepath.Join(f.dir, "postgres")).ConnString(),
	}
	dsn, err := url.Parse(b.database)
	require.NoError(t, err)
	return b, map[string]string{
		"BOOKSTORE_MQ_BROKERS":  strings.Join(b.brokers, ","),
		"BOOKSTORE_DB_HOST":     dsn.Query().Get("host"),
		"BOOKSTORE_DB_PORT":     dsn.Query().Get("port"),
		"BOOKSTORE_DB_USER":     dsn.User.Username(),
		"BOOKSTORE_DB_DATABASE": strings.TrimPrefix(dsn.Path, "/"),
	}
}

// startPostgres runs a PostgreSQL of the test's own that gives up nothing for speed.
func startPostgres(t testing.TB, dir string) *embedded.Postgres {
	t.Helper()
	server, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{
		DataDir: dir, User: "bookstore", Database: "bookstore", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close(context.Background()) })
	return server
}

func topicPrefix(b bookstore) string { return strings.TrimSuffix(b.topics.Events, "-events") }
