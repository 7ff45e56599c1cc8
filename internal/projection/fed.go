package projection

import (
	"context"
	"slices"
	"sync"

	"bookstore/internal/events"
	"bookstore/internal/postgres"
	"bookstore/internal/projection/parked"
)

// Generations says which generations a consumer feeds. What it reads must only
// change in transactions that hold all of the consumer's checkpoints and raise
// their epochs.
type Generations func(ctx context.Context, db postgres.Reader) ([]int64, error)

// Only is that of a consumer which feeds the same generation always.
func Only(generation int64) Generations {
	return func(context.Context, postgres.Reader) ([]int64, error) { return []int64{generation}, nil }
}

// fed is what the batches of an engine depend on besides their positions.
type fed struct {
	mu          sync.Mutex
	generations []int64
	epochs      map[int32]int64 // by partition: when generations was read
	held        parked.Held
}

// read takes note of what was read with the checkpoints of some partitions locked.
// Others keep their epochs: if those have been raised since, it will show.
func (f *fed) read(found map[int32]claimed, generations []int64, partitions []int32, held parked.Held) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.generations = generations
	f.held.Replace(partitions, held)
	for partition, c := range found {
		f.epochs[partition] = c.epoch
	}
}

// now returns the generations, and the epochs that go with them.
func (f *fed) now(spans []span) (generations []int64, epochs map[int32]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	epochs = make(map[int32]int64, len(spans))
	for _, s := range spans {
		epochs[s.partition] = f.epochs[s.partition]
	}
	return f.generations, epochs
}

// raised takes note that this owner has raised a partition's epoch. If somebody has
// read it anew since, it is known already.
func (f *fed) raised(partition int32, before int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.epochs[partition] == before {
		f.epochs[partition]++
	}
}

// all returns the generations that are fed.
func (f *fed) all() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.generations
}

// reread takes note of what is held of some partitions now.
func (f *fed) reread(partitions []int32, held parked.Held) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held.Replace(partitions, held)
}

// holds says whether anything is parked in the engine's partitions.
func (f *fed) holds() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.held.Empty()
}

// release takes note that nothing of a line is parked any more.
func (f *fed) release(line parked.Requested) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held.Remove(line.Generation, line.Partition, line.Key)
}

// discard takes note that a record was given up.
func (f *fed) discard(at events.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held.AddDiscarded(at)
}

// outdated says whether checkpoints have other epochs now than when this was read.
func (f *fed) outdated(now map[int32]claimed, partitions []int32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(partitions, func(p int32) bool { return now[p].epoch != f.epochs[p] })
}
