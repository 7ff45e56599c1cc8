package projection_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
)

// process is one of several that share partitions: an engine, and where the log
// is read for it.
type process struct {
	*owner
	pool     *pgxpool.Pool
	consumer string

	stop    func()
	reading map[int32]int64 // of the assigned partitions: the next offset to deliver
	session context.Context
	end     context.CancelFunc
	failing *atomic.Int32 // how many tries are to fail
}

func startProcess(t *testing.T, pool *pgxpool.Pool, consumer string) *process {
	t.Helper()
	p := &process{pool: pool, consumer: consumer, reading: map[int32]int64{}, failing: &atomic.Int32{}}
	fail := func(context.Context, []events.Record) error {
		if p.failing.Add(-1) >= 0 {
			return errTest
		}
		return nil
	}
	p.owner, p.stop = startOwner(t, pool, consumer, &tape{consumer: consumer, before: fail, after: fail})
	p.session, p.end = context.WithCancel(context.Background())
	return p
}

// assignAnew begins a session with partitions, as a consumer group does: what
// was held is revoked first.
func (p *process) assignAnew(t require.TestingT, partitions []int32) {
	p.end()
	p.Revoke(slices.Collect(maps.Keys(p.reading)))
	p.session, p.end = context.WithCancel(context.Background())
	p.reading = p.assign(t, partitions...)
}

// heed does what giving up asks for.
func (p *process) heed(t require.TestingT) {
	for len(p.gaveUp) > 0 {
		<-p.gaveUp
		p.assignAnew(t, slices.Collect(maps.Keys(p.reading)))
	}
}

// finish reads everything there is until all of it is applied.
func (p *process) finish(t require.TestingT, end map[int32]int64) {
	limit := time.After(patience)
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		p.heed(t)
		applied := true
		for partition, n := range end {
			p.read(t, partition, 0, n, n)
			applied = applied && checkpoint(t, p.pool, p.consumer, partition) == n
		}
		if applied {
			return
		}
		select {
		case <-changed:
		case <-p.gaveUp:
			p.assignAnew(t, slices.Collect(maps.Keys(p.reading)))
		case <-limit:
			require.FailNow(t, "not finished", "reading at %v of %v; faults: %v", p.reading, end, p.Faults())
		}
	}
}

// setBack undoes what was applied of a partition from offset next on, as a crash
// of PostgreSQL does that loses commits which did not wait for the disk.
func setBack(t require.TestingT, pool *pgxpool.Pool, consumer string, partition int32, next int64) {
	ctx := context.Background()
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		moved, err := tx.Exec(ctx, `
			UPDATE checkpoints SET next_offset = $3
			WHERE consumer = $1 AND partition = $2 AND next_offset > $3`, consumer, partition, next)
		if err != nil || moved.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM tape WHERE consumer = $1 AND partition = $2 AND record >= $3`, consumer, partition, next)
		return err
	}))
}

// read delivers n records of a partition that the process reads, from back before
// where it stands.
func (p *process) read(t require.TestingT, partition int32, back, n, end int64) {
	from, reads := p.reading[partition]
	if !reads {
		return
	}
	for offset := max(0, from-back); offset < min(from+n, end); offset++ {
		require.NoError(t, p.Handle(p.session, events.Record{Partition: partition, Offset: offset}))
		p.reading[partition] = max(p.reading[partition], offset+1)
	}
}

// Whatever is delivered to whom, how often and in which order of partitions,
// whoever believes to own what, and whatever fails: the rows are the log, once
// and in order.
func TestAnyDeliveriesComeToTheLogOnceInOrder(t *testing.T) {
	t.Parallel()
	pool := withTape(t, database(t))
	partitions := []int32{partitionA, partitionB, 1}
	var run atomic.Int64
	rapid.Check(t, func(r *rapid.T) {
		consumer := fmt.Sprintf("model-%d", run.Add(1))
		processes := []*process{startProcess(t, pool, consumer), startProcess(t, pool, consumer)}
		defer func() {
			for _, p := range processes {
				p.stop()
			}
		}()
		end := map[int32]int64{}
		for _, partition := range partitions {
			end[partition] = rapid.Int64Range(1, 30).Draw(r, "records")
		}

		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			p := rapid.SampledFrom(processes).Draw(r, "process")
			switch rapid.SampledFrom([]string{"read", "read", "read", "read", "assign", "heed", "fail", "revoke", "crash"}).Draw(r, "step") {
			case "read":
				partition := rapid.SampledFrom(partitions).Draw(r, "partition")
				p.read(r, partition, rapid.Int64Range(0, 5).Draw(r, "back"), rapid.Int64Range(1, 10).Draw(r, "n"), end[partition])
			case "assign": // and nobody takes it from the other
				p.assignAnew(r, rapid.SliceOfNDistinct(rapid.SampledFrom(partitions), 1, -1, rapid.ID).Draw(r, "partitions"))
			case "heed":
				p.heed(r)
			case "fail":
				p.failing.Store(rapid.Int32Range(1, 2).Draw(r, "times"))
			case "revoke":
				partition := rapid.SampledFrom(partitions).Draw(r, "partition")
				p.Revoke([]int32{partition})
				delete(p.reading, partition)
			case "crash":
				setBack(r, pool, consumer, rapid.SampledFrom(partitions).Draw(r, "partition"), rapid.Int64Range(0, 20).Draw(r, "to"))
			}
		}

		// In the end one process has everything, and reads on until it is done.
		last := processes[0]
		last.failing.Store(0)
		processes[1].stop()
		last.assignAnew(r, partitions)
		last.finish(r, end)
		for _, partition := range partitions {
			require.Equal(r, upTo(end[partition]), taped(r, pool, consumer, partition), "partition %d", partition)
		}
	})
}
