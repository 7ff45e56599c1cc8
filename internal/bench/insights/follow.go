package insights

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"bookstore/internal/bench/clients"
	"bookstore/internal/projection"
)

// readModels are those that follow the searches.
var readModels = []projection.Projection{projection.Trends{}, projection.Interests{}, projection.Served()}

// behind is how many searches each of the read models has yet to apply, in their order.
type behind []int64

func (b behind) most() int64 { return max(b[0], b[1], b[2]) }

// behind reads where the read models are.
func (l *searchLog) behind(ctx context.Context, pool *pgxpool.Pool) (behind, error) {
	found := make(behind, len(readModels))
	for i, p := range readModels {
		next, err := projection.Checkpoints(ctx, pool, p.Name())
		if err != nil {
			return nil, err
		}
		found[i] = l.left(next)
	}
	return found, nil
}

// errStalled says that read models stand still that have something to do.
var errStalled = errors.New("the read models have stopped following the searches")

// follow looks at the read models every so often until seen says that it has seen
// enough.
func (l *searchLog) follow(ctx context.Context, pool *pgxpool.Pool, seen func(at time.Time, now behind) (enough bool)) error {
	const (
		look    = 10 * time.Millisecond
		patient = time.Minute // with read models that don't move
	)
	last, moved := int64(-1), time.Now()
	for {
		now, err := l.behind(ctx, pool)
		if err != nil || seen(time.Now(), now) {
			return err
		}
		switch most := now.most(); {
		case most != last:
			last, moved = most, time.Now()
		case most > 0 && time.Since(moved) > patient:
			return fmt.Errorf("%w: %d to go", errStalled, most)
		}
		if err := clients.SleepUntil(ctx, time.Now().Add(look)); err != nil {
			return err
		}
	}
}

// CatchUp is how fast read models work through what was searched while the service was
// away.
type CatchUp struct {
	Searches  int64   `json:"searches"` // that were left when they were looked at first
	Seconds   float64 `json:"seconds"`  // from that look until all had all of them
	PerSecond float64 `json:"per_second"`
	// Each is how many searches a second each one applied, until it had them all.
	Each []Rate `json:"each"`
}

// Rate is that of a read model.
type Rate struct {
	Projection string  `json:"projection"`
	PerSecond  float64 `json:"per_second"`
}

// catchUp waits until all is applied.
func (l *searchLog) catchUp(ctx context.Context, pool *pgxpool.Pool) (result CatchUp, err error) {
	var first behind
	var began time.Time
	rates := make([]Rate, len(readModels))
	err = l.follow(ctx, pool, func(at time.Time, now behind) bool {
		if first == nil {
			first, began = now, at
			return now.most() == 0
		}
		result.Seconds = at.Sub(began).Seconds()
		for i, p := range readModels {
			rates[i].Projection = p.Name()
			if rates[i].PerSecond == 0 && now[i] == 0 {
				rates[i].PerSecond = float64(first[i]) / result.Seconds
			}
		}
		return now.most() == 0
	})
	if err != nil || result.Seconds == 0 {
		return result, err // with so few searches that there was nothing to see
	}
	result.Searches, result.Each = first.most(), rates
	result.PerSecond = float64(result.Searches) / result.Seconds
	return result, nil
}
