package projection_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
)

// errTest is what handlers of the tests fail with.
var errTest = errors.New("a failure that the test asked for")

func TestEngineAppliesEachRecordOnceInOrder(t *testing.T) {
	t.Parallel()
	const records = 500
	pool := withTape(t, database(t))
	o, _ := startOwner(t, pool, "each", &tape{consumer: "each"})
	partitions := []int32{0, 1, 2, 3, 4, 5, partitionB}
	for _, p := range partitions {
		require.Zero(t, o.assign(t, p)[p])
	}

	var deliveries sync.WaitGroup
	for _, p := range partitions {
		deliveries.Go(func() {
			o.deliver(t, p, 0, 99)
			o.deliver(t, p, 50, records-1) // half of it again
		})
	}
	deliveries.Wait()

	for _, p := range partitions {
		o.reach(t, p, records)
		require.Equal(t, upTo(records), taped(t, pool, "each", p), "partition %d", p)
		require.Equal(t, int64(records), checkpoint(t, pool, "each", p))
	}
	require.Empty(t, o.Faults())
	require.InDelta(t, records*len(partitions), o.count(t, "bookstore_engine_records_total"), 0)
}

// Offsets that no record has, such as those of transaction markers, don't stop it.
func TestEngineFollowsALogThatSkipsOffsets(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	o, _ := startOwner(t, pool, "skips", &tape{consumer: "skips"})
	o.assign(t, partitionA)
	for _, offset := range []int64{3, 4, 9} {
		o.deliver(t, partitionA, offset, offset)
	}
	o.reach(t, partitionA, 10)
	require.Equal(t, []int64{3, 4, 9}, taped(t, pool, "skips", partitionA))
}

func TestBatchesFormOfWhatWaits(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	g := newGate()
	o, _ := startOwner(t, pool, "natural", &tape{consumer: "natural", before: g.pass})
	o.assign(t, partitionA, partitionB)

	o.deliver(t, partitionA, 0, 0)
	require.Len(t, await(t, g.entered, "the first batch"), 1, "an idle engine waits for nothing more")
	o.deliver(t, partitionA, 1, 60)
	o.deliver(t, partitionB, 0, 39)
	g.leave <- nil
	require.Len(t, await(t, g.entered, "the second batch"), 100, "all that came meanwhile, of both partitions")
	close(g.leave)
	o.reach(t, partitionA, 61)
	o.reach(t, partitionB, 40)
	require.Equal(t, upTo(61), taped(t, pool, "natural", partitionA))
	require.Equal(t, upTo(40), taped(t, pool, "natural", partitionB))
}

// Two processes believe that they own a partition. Whoever is late is undone,
// and asks for the partition anew.
func TestTheLaterOfTwoOwnersIsUndone(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	var followedUp atomic.Int32
	zombie, _ := startOwner(t, pool, "fence", &tape{consumer: "fence", after: func(context.Context, []events.Record) error {
		followedUp.Add(1)
		return nil
	}})
	other, _ := startOwner(t, pool, "fence", &tape{consumer: "fence"})
	zombie.assign(t, partitionA)
	other.assign(t, partitionA)

	other.deliver(t, partitionA, 0, 2)
	other.reach(t, partitionA, 3)
	zombie.deliver(t, partitionA, 0, 5)
	await(t, zombie.gaveUp, "the zombie to give up")
	require.Equal(t, upTo(3), taped(t, pool, "fence", partitionA), "the zombie's batch is undone")
	require.Zero(t, followedUp.Load(), "what was undone has no follow-up")
	require.InDelta(t, 1, zombie.count(t, "bookstore_engine_fenced_total"), 0)
	require.Empty(t, zombie.Faults(), "losing a partition is no fault")

	// The roles change, twice.
	require.Equal(t, int64(3), zombie.assign(t, partitionA)[partitionA])
	zombie.deliver(t, partitionA, 3, 5)
	zombie.reach(t, partitionA, 6)
	other.deliver(t, partitionA, 3, 4)
	await(t, other.gaveUp, "the other to give up")
	require.Equal(t, int64(6), other.assign(t, partitionA)[partitionA])
	other.deliver(t, partitionA, 6, 6)
	other.reach(t, partitionA, 7)
	require.Equal(t, upTo(7), taped(t, pool, "fence", partitionA))
}

