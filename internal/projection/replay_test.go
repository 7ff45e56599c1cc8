package projection_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
)

func TestARetryAppliesALineInItsOrder(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for _, kind := range troubles {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, map[events.Position]trouble{inA(1): kind, inA(6): kind})
			o, _ := p.start(t, pool, nil)
			o.assign(t, partitionA)
			o.deliverKeys(t, partitionA, 0, "abababcb")
			o.reach(t, partitionA, 8)
			require.Equal(t, []string{"0.1 poison", "0.3 held", "0.5 held", "0.6 poison", "0.7 held"}, waiting(t, pool, p.consumer, 1))

			p.learn(inA(1))
			ask(t, pool, p.consumer, parked.Retry, 5) // any of a line is all of it
			unasked(t, pool, p.consumer, 1)
			require.Eventually(t, func() bool { return len(p.applied(t, pool, partitionA)) == 7 }, patience, pollEvery)
			require.Equal(t, []int64{0, 2, 4, 1, 3, 5, 7}, p.applied(t, pool, partitionA))
			require.Equal(t, []string{"0.6 poison"}, waiting(t, pool, p.consumer, 1), "nobody asked for the other line")

			// The line is no more: what comes later is not held back.
			o.deliverKeys(t, partitionA, 8, "bc")
			o.reach(t, partitionA, 10)
			require.Equal(t, int64(8), p.applied(t, pool, partitionA)[7])
			require.Equal(t, []string{"0.6 poison", "0.9 held"}, waiting(t, pool, p.consumer, 1))
		})
	}
}

func TestARetryInVainIsOverAndCounted(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for _, kind := range troubles {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, map[events.Position]trouble{inA(0): undecodable, inA(2): kind})
			o, _ := p.start(t, pool, nil)
			o.assign(t, partitionA)
			o.deliverKeys(t, partitionA, 0, "bbbb")
			o.reach(t, partitionA, 4)
			p.learn(inA(0))
			ask(t, pool, p.consumer, parked.Retry)
			unasked(t, pool, p.consumer, 1)

			require.Equal(t, []int64{0, 1}, p.applied(t, pool, partitionA), "up to the next one that can't be applied")
			found := parkedRecords(t, pool, p.consumer, 1)
			require.Equal(t, []string{"0.2 poison", "0.3 held"}, waiting(t, pool, p.consumer, 1))
			require.Equal(t, 2, found[0].Tries)
			require.True(t, found[0].TriedAt.After(found[0].ParkedAt))
			require.NotContains(t, found[0].Error, "held back", "it says why it can't be applied now")
			require.Equal(t, 1, found[1].Tries)

			// The line holds what comes, and one that is wished later gets on.
			o.deliverKeys(t, partitionA, 4, "b")
			o.reach(t, partitionA, 5)
			p.learn(inA(2))
			ask(t, pool, p.consumer, parked.Retry, 2)
			unasked(t, pool, p.consumer, 1)
			require.Equal(t, upTo(5), p.applied(t, pool, partitionA))
			require.Empty(t, waiting(t, pool, p.consumer, 1))
		})
	}
}

