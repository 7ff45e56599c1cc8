package app

import (
	"context"
	"fmt"

	"bookstore/internal/config"
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
	if a.cfg.Has(config.RoleAPI) {
		checks = append(checks, web.Check{Name: "searches", Func: func(context.Context) (any, error) { return a.spool.Pending(), nil }})
	}
	return checks
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