// A batch is undone as a whole. Of its partitions, those that are not to blame
// must not lose their records over it.
func TestAFencedPartitionTakesNoOtherWithIt(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	g := newGate()
	o, _ := startOwner(t, pool, "both", &tape{consumer: "both", before: g.pass})
	o.assign(t, partitionA, partitionB)
	o.deliver(t, partitionB, 0, 0)
	await(t, g.entered, "a batch to queue behind")
	o.deliver(t, partitionA, 0, 0)
	o.deliver(t, partitionB, 1, 1)
	g.leave <- nil
	require.Len(t, await(t, g.entered, "a batch of both partitions"), 2)

	// Another process takes partition A over, and this one hears of it before the
	// batch is tried.
	moveCheckpoint(t, pool, "both", partitionA, 1)
	o.Revoke([]int32{partitionA})
	close(g.leave)

	o.deliver(t, partitionB, 2, 2)
	o.reach(t, partitionB, 3)
	require.Equal(t, upTo(3), taped(t, pool, "both", partitionB))
	require.Empty(t, taped(t, pool, "both", partitionA))
	require.Empty(t, o.gaveUp, "nothing that is still held was fenced")
}

// A PostgreSQL that crashes may lose the last moments of a read model, rows and
// position together. A batch that was on its way is then further on than the log
// is to be read from.
func TestABatchInFlightDoesNotSkipWhatTheDatabaseLost(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	moveCheckpoint(t, pool, "lost", partitionA, 5)
	g := newGate()
	o, _ := startOwner(t, pool, "lost", &tape{consumer: "lost", before: g.pass})
	require.Equal(t, int64(5), o.assign(t, partitionA)[partitionA])
	o.deliver(t, partitionA, 5, 7)
	await(t, g.entered, "the batch")

	moveCheckpoint(t, pool, "lost", partitionA, 3)
	o.Revoke([]int32{partitionA})
	require.Equal(t, int64(3), o.assign(t, partitionA)[partitionA])
	g.leave <- errTest // the connection was lost; it is tried again
	close(g.leave)
	o.deliver(t, partitionA, 3, 7)

	o.reach(t, partitionA, 8)
	require.Eventually(t, func() bool { return checkpoint(t, pool, "lost", partitionA) == 8 }, patience, pollEvery)
	require.Equal(t, []int64{3, 4, 5, 6, 7}, taped(t, pool, "lost", partitionA))
}

func TestReassignmentWhileABatchIsInFlight(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	g := newGate()
	o, _ := startOwner(t, pool, "inflight", &tape{consumer: "inflight", before: g.pass})
	o.assign(t, partitionA)
	o.deliver(t, partitionA, 0, 2)
	first := await(t, g.entered, "the batch")
	o.deliver(t, partitionA, 3, 4) // waits, and is forgotten

	o.Revoke([]int32{partitionA})
	next := o.assign(t, partitionA)[partitionA]
	require.Zero(t, next, "nothing is committed yet")
	o.deliver(t, partitionA, next, 5)
	close(g.leave)
	o.reach(t, partitionA, 6)
	require.Equal(t, upTo(6), taped(t, pool, "inflight", partitionA))
	require.NotEmpty(t, first)
}

func TestRevokedRecordsAreForgotten(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	g := newGate()
	o, _ := startOwner(t, pool, "revoked", &tape{consumer: "revoked", before: g.pass})
	o.assign(t, partitionA, partitionB)
	o.deliver(t, partitionB, 0, 0)
	await(t, g.entered, "a batch to queue behind")
	o.deliver(t, partitionA, 0, 9)
	o.deliver(t, partitionB, 1, 1)
	o.Revoke([]int32{partitionA})
	o.deliver(t, partitionA, 10, 10) // a straggler

	g.leave <- nil
	require.Equal(t, []events.Position{{Partition: partitionB, Offset: 1}}, offsetsOf(await(t, g.entered, "the next batch")))
	close(g.leave)
	o.reach(t, partitionB, 2)
	require.Empty(t, taped(t, pool, "revoked", partitionA))
	require.Zero(t, checkpoint(t, pool, "revoked", partitionA))

	require.Zero(t, o.assign(t, partitionA)[partitionA])
	o.deliver(t, partitionA, 0, 10)
	o.reach(t, partitionA, 11)
	require.Equal(t, upTo(11), taped(t, pool, "revoked", partitionA))
}