func TestADiscardedRecordIsNoLongerInTheWay(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for name, c := range map[string]struct {
		discard []int64
		applied []int64
		parked  []string
	}{
		"the first, and those behind it follow": {[]int64{0}, []int64{1, 2, 3}, []string{}},
		"one behind, and nothing is tried":      {[]int64{2}, []int64{}, []string{"0.0 poison", "0.1 held", "0.3 held"}},
		"the last":                              {[]int64{3}, []int64{}, []string{"0.0 poison", "0.1 held", "0.2 held"}},
		"the first and one behind":              {[]int64{0, 2}, []int64{1, 3}, []string{}},
		"all":                                   {[]int64{0, 1, 2, 3}, []int64{}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, map[events.Position]trouble{inA(0): undecodable})
			o, _ := p.start(t, pool, nil)
			o.assign(t, partitionA)
			o.deliverKeys(t, partitionA, 0, "bbbb")
			o.reach(t, partitionA, 4)
			ask(t, pool, p.consumer, parked.Discard, c.discard...)
			unasked(t, pool, p.consumer, 1)
			require.ElementsMatch(t, c.applied, p.applied(t, pool, partitionA))
			require.Equal(t, c.parked, waiting(t, pool, p.consumer, 1))
			for _, r := range parkedRecords(t, pool, p.consumer, 1) {
				require.Equal(t, 1, r.Tries)
			}
			given, err := parked.List(t.Context(), pool, parked.Filter{Consumer: p.consumer, Discarded: true, Limit: 10})
			require.NoError(t, err)
			require.Len(t, given, len(c.discard), "they are kept, to be looked at")

			// What is free is applied, what is not is held.
			o.deliverKeys(t, partitionA, 4, "b")
			o.reach(t, partitionA, 5)
			if len(c.parked) == 0 {
				require.ElementsMatch(t, append(c.applied, 4), p.applied(t, pool, partitionA))
			} else {
				require.Equal(t, append(c.parked, "0.4 held"), waiting(t, pool, p.consumer, 1))
			}
		})
	}
}

// Of records that don't build on each other only that is done what is asked.
func TestOfIndependentRecordsOnlyWhatIsAskedIsDone(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): undecodable, inA(1): refused, inA(2): undecodable, inA(3): undecodable, inA(4): undecodable})
	o, _ := p.start(t, pool, func(cfg *projection.Config) { cfg.Independent = true })
	o.assign(t, partitionA)
	o.deliverKeys(t, partitionA, 0, "bbbbb")
	o.reach(t, partitionA, 5)
	p.learn(inA(0), inA(3), inA(4))
	ask(t, pool, p.consumer, parked.Discard, 2)
	ask(t, pool, p.consumer, parked.Retry, 1, 3)
	unasked(t, pool, p.consumer, 1)
	require.Equal(t, []int64{3}, p.applied(t, pool, partitionA), "also behind one that still can't be")
	require.Equal(t, []string{"0.0 poison", "0.1 poison", "0.4 poison"}, waiting(t, pool, p.consumer, 1))
}

// Records of the key come in while its line is replayed: they wait their turn.
func TestWhatComesDuringAReplayGoesBehindIt(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): undecodable})
	g := newGate()
	var replaying atomic.Bool
	p.before = func(ctx context.Context, records []events.Record) error {
		if !replaying.Load() {
			return nil
		}
		return g.pass(ctx, records)
	}
	o, _ := p.start(t, pool, nil)
	o.assign(t, partitionA, partitionB)
	o.deliverKeys(t, partitionA, 0, "bbb")
	o.reach(t, partitionA, 3)
	p.learn(inA(0))
	replaying.Store(true)
	ask(t, pool, p.consumer, parked.Retry)
	require.Equal(t, []events.Position{inA(0)}, offsetsOf(await(t, g.entered, "the first of the line")))
	o.deliverKeys(t, partitionA, 3, "bab")
	g.leave <- nil
	require.Equal(t, []events.Position{inA(1)}, offsetsOf(await(t, g.entered, "the second of the line")))
	close(g.leave)
	o.reach(t, partitionA, 6)
	require.Equal(t, upTo(6), p.applied(t, pool, partitionA))
	require.Empty(t, waiting(t, pool, p.consumer, 1))
}

