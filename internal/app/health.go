package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"bookstore/internal/config"
	"bookstore/internal/projection/parked"
	"bookstore/internal/web"
)

// checks are what /readyz looks at. Kafka is not required: without it searches
// are still answered, and writes say so themselves.
func (a *App) checks() []web.Check {
	checks := []web.Check{
		{Name: "database", Required: true, Func: func(ctx context.Context) (any, error) { return nil, a.pool.Ping(ctx) }},
		{Name: "log", Func: func(ctx context.Context) (any, error) { return nil, a.broker.Ping(ctx) }},
		{Name: "consumers", Func: func(context.Context) (any, error) { return a.consumers() }},
	}
	checks = append(checks, web.Check{Name: "parked", Func: a.parked})
	if a.cfg.Has(config.RoleAPI) {
		checks = append(checks,
			web.Check{Name: "searches", Func: func(context.Context) (any, error) { return a.searches.Pending(), nil }},
			web.Check{Name: "opens", Func: func(context.Context) (any, error) { return a.opens.Pending(), nil }})
	}
	return checks
}

// parkedState is what is parked of a consumer, as /readyz shows it.
type parkedState struct {
	Generation int64     `json:"generation"`
	Records    int64     `json:"records"`
	Poison     int64     `json:"poison"` // of those, not only held back behind one
	Since      time.Time `json:"since"`
}

func (a *App) parked(ctx context.Context) (any, error) {
	counts, err := parked.Counts(ctx, a.pool)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	states := make(map[string][]parkedState, len(counts))
	for _, c := range counts {
		states[c.Consumer] = append(states[c.Consumer], parkedState{c.Generation, c.Records, c.Poison, c.Since})
	}
	return states, errors.New("records are parked that could not be applied; see 'bookstore parked list'")
}

var parkedDesc = prometheus.NewDesc("bookstore_parked_records", "Records that are parked, with those held back behind them.", []string{"consumer", "generation"}, nil)

// parkedCollector counts parked records when somebody asks.
type parkedCollector struct{ pool *pgxpool.Pool }

// Describe implements [prometheus.Collector].
func (parkedCollector) Describe(to chan<- *prometheus.Desc) { to <- parkedDesc }

// Collect implements [prometheus.Collector]. With the database away there is
// nothing to tell, which is not the same as nothing being parked.
func (c parkedCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	counts, err := parked.Counts(ctx, c.pool)
	if err != nil {
		return
	}
	for _, n := range counts {
		to <- prometheus.MustNewConstMetric(parkedDesc, prometheus.GaugeValue, float64(n.Records), n.Consumer, strconv.FormatInt(n.Generation, 10))
	}
}

// consumerState is a consumer as /readyz shows it.
type consumerState struct {
	Partitions int      `json:"partitions"`
	Behind     *int64   `json:"behind,omitempty"` // records; absent where it is not known
	Faults     []string `json:"faults,omitempty"`
}

func (a *App) consumers() (map[string]consumerState, error) {
	states := make(map[string]consumerState, len(a.engines))
	var first error
	for _, s := range a.router.States() {
		state := consumerState{Partitions: len(s.Partitions)}
		faults := a.engines[s.Name].Faults()
		if s.Err != nil {
			faults = append(faults, s.Err)
		}
		for _, fault := range faults {
			state.Faults = append(state.Faults, fault.Error())
			if first == nil {
				first = fmt.Errorf("%s can't get on", s.Name)
			}
		}
		if tracker := a.trackers[s.Name]; tracker != nil {
			if behind, known := tracker.Lag(); known {
				state.Behind = &behind
			}
		}
		states[s.Name] = state
	}
	return states, first
}
