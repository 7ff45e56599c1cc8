package projection_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

// trouble is why a pupil can't apply a record.
type trouble string

const (
	undecodable trouble = "undecodable"
	gap         trouble = "gap"
	panics      trouble = "panics"
	refused     trouble = "refused" // by the database, which does not say which record it is about
)

// troubles are the kinds there are.
var troubles = []trouble{undecodable, gap, panics, refused}

// pupil is a handler that can't apply some records and may learn to. What it does
// apply it writes to the tape of its consumer and generation.
type pupil struct {
	consumer string
	before   func(ctx context.Context, records []events.Record) error // when set, runs in each Apply

	mu    sync.Mutex
	fails map[int64]map[events.Position]trouble // by generation
	tries int                                   // how often Apply was called
}

// newPupil returns one that fails at records of generation 1.
func newPupil(t testing.TB, fails map[events.Position]trouble) *pupil {
	t.Helper()
	return &pupil{consumer: testenv.Name(t), fails: map[int64]map[events.Position]trouble{1: fails}}
}

// learn takes away what kept records of generation 1 from being applied.
func (p *pupil) learn(at ...events.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, position := range at {
		delete(p.fails[1], position)
	}
}

func (p *pupil) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

func (*pupil) Resume(context.Context, []int32) error { return nil }

func (p *pupil) Apply(ctx context.Context, _ postgres.Reader, generation int64, records []events.Record) (*pgx.Batch, func(context.Context) error, error) {
	if p.before != nil {
		if err := p.before(ctx, records); err != nil {
			return nil, nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	writes := &pgx.Batch{}
	var named []error
	for _, r := range records {
		switch p.fails[generation][r.Position()] {
		case undecodable:
			named = append(named, &events.DecodeError{Topic: r.Topic, Position: r.Position(), Reason: string(undecodable)})
		case gap:
			named = append(named, &projection.GapError{Book: 7, Have: 1, Got: 3, Position: r.Position()})
		case panics:
			panic("no idea what to do with " + r.Position().String())
		case refused:
			writes.Queue(`SELECT $1::bigint::smallint`, 1<<40)
		default:
			writes.Queue(`INSERT INTO tape (consumer, partition, record) VALUES ($1, $2, $3)`, tapeOf(p.consumer, generation), r.Partition, r.Offset)
		}
	}
	return writes, nil, errors.Join(named...)
}

func tapeOf(consumer string, generation int64) string {
	return fmt.Sprintf("%s/%d", consumer, generation)
}

// start runs an engine with the pupil as its handler.
func (p *pupil) start(t testing.TB, pool *pgxpool.Pool, change func(*projection.Config)) (o *owner, stop func()) {
	t.Helper()
	cfg := projection.Config{Consumer: p.consumer, Generations: projection.Only(1), Handler: p, Pool: pool}
	if change != nil {
		change(&cfg)
	}
	return start(t, cfg)
}

// applied is what lies on the tape of generation 1.
func (p *pupil) applied(t require.TestingT, pool *pgxpool.Pool, partition int32) []int64 {
	return taped(t, pool, tapeOf(p.consumer, 1), partition)
}

// deliverKeys hands over a record for each byte of keys, of which it is the key,
// from an offset on.
func (o *owner) deliverKeys(t require.TestingT, partition int32, first int64, keys string) {
	for i := range keys {
		r := events.Record{Topic: "topic", Partition: partition, Offset: first + int64(i), Key: []byte(keys[i : i+1]), Value: []byte("{}")}
		require.NoError(t, o.Handle(context.Background(), r))
	}
}

// waiting is what is parked of a consumer in a generation: "0.3 poison", "0.5 held".
func waiting(t require.TestingT, pool *pgxpool.Pool, consumer string, generation int64) []string {
	found := []string{}
	for _, r := range parkedRecords(t, pool, consumer, generation) {
		kind := "held"
		if r.Poison {
			kind = "poison"
		}
		found = append(found, r.Raw().Position().String()+" "+kind)
	}
	return found
}

// parkedRecords are those that wait, in the order of the log.
func parkedRecords(t require.TestingT, pool *pgxpool.Pool, consumer string, generation int64) []parked.Record {
	rows, err := pool.Query(context.Background(), `
		SELECT id FROM parked_records WHERE consumer = $1 AND generation = $2 AND discarded_at IS NULL ORDER BY partition, record_offset`, consumer, generation)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	found := make([]parked.Record, 0, len(ids))
	for _, id := range ids {
		r, err := parked.Get(context.Background(), pool, id)
		if err == nil { // it may be gone by now
			found = append(found, r)
		}
	}
	return found
}

// ask leaves a wish on what is parked of a consumer at some offsets of partition A; on
// all of it where none are given.
func ask(t require.TestingT, pool *pgxpool.Pool, consumer string, wish parked.Wish, offsets ...int64) {
	selection := parked.Selection{Consumer: consumer}
	for _, offset := range offsets {
		var id int64
		require.NoError(t, pool.QueryRow(context.Background(), `
			SELECT min(id) FROM parked_records WHERE consumer = $1 AND partition = $2 AND record_offset = $3`, consumer, partitionA, offset).Scan(&id))
		selection.IDs = append(selection.IDs, id)
	}
	asked, err := parked.Request(context.Background(), pool, selection, wish)
	require.NoError(t, err)
	require.NotEmpty(t, asked)
}

// unasked waits until nothing is asked for any more.
func unasked(t testing.TB, pool *pgxpool.Pool, consumer string, generation int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		var open bool
		err := pool.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM parked_records WHERE consumer = $1 AND generation = $2 AND request IS NOT NULL)`, consumer, generation).Scan(&open)
		return err == nil && !open
	}, patience, 10*pollEvery)
}

func inA(offset int64) events.Position { return events.Position{Partition: partitionA, Offset: offset} }

func inB(offset int64) events.Position { return events.Position{Partition: partitionB, Offset: offset} }
