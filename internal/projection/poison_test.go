package projection_test

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection"
	"bookstore/internal/projection/parked"
	"bookstore/internal/testenv"
)

func TestPoisonIsParkedWithWhatFollowsItAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for _, kind := range troubles {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, map[events.Position]trouble{inA(1): kind})
			o, _ := p.start(t, pool, nil)
			o.assign(t, partitionA, partitionB)
			o.deliverKeys(t, partitionA, 0, "abacba")
			o.deliverKeys(t, partitionB, 0, "bb")
			o.reach(t, partitionA, 6)
			o.deliverKeys(t, partitionA, 6, "ba") // a later batch
			o.reach(t, partitionA, 8)
			o.reach(t, partitionB, 2)

			require.Equal(t, []int64{0, 2, 3, 5, 7}, p.applied(t, pool, partitionA))
			require.Equal(t, []int64{0, 1}, p.applied(t, pool, partitionB), "the same key elsewhere is another line")
			require.Equal(t, []string{"0.1 poison", "0.4 held", "0.6 held"}, waiting(t, pool, p.consumer, 1))
			require.Empty(t, o.Faults())
			require.InDelta(t, 1, o.count(t, "bookstore_engine_poison_records_total"), 0)
		})
	}
}

// Commands don't build on each other: of those behind one that can't be read all
// are decided.
func TestOfIndependentRecordsPoisonIsParkedAlone(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for _, kind := range troubles {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, map[events.Position]trouble{inA(1): kind, inA(4): kind})
			o, _ := p.start(t, pool, func(cfg *projection.Config) { cfg.Independent = true })
			o.assign(t, partitionA)
			o.deliverKeys(t, partitionA, 0, "abbbbb")
			o.reach(t, partitionA, 6)
			require.Equal(t, []int64{0, 2, 3, 5}, p.applied(t, pool, partitionA))
			require.Equal(t, []string{"0.1 poison", "0.4 poison"}, waiting(t, pool, p.consumer, 1))
		})
	}
}

