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
// not without gaps, and not in order between processes.
type IDs struct {
	pool *pgxpool.Pool

	mu        sync.Mutex
	next, end int64
}

// NewIDs returns an allocator that fetches its first block when it is needed.
func NewIDs(pool *pgxpool.Pool) *IDs { return &IDs{pool: pool} }

// Next returns an id that nobody else gets.
func (i *IDs) Next(ctx context.Context) (int64, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.next == i.end {
		var first int64
		if err := i.pool.QueryRow(ctx, `SELECT nextval('book_ids')`).Scan(&first); err != nil {
			return 0, fmt.Errorf("fetch a block of book ids: %w", err)
		}
		i.next, i.end = first, first+idBlock
	}
	id := i.next
	i.next++
	return id, nil
}