// The owner is killed in the middle of a line. What it has applied is applied, and
// the next owner does the rest, which nobody asks for again.
func TestAReplayThatWasKilledIsFinishedByTheNextOwner(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): refused})
	g := newGate()
	var replaying atomic.Bool
	p.before = func(ctx context.Context, records []events.Record) error {
		if !replaying.Load() {
			return nil
		}
		return g.pass(ctx, records)
	}
	first, stop := p.start(t, pool, nil)
	first.assign(t, partitionA)
	first.deliverKeys(t, partitionA, 0, "bbbb")
	first.reach(t, partitionA, 4)
	p.learn(inA(0))
	replaying.Store(true)
	ask(t, pool, p.consumer, parked.Retry, 0)
	for range 2 {
		await(t, g.entered, "one of the line")
		g.leave <- nil
	}
	require.Equal(t, []events.Position{inA(2)}, offsetsOf(await(t, g.entered, "the third of the line")))
	stop()
	require.Equal(t, []int64{0, 1}, p.applied(t, pool, partitionA))
	rest := parkedRecords(t, pool, p.consumer, 1)
	require.Len(t, rest, 2)
	for _, r := range rest {
		require.Equal(t, parked.Retry, r.Request)
	}

	replaying.Store(false)
	second, _ := p.start(t, pool, nil)
	require.Equal(t, int64(4), second.assign(t, partitionA)[partitionA])
	unasked(t, pool, p.consumer, 1)
	require.Equal(t, upTo(4), p.applied(t, pool, partitionA))
	require.Empty(t, waiting(t, pool, p.consumer, 1))
}

// After a fix somebody asks for everything there is, of which a generation that
// nobody here feeds may have the greater part, and the first.
func TestARetryOfAGreatMany(t *testing.T) {
	t.Parallel()
	const lines = 250
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{})
	elsewhere, here := make([]parked.New, lines), make([]parked.New, lines)
	for i := range int64(lines) {
		r := events.Record{Topic: "topic", Partition: partitionA, Offset: i, Key: events.BookKey(i + 1)}
		elsewhere[i], here[i] = parked.New{Record: r, Poison: true}, parked.New{Record: r, Poison: true}
	}
	b := &pgx.Batch{}
	parked.Queue(b, p.consumer, 2, elsewhere)
	parked.Queue(b, p.consumer, 1, here)
	require.NoError(t, pool.SendBatch(t.Context(), b).Close())
	moveCheckpoint(t, pool, p.consumer, partitionA, lines)
	ask(t, pool, p.consumer, parked.Retry)

	o, _ := p.start(t, pool, nil)
	o.assign(t, partitionA)
	unasked(t, pool, p.consumer, 1)
	require.ElementsMatch(t, upTo(lines), p.applied(t, pool, partitionA))
	require.Empty(t, waiting(t, pool, p.consumer, 1))
	require.Len(t, waiting(t, pool, p.consumer, 2), lines, "another's, who will see to it")
}

// The world's faults are not a record's: what is asked for stands until it is done,
// and one line that can't get on does not hold up the next.
func TestAReplayOutlivesWhatPasses(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): undecodable, inA(1): undecodable, inA(2): undecodable})
	var failing, lost atomic.Bool
	failing.Store(true)
	h := &faulty{pupil: p, fail: func(*pgx.Batch) {}}
	o, _ := p.start(t, pool, func(cfg *projection.Config) { cfg.Handler = h })
	o.assign(t, partitionA)
	o.deliverKeys(t, partitionA, 0, "abca")
	o.reach(t, partitionA, 4)

	p.mu.Lock()
	p.before = func(_ context.Context, records []events.Record) error {
		if string(records[0].Key) == "a" && failing.Load() {
			return errTest
		}
		return nil
	}
	h.fail = func(b *pgx.Batch) {
		if lost.CompareAndSwap(false, true) {
			b.Queue(`SELECT pg_terminate_backend(pg_backend_pid())`)
		}
	}
	p.mu.Unlock()
	p.learn(inA(0), inA(1), inA(2))
	ask(t, pool, p.consumer, parked.Retry)
	require.Eventually(t, func() bool { return len(p.applied(t, pool, partitionA)) == 2 }, patience, pollEvery)
	require.True(t, lost.Load())
	require.Equal(t, []string{"0.0 poison", "0.3 held"}, waiting(t, pool, p.consumer, 1))
	for _, r := range parkedRecords(t, pool, p.consumer, 1) {
		require.Equal(t, parked.Retry, r.Request)
		require.Equal(t, 1, r.Tries, "it is not the record's fault")
	}
	failing.Store(false)
	unasked(t, pool, p.consumer, 1)
	require.ElementsMatch(t, upTo(4), p.applied(t, pool, partitionA))
	require.Empty(t, waiting(t, pool, p.consumer, 1))
}