// However often it takes, the same batch is tried again; the fault is shown
// until it has passed, and not a moment longer.
func TestAFailingBatchIsTriedAgain(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for name, failures := range map[string]int{"once": 1, "twice": 2, "often": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			o, _ := startOwner(t, pool, name, &tape{consumer: name, before: g.pass})
			o.assign(t, partitionA)
			o.deliver(t, partitionA, 0, 1)
			for try := range failures {
				batch := await(t, g.entered, "a try")
				require.Equal(t, int64(0), batch[0].Offset)
				if try > 0 {
					require.Len(t, o.Faults(), 1)
					require.ErrorIs(t, o.Faults()[0], errTest)
				}
				g.leave <- errTest
			}
			await(t, g.entered, "the last try")
			g.leave <- nil
			o.reach(t, partitionA, 1)
			close(g.leave)
			o.reach(t, partitionA, 2)
			require.Eventually(t, func() bool { return len(o.Faults()) == 0 }, patience, pollEvery)
			require.Equal(t, upTo(2), taped(t, pool, name, partitionA))
			require.InDelta(t, failures, o.count(t, "bookstore_engine_retries_total"), 0)
		})
	}
}

func TestTheFollowUpIsTriedUntilItSucceeds(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	var tries atomic.Int32
	followed := make(chan []events.Position, 10)
	o, _ := startOwner(t, pool, "after", &tape{consumer: "after", after: func(_ context.Context, records []events.Record) error {
		if tries.Add(1) < 4 {
			return errTest
		}
		followed <- offsetsOf(records)
		return nil
	}})
	o.assign(t, partitionA)
	o.deliver(t, partitionA, 0, 0)
	o.reach(t, partitionA, 1)
	o.deliver(t, partitionA, 1, 1)
	require.Equal(t, []events.Position{{Offset: 0}}, await(t, followed, "the first follow-up"))
	require.Equal(t, []events.Position{{Offset: 1}}, await(t, followed, "the second follow-up"))
	require.Equal(t, int32(5), tries.Load())
	require.Equal(t, upTo(2), taped(t, pool, "after", partitionA))
	require.Eventually(t, func() bool { return len(o.Faults()) == 0 }, patience, pollEvery)
}

// What a committed batch leaves to do is the next owner's once its partitions
// are no longer ours: Resume.
func TestNoFollowUpForRevokedPartitions(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	tried := make(chan struct{})
	var tries atomic.Int32
	resumed := make(chan []int32, 100)
	o, _ := startOwner(t, pool, "left", &tape{
		consumer: "left",
		resume: func(_ context.Context, partitions []int32) error {
			if slices.Contains(partitions, partitionA) {
				resumed <- partitions
			}
			return nil
		},
		after: func(_ context.Context, records []events.Record) error {
			if records[0].Partition == partitionB {
				return nil
			}
			if tries.Add(1) == 1 {
				close(tried)
			}
			return errTest
		},
	})
	o.assign(t, partitionA, partitionB)
	require.Equal(t, []int32{partitionA, partitionB}, await(t, resumed, "the assignment"))
	o.deliver(t, partitionA, 0, 0)
	await(t, tried, "the follow-up to be tried")
	o.Revoke([]int32{partitionA})
	o.deliver(t, partitionB, 0, 0)
	o.reach(t, partitionB, 1) // the lane gets on: the follow-up was given up
	given := tries.Load()
	o.deliver(t, partitionB, 1, 1)
	o.reach(t, partitionB, 2)
	require.Equal(t, given, tries.Load())
	require.Empty(t, o.Faults())

	require.Equal(t, int64(1), o.assign(t, partitionA)[partitionA])
	require.Contains(t, await(t, resumed, "the next assignment"), partitionA)
}

func TestAssignFailsWhenResumeDoes(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	o, _ := startOwner(t, pool, "resume", &tape{consumer: "resume", resume: func(context.Context, []int32) error { return errTest }})
	_, err := o.Assign(t.Context(), []int32{partitionA}, func() {})
	require.ErrorIs(t, err, errTest)
	o.deliver(t, partitionA, 0, 0)
	require.Empty(t, taped(t, pool, "resume", partitionA), "a partition that was not taken over is not applied")
}

