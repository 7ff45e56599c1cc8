package command

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// idBlock is how many ids one step of the sequence book_ids stands for. What is
// left of a block when a process ends is never used.
const idBlock = 1000

// IDs hands out book ids from blocks of the database's sequence, so that
// creating a book costs no round trip. Ids are unique across processes; they are
// not without gaps, and not in order.
//
// Within a block, those whose records fall on the same partition come one after
// the other. Books that are created at the same time so share a batch of one
// partition, in the commands topic and then in the events topic, rather than
// having one each on all of them: fewer writes for the broker and larger batches
// for who follows. It is what a sticky partitioner does for records without a key
// (KIP-480).
type IDs struct {
	pool        *pgxpool.Pool
	partitionOf func(bookID int64) int

	mu    sync.Mutex
	block []int64 // what is left of it
}

// NewIDs returns an allocator that fetches its first block when it is needed.
// partitionOf says where the records of a book lie.
func NewIDs(pool *pgxpool.Pool, partitionOf func(bookID int64) int) *IDs {
	return &IDs{pool: pool, partitionOf: partitionOf}
}

// Next returns an id that nobody else gets.
func (i *IDs) Next(ctx context.Context) (int64, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.block) == 0 {
		var first int64
		if err := i.pool.QueryRow(ctx, `SELECT nextval('book_ids')`).Scan(&first); err != nil {
			return 0, fmt.Errorf("fetch a block of book ids: %w", err)
		}
		i.block = byPartition(first, i.partitionOf)
	}
	id := i.block[0]
	i.block = i.block[1:]
	return id, nil
}

// byPartition returns the ids of a block, those of one partition after the other,
// in the order in which partitions come up.
func byPartition(first int64, partitionOf func(int64) int) []int64 {
	runs := make(map[int][]int64)
	var order []int
	for id := first; id < first+idBlock; id++ {
		partition := partitionOf(id)
		if _, met := runs[partition]; !met {
			order = append(order, partition)
		}
		runs[partition] = append(runs[partition], id)
	}
	ids := make([]int64, 0, idBlock)
	for _, partition := range order {
		ids = append(ids, runs[partition]...)
	}
	return ids
}
