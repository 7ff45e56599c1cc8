package insights

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Killed is what became of searches that a service was killed over.
type Killed struct {
	Searches int64 `json:"searches"` // on its log when it was started
	// Left is how many the read model that was behind the most had yet to apply each
	// time that the service was killed.
	Left    []int64 `json:"left"`
	Counted Counted `json:"counted"` // in the end, of all searches there ever were
}

// kills is how often the service is killed.
const kills = 2

// awaitPart waits until only so many searches are left to apply, and returns how many
// there are then.
func (l *searchLog) awaitPart(ctx context.Context, pool *pgxpool.Pool, left int64) (now int64, err error) {
	err = l.follow(ctx, pool, func(_ time.Time, behind behind) bool {
		now = behind.most()
		return now <= left
	})
	return now, err
}