// A record is parked as it lies in the log.
func TestWhatIsParkedIsTheRecord(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(0): undecodable})
	o, _ := p.start(t, pool, nil)
	o.assign(t, partitionA)
	r := events.Record{
		Topic: "topic", Partition: partitionA, Timestamp: dayOne, Key: []byte("7\x00\xff"), Value: []byte("\x00\xff{"),
		Headers: []events.Header{{Key: "ce_type", Value: "\xfe"}, {Key: "ce_type", Value: ""}, {Key: `a"b\`, Value: `{,}`}},
	}
	require.NoError(t, o.Handle(t.Context(), r))
	o.reach(t, partitionA, 1)
	found := parkedRecords(t, pool, p.consumer, 1)
	require.Len(t, found, 1)
	require.Equal(t, r, found[0].Raw())
	require.Contains(t, found[0].Error, string(undecodable))
	require.Equal(t, 1, found[0].Tries)
}

// A batch that the database refuses is halved, not tried record by record: what it
// costs grows with the logarithm of its size.
func TestHalvingTakesFewTransactions(t *testing.T) {
	t.Parallel()
	const records = 2000
	pool := withTape(t, database(t))
	for name, at := range map[string][]int64{
		"the first": {1}, "the last": {records}, "in the middle": {1333}, "three of them": {1, 700, records},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fails := map[events.Position]trouble{}
			for _, offset := range at {
				fails[inA(offset)] = refused
			}
			g := newGate()
			p := newPupil(t, fails)
			p.before = g.pass
			o, _ := p.start(t, pool, nil)
			o.assign(t, partitionA)
			o.deliverKeys(t, partitionA, 0, "x") // the others wait behind it, and are one batch then
			await(t, g.entered, "the first batch")
			o.deliverKeys(t, partitionA, 1, strings.Repeat("abcdefgh", records/8))
			close(g.leave)
			o.reach(t, partitionA, records+1)

			var poison int
			for _, r := range parkedRecords(t, pool, p.consumer, 1) {
				if r.Poison {
					poison++
				}
			}
			require.NotZero(t, poison)
			require.Len(t, p.applied(t, pool, partitionA), records+1-len(parkedRecords(t, pool, p.consumer, 1)))
			// Each level of the halving is two transactions for each poison record, and one
			// more parks it.
			limit := 1 + 1 + len(at)*(2*bits.Len(records)+1)
			require.LessOrEqual(t, p.tried(), limit)
		})
	}
}

func TestManyPoisonRecordsInOneBatch(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	g := newGate()
	p := newPupil(t, map[events.Position]trouble{
		inA(2): undecodable, inA(3): gap, inA(4): refused, inA(5): panics, inA(8): undecodable, inB(1): undecodable, inB(3): refused,
	})
	p.before = g.pass
	o, _ := p.start(t, pool, nil)
	o.assign(t, partitionA, partitionB)
	o.deliverKeys(t, partitionA, 0, "x")
	await(t, g.entered, "the first batch")
	o.deliverKeys(t, partitionA, 1, "aabcdeabcdef") // offsets 1 to 12
	o.deliverKeys(t, partitionB, 0, "aabba")
	close(g.leave)
	o.reach(t, partitionA, 13)
	o.reach(t, partitionB, 5)
	require.Equal(t, []int64{0, 1, 6, 11, 12}, p.applied(t, pool, partitionA))
	require.Equal(t, []int64{0, 2}, p.applied(t, pool, partitionB))
	require.Equal(t, []string{
		"0.2 poison", "0.3 poison", "0.4 poison", "0.5 poison", "0.7 held", "0.8 held", "0.9 held", "0.10 held",
		"840.1 poison", "840.3 poison", "840.4 held",
	}, waiting(t, pool, p.consumer, 1))
}

// Two generations, made by different code: what one can't apply is none of the
// other's business.
func TestPoisonOfOneGenerationIsParkedThereOnly(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for _, kind := range troubles {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, nil)
			p.fails = map[int64]map[events.Position]trouble{1: {inA(5): kind}, 2: {inA(1): kind}, 3: {}}
			o, _ := p.start(t, pool, func(cfg *projection.Config) {
				cfg.Generations = func(context.Context, postgres.Reader) ([]int64, error) { return []int64{1, 2, 3}, nil }
			})
			o.assign(t, partitionA)
			o.deliverKeys(t, partitionA, 0, "abcbab")
			o.reach(t, partitionA, 6)
			for generation, want := range map[int64]struct {
				applied []int64
				parked  []string
			}{
				1: {[]int64{0, 1, 2, 3, 4}, []string{"0.5 poison"}},
				2: {[]int64{0, 2, 4}, []string{"0.1 poison", "0.3 held", "0.5 held"}},
				3: {[]int64{0, 1, 2, 3, 4, 5}, []string{}},
			} {
				require.Equal(t, want.applied, taped(t, pool, tapeOf(p.consumer, generation), partitionA), "generation %d", generation)
				require.Equal(t, want.parked, waiting(t, pool, p.consumer, generation), "generation %d", generation)
			}
		})
	}
}

// What passes is tried again for as long as it takes, whatever else is in the
// batch: nothing that is sound is ever parked.
func TestWhatPassesParksNothing(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	_, err := pool.Exec(t.Context(), `
		CREATE FUNCTION fail_with(code text) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'as the test asked' USING ERRCODE = code; END $$`)
	require.NoError(t, err)
	for name, fail := range map[string]func(*pgx.Batch){
		"deadlock":          func(b *pgx.Batch) { b.Queue(`SELECT fail_with('40P01')`) },
		"serialization":     func(b *pgx.Batch) { b.Queue(`SELECT fail_with('40001')`) },
		"lock timeout":      func(b *pgx.Batch) { b.Queue(`SELECT fail_with('55P03')`) },
		"out of memory":     func(b *pgx.Batch) { b.Queue(`SELECT fail_with('53200')`) },
		"read only standby": func(b *pgx.Batch) { b.Queue(`SELECT fail_with('25006')`) },
		"somebody's bug":    func(b *pgx.Batch) { b.Queue(`SELECT fail_with('42P01')`) },
		"a row is there":    func(b *pgx.Batch) { b.Queue(`SELECT fail_with('23505')`) },
		"statement timeout": func(b *pgx.Batch) {
			b.Queue(`SELECT set_config('statement_timeout', '1', true)`)
			b.Queue(`SELECT count(*) FROM generate_series(1, 1000000000)`)
		},
		"lost connection": func(b *pgx.Batch) { b.Queue(`SELECT pg_terminate_backend(pg_backend_pid())`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, map[events.Position]trouble{inA(3): refused, inA(6): undecodable})
			var failing atomic.Int32
			failing.Store(6)
			h := &faulty{pupil: p, fail: func(b *pgx.Batch) {
				if failing.Add(-1) >= 0 {
					fail(b)
				}
			}}
			o, _ := p.start(t, pool, func(cfg *projection.Config) { cfg.Handler = h })
			o.assign(t, partitionA)
			o.deliverKeys(t, partitionA, 0, "aaabaacabc")
			o.reach(t, partitionA, 10)
			require.Equal(t, []int64{0, 1, 2, 4, 5, 7}, p.applied(t, pool, partitionA))
			require.Equal(t, []string{"0.3 poison", "0.6 poison", "0.8 held", "0.9 held"}, waiting(t, pool, p.consumer, 1))
			require.Negative(t, failing.Load(), "it was tried until it passed")
		})
	}
}

// faulty is a pupil whose transactions fail for reasons of the world's.
type faulty struct {
	*pupil
	fail func(*pgx.Batch)
}

func (f *faulty) Apply(ctx context.Context, db postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	writes, after, err := f.pupil.Apply(ctx, db, generation, records)
	if err == nil {
		f.fail(writes)
	}
	return writes, after, err
}

// Connections are cut at any moment, also of commits that went through. Records are
// applied once or parked once, and nothing that is sound is parked.
func TestPoisonAmongLostConnections(t *testing.T) {
	t.Parallel()
	const records = 600
	connString := testenv.Database(t)
	observer := migrated(t, connString, "observer")
	name := testenv.Name(t)
	pool := migrated(t, connString, name)
	withTape(t, observer)

	fails := map[events.Position]trouble{}
	for offset := int64(13); offset < records; offset += 50 {
		fails[inA(offset)] = troubles[int(offset/50)%len(troubles)]
	}
	p := newPupil(t, fails)
	var cuts atomic.Int32
	p.before = func(ctx context.Context, _ []events.Record) error {
		if cuts.Add(1)%3 != 0 {
			return nil
		}
		// Everybody, at once, and so also the connection that this batch will use.
		_, err := observer.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`, name)
		return err
	}
	o, _ := p.start(t, pool, nil)
	o.assign(t, partitionA)
	want := []int64{}
	for offset := range int64(records) {
		key := byte('a' + offset%25)
		o.deliverKeys(t, partitionA, offset, string(key))
		if fails[inA(offset)] == "" && (offset < 13 || offset%25 != 13) {
			want = append(want, offset)
		}
	}
	require.Eventually(t, func() bool {
		select {
		case <-o.gaveUp: // a commit went through that it was not told of
			for offset := o.assign(t, partitionA)[partitionA]; offset < records; offset++ {
				o.deliverKeys(t, partitionA, offset, string(byte('a'+offset%25)))
			}
		default:
		}
		return checkpoint(t, observer, p.consumer, partitionA) == records
	}, patience, pollEvery)
	require.Equal(t, want, p.applied(t, observer, partitionA))
	for _, r := range parkedRecords(t, observer, p.consumer, 1) {
		require.Equal(t, int64(13), r.Offset%25)
		require.Equal(t, r.Offset == 13, r.Poison, "all others are behind the first")
	}
}

