package operations

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// paceInterval is the time between two looks at how far consumers have come.
const paceInterval = time.Second

// pace knows how fast consumers moved between the last two looks.
type pace struct {
	mu    sync.Mutex
	last  map[string]mark
	rates map[string]float64
}

// mark is where a consumer was at a time of the database's clock.
type mark struct {
	at      time.Time
	applied int64 // the sum of its next offsets
}

// Run looks once a second at how fast the projections move and the topics grow, until
// ctx ends.
func (a *API) Run(ctx context.Context) {
	tick := time.NewTicker(paceInterval)
	defer tick.Stop()
	for {
		a.activity.see(time.Now(), a.Heads(a.Topics.Searches), a.Heads(a.Topics.Events))
		marks, err := a.marks(ctx)
		if err != nil {
			marks = nil // that the database is away is said by those who need it
		}
		a.pace.see(marks)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *API) marks(ctx context.Context) (map[string]mark, error) {
	names := make([]string, len(a.Projections))
	for i, p := range a.Projections {
		names[i] = p.Name
	}
	ctx, cancel := context.WithTimeout(ctx, paceInterval)
	defer cancel()
	rows, err := a.Pool.Query(ctx, `
		SELECT consumer, now(), sum(next_offset)::bigint FROM checkpoints WHERE consumer = ANY ($1) GROUP BY consumer`, names)
	if err != nil {
		return nil, fmt.Errorf("look at checkpoints: %w", err)
	}
	marks := make(map[string]mark)
	var consumer string
	var m mark
	_, err = pgx.ForEachRow(rows, []any{&consumer, &m.at, &m.applied}, func() error {
		marks[consumer] = m
		return nil
	})
	return marks, err
}

// see takes a new look. What was not seen has no rate: an old one would say that
// it still moves.
func (p *pace) see(marks map[string]mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rates = make(map[string]float64, len(marks))
	for consumer, m := range marks {
		before, seen := p.last[consumer]
		took := m.at.Sub(before.at).Seconds()
		// A crash of PostgreSQL may set a consumer back a little.
		if seen && took > 0 && m.applied >= before.applied {
			p.rates[consumer] = float64(m.applied-before.applied) / took
		}
	}
	p.last = marks
}

// of returns how many events a second a consumer applied at last look; nil where
// that is not known.
func (p *pace) of(consumer string) *float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rate, known := p.rates[consumer]; known {
		return &rate
	}
	return nil
}