func TestRunEndsWhileItTriesAgain(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for name, failing := range map[string]*tape{
		"batch":     {before: func(context.Context, []events.Record) error { return errTest }},
		"follow-up": {after: func(context.Context, []events.Record) error { return errTest }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failing.consumer = name
			o, stop := startOwner(t, pool, name, failing)
			o.assign(t, partitionA)
			o.deliver(t, partitionA, 0, 0)
			require.Eventually(t, func() bool { return len(o.Faults()) > 0 }, patience, pollEvery)
			stop()
		})
	}
}

// A transaction that has begun is brought to its end when the engine is stopped.
func TestRunEndsBehindACommit(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	g := newGate()
	o, stop := startOwner(t, pool, "stop", &tape{consumer: "stop", before: g.pass})
	o.assign(t, partitionA)
	o.deliver(t, partitionA, 0, 2)
	n := int64(len(await(t, g.entered, "the batch")))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	close(g.leave)
	await(t, stopped, "the engine to end")
	require.Subset(t, taped(t, pool, "stop", partitionA), upTo(n))
	require.GreaterOrEqual(t, checkpoint(t, pool, "stop", partitionA), n)
}

// Batches lock their checkpoints in one order, whatever order their records came
// in, so that two owners wait for each other and never deadlock.
func TestCheckpointsAreLockedInOrder(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	g := newGate()
	o, _ := startOwner(t, pool, "locks", &tape{consumer: "locks", before: g.pass})
	o.assign(t, partitionA, partitionB, partitionC)
	o.deliver(t, partitionC, 0, 0)
	await(t, g.entered, "a batch to queue behind")
	o.deliver(t, partitionB, 0, 0)
	o.deliver(t, partitionA, 0, 0)
	g.leave <- nil
	require.Len(t, await(t, g.entered, "the batch of two partitions"), 2)

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	lock := `SELECT partition FROM checkpoints WHERE consumer = 'locks' AND partition = $1 FOR UPDATE NOWAIT`
	_, err = tx.Exec(t.Context(), lock, partitionA)
	require.NoError(t, err)
	var pid uint32
	require.NoError(t, tx.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid))
	close(g.leave)
	waitBlockedBy(t, pool, pid)
	_, err = tx.Exec(t.Context(), lock, partitionB)
	require.NoError(t, err, "the batch waits for the first partition and has not locked the second")
	require.NoError(t, tx.Rollback(t.Context()))
	o.reach(t, partitionA, 1)
	o.reach(t, partitionB, 1)
}

// syncing notes what its transaction's commit waits for.
type syncing struct{ tape }

func (*syncing) Apply(context.Context, postgres.Reader, int64, []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	writes := &pgx.Batch{}
	writes.Queue(`INSERT INTO synced VALUES (current_setting('synchronous_commit'))`)
	return writes, nil, nil
}

func TestOnlyDurableCommitsWaitForTheDisk(t *testing.T) {
	t.Parallel()
	for durable, want := range map[bool]string{true: "on", false: "off"} {
		config := database(t).Config()
		config.ConnConfig.RuntimeParams["synchronous_commit"] = "on" // tests' servers have it off
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		_, err = pool.Exec(t.Context(), `CREATE TABLE synced (setting text)`)
		require.NoError(t, err)
		advanced := make(chan struct{}, 2)
		ctx, cancel := context.WithCancel(t.Context())
		e, err := projection.NewEngine(projection.Config{
			Consumer: "synced", Generations: projection.Only(1), Handler: &syncing{}, Pool: pool, Durable: durable,
			Advanced: func(map[int32]int64) { advanced <- struct{}{} },
			Logger:   quiet, Metrics: noMetrics(),
		})
		require.NoError(t, err)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.Run(ctx)
		}()
		_, err = e.Assign(ctx, []int32{0}, func() {})
		require.NoError(t, err)
		await(t, advanced, "the assignment")
		require.NoError(t, e.Handle(ctx, events.Record{}))
		await(t, advanced, "the commit")
		cancel()
		<-ended
		var setting string
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT setting FROM synced`).Scan(&setting))
		require.Equal(t, want, setting)
	}
}

func TestConfigNamesAllThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := projection.NewEngine(projection.Config{})
	require.Error(t, err)
	var all interface{ Unwrap() []error }
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Unwrap(), 6)
}