// migrated opens a pool whose connections have a name.
func migrated(t *testing.T, connString, name string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), connString, postgres.Options{ApplicationName: name})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, quiet)
	require.NoError(t, err)
	return pool
}

// A handler that fails for two reasons is not believed about the one.
func TestAFaultBesideAnotherReasonParksNothing(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	consumer := testenv.Name(t)
	var tries atomic.Int32
	o, _ := startOwner(t, pool, consumer, &tape{consumer: consumer, before: func(_ context.Context, records []events.Record) error {
		if tries.Add(1) > 3 {
			return nil
		}
		return errors.Join(&events.DecodeError{Position: records[0].Position()}, fmt.Errorf("and then: %w", errTest))
	}})
	o.assign(t, partitionA)
	o.deliver(t, partitionA, 0, 0)
	o.reach(t, partitionA, 1)
	require.Equal(t, []int64{0}, taped(t, pool, consumer, partitionA))
	require.Empty(t, waiting(t, pool, consumer, 1))
}

// The owner ends, and another one takes over: what is held stays held.
func TestTheNextOwnerHoldsWhatTheLastOneHeld(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	p := newPupil(t, map[events.Position]trouble{inA(1): refused})
	first, stop := p.start(t, pool, nil)
	first.assign(t, partitionA)
	first.deliverKeys(t, partitionA, 0, "aba")
	first.reach(t, partitionA, 3)
	stop()

	second, _ := p.start(t, pool, nil)
	require.Equal(t, int64(3), second.assign(t, partitionA)[partitionA])
	second.deliverKeys(t, partitionA, 3, "bab")
	second.reach(t, partitionA, 6)
	require.Equal(t, []int64{0, 2, 4}, p.applied(t, pool, partitionA))
	require.Equal(t, []string{"0.1 poison", "0.3 held", "0.5 held"}, waiting(t, pool, p.consumer, 1))
}