// One who believes to own a partition, and doesn't any more, replays nothing.
func TestAReplayByWhoWasFencedIsUndone(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): undecodable})
	g := newGate()
	var replaying atomic.Bool
	p.before = func(ctx context.Context, records []events.Record) error {
		if !replaying.Load() {
			return nil
		}
		return g.pass(ctx, records)
	}
	zombie, stop := p.start(t, pool, nil)
	zombie.assign(t, partitionA)
	zombie.deliverKeys(t, partitionA, 0, "bb")
	zombie.reach(t, partitionA, 2)
	p.learn(inA(0))
	replaying.Store(true)
	ask(t, pool, p.consumer, parked.Retry)
	await(t, g.entered, "the zombie is at it")
	moveCheckpoint(t, pool, p.consumer, partitionA, 3) // another owner has applied one more
	g.leave <- nil
	stop()
	require.Empty(t, p.applied(t, pool, partitionA))
	require.Equal(t, []string{"0.0 poison", "0.1 held"}, waiting(t, pool, p.consumer, 1))
}

// What follows a replayed record, such as the publication of a decision, may be lost
// with its owner: it is what Resume is for, and it is called.
func TestWhatFollowsAReplayIsResumed(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): undecodable})
	h := &follower{pupil: p, followed: make(chan struct{}, 100), resumed: make(chan struct{}, 100)}
	o, _ := p.start(t, pool, func(cfg *projection.Config) { cfg.Handler, cfg.Independent = h, true })
	o.assign(t, partitionA)
	await(t, h.resumed, "resumed at the assignment")
	o.deliverKeys(t, partitionA, 0, "b")
	o.reach(t, partitionA, 1)
	p.learn(inA(0))
	ask(t, pool, p.consumer, parked.Retry)
	await(t, h.followed, "the follow-up, which fails")
	await(t, h.resumed, "resumed")
	require.Equal(t, []int64{0}, p.applied(t, pool, partitionA), "it is applied all the same, once")
	require.Empty(t, waiting(t, pool, p.consumer, 1))
}

// follower is a pupil with a follow-up that always fails.
type follower struct {
	*pupil
	followed, resumed chan struct{}
}

func (f *follower) Resume(context.Context, []int32) error {
	f.resumed <- struct{}{}
	return nil
}

func (f *follower) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	writes, _, err := f.pupil.Apply(ctx, db, generation, records)
	return writes, func(context.Context) error {
		f.followed <- struct{}{}
		return errors.Join(errTest, context.Canceled)
	}, err
}

// Two that both believe to own a partition are asked to try the same record again. The
// position tells neither of the other, and still it is counted once.
func TestARecordThatTwoRetryIsAppliedOnce(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): undecodable})
	independent := func(cfg *projection.Config) { cfg.Independent = true }
	first, _ := p.start(t, pool, independent)
	first.assign(t, partitionA)
	first.deliverKeys(t, partitionA, 0, "a")
	first.reach(t, partitionA, 1)
	require.Equal(t, []string{"0.0 poison"}, waiting(t, pool, p.consumer, 1))
	second, _ := p.start(t, pool, independent)
	second.assign(t, partitionA) // and nobody takes it from the first

	g := newGate()
	p.learn(inA(0))
	p.mu.Lock()
	p.before = g.pass
	p.mu.Unlock()
	ask(t, pool, p.consumer, parked.Retry)
	await(t, g.entered, "the try of one")
	await(t, g.entered, "the try of the other")
	close(g.leave)
	unasked(t, pool, p.consumer, 1)

	// Both go on, whoever was first.
	first.deliverKeys(t, partitionA, 1, "b")
	first.reach(t, partitionA, 2)
	require.Equal(t, []int64{0, 1}, p.applied(t, pool, partitionA))
	require.Empty(t, waiting(t, pool, p.consumer, 1))
}