// What was given up is met again by each generation that is built later, and left
// out there too: also where it was given up while the generation was being built.
func TestALaterGenerationLeavesOutWhatWasDiscarded(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	for _, kind := range troubles {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := newPupil(t, map[events.Position]trouble{inA(1): kind, inA(4): kind})
			p.fails[2] = map[events.Position]trouble{inA(1): kind, inA(4): kind}
			live, _ := p.start(t, pool, nil)
			live.assign(t, partitionA)
			live.deliverKeys(t, partitionA, 0, "ababcbc")
			live.reach(t, partitionA, 7)
			require.Equal(t, []string{"0.1 poison", "0.3 held", "0.4 poison", "0.5 held", "0.6 held"}, waiting(t, pool, p.consumer, 1))
			ask(t, pool, p.consumer, parked.Discard, 1)
			unasked(t, pool, p.consumer, 1)

			building, _ := p.start(t, pool, func(cfg *projection.Config) {
				cfg.Consumer, cfg.ParkedAs, cfg.Generations = p.consumer+"/2", p.consumer, projection.Only(2)
			})
			building.assign(t, partitionA) // and knows what is given up until now
			building.deliverKeys(t, partitionA, 0, "ab")
			building.reach(t, partitionA, 2)
			ask(t, pool, p.consumer, parked.Discard, 4)
			unasked(t, pool, p.consumer, 1)
			building.deliverKeys(t, partitionA, 2, "abcbc")
			building.reach(t, partitionA, 7)
			require.Empty(t, waiting(t, pool, p.consumer, 1))
			require.Empty(t, waiting(t, pool, p.consumer, 2))
			require.Equal(t, []int64{0, 2, 3, 5, 6}, taped(t, pool, tapeOf(p.consumer, 2), partitionA))
			require.ElementsMatch(t, []int64{0, 2, 3, 5, 6}, p.applied(t, pool, partitionA))
		})
	}
}
