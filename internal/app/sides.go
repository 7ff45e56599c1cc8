package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bookstore/internal/command"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection"
	"bookstore/internal/query"
	"bookstore/internal/spool"
	"bookstore/internal/web"
)

// consumerCommands names the command handler's checkpoints.
const consumerCommands = "commands"

// firstGeneration is the only one there is of the write side's state.
const firstGeneration = 1

// startConsumers puts an engine under each consumer that this process's roles
// have.
func (a *App) startConsumers(ctx, background context.Context) error {
	var err error
	if a.router, err = messaging.NewRouter(a.kafka, a.registry); err != nil {
		return err
	}
	a.onClose("stop consuming", func(context.Context) error { return a.router.Close() })
	metrics := projection.NewMetrics(a.registry)
	if a.cfg.Has(config.RoleCommands) {
		log := messaging.Writer{Publisher: a.publisher, Topic: a.topics.Events}
		err := a.follow(background, a.topics.Commands, projection.Config{
			Consumer: consumerCommands, Generation: firstGeneration, Durable: true,
			Handler: command.NewHandler(a.pool, log, a.outcomes),
			Pool:    a.pool, Logger: a.log, Metrics: metrics,
		})
		if err != nil {
			return err
		}
	}
	for _, p := range []projection.Projection{projection.Catalog{}, projection.History{}} {
		// Every role does so: a query must find its views, also before a projector runs.
		generation, err := projection.Install(ctx, a.pool, p)
		if err != nil {
			return err
		}
		tracker := projection.NewTracker(a.pool, p.Name(), generation, a.newestEvents)
		a.trackers[p.Name()] = tracker
		a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "bookstore_read_model_behind_records",
			Help:        "Events that are on the log and not in the read model, at last look; 0 where it is not known.",
			ConstLabels: prometheus.Labels{"projection": p.Name()},
		}, func() float64 {
			behind, _ := tracker.Lag()
			return float64(behind)
		}))
		a.run(func() { tracker.Run(background) })
		if !a.cfg.Has(config.RoleProjector) {
			continue
		}
		err = a.follow(background, a.topics.Events, projection.Config{
			Consumer: p.Name(), Generation: generation,
			Handler:  projection.Feed{Projection: p, Generation: generation},
			Advanced: tracker.Advanced,
			Pool:     a.pool, Logger: a.log, Metrics: metrics,
		})
		if err != nil {
			return err
		}
	}
	a.run(func() {
		if err := a.router.Run(background); err != nil {
			a.fail(err)
		}
	})
	return nil
}

// newestEvents is where the log ends, as far as is known.
func (a *App) newestEvents() events.Offsets { return a.heads.Newest(a.topics.Events) }

// follow runs an engine on a topic.
func (a *App) follow(background context.Context, topic string, cfg projection.Config) error {
	engine, err := projection.NewEngine(cfg)
	if err != nil {
		return err
	}
	a.engines[cfg.Consumer] = engine
	a.run(func() { engine.Run(background) })
	// The group is named after the topic, so that two bookstores on one cluster
	// don't share their work by accident.
	return a.router.AddConsumer(cfg.Consumer, topic, topic+"."+cfg.Consumer, engine)
}

// queryTimeout is how long the database may work on one query: longer than any
// that is answered well, short enough that bad ones can't pile up.
const queryTimeout = 2 * time.Second

// startServer answers HTTP: the routes of both sides in role api, and in every
// role those by which it is watched.
func (a *App) startServer(background context.Context) error {
	var err error
	a.server, err = web.New(web.Config{
		Logger: a.log, Registry: a.registry, Checks: a.checks(), MaxBodyBytes: a.cfg.App.MaxBodyBytes,
	})
	if err != nil {
		return err
	}
	if a.cfg.Has(config.RoleAPI) {
		if err := a.addRoutes(background); err != nil {
			return err
		}
	}
	if err := a.server.Listen(net.JoinHostPort("", strconv.Itoa(a.cfg.App.Port))); err != nil {
		return err
	}
	a.onClose("answer the requests under way", a.server.Shutdown)
	a.run(func() {
		if err := a.server.Serve(); err != nil {
			a.fail(err)
		}
	})
	return nil
}

// addRoutes adds the API's routes and starts what they need.
func (a *App) addRoutes(background context.Context) error {
	searches, err := a.startSpool(background)
	if err != nil {
		return err
	}
	bus, err := messaging.NewCommandBus(a.publisher, a.topics.Commands, a.log)
	if err != nil {
		return err
	}
	a.bus = bus
	a.run(func() { a.outcomes.Run(background) })
	catalog, history := a.trackers[projection.Catalog{}.Name()], a.trackers[projection.History{}.Name()]
	writes := &command.API{
		Bus: bus, IDs: a.newIDs(), Outcomes: a.outcomes, ReadModel: catalog, DB: a.pool,
		Undecided: a.undecided, Wait: a.cfg.App.CommandWait, MaxBodyBytes: a.cfg.App.MaxBodyBytes,
	}
	writes.Routes(a.server.Router())
	reads := &query.API{
		Catalog: &query.Catalog{Pool: a.queryPool, Timeout: queryTimeout}, Searches: searches, Books: catalog, History: history,
		PageSize: a.cfg.App.PageSize, Wait: a.cfg.App.QueryWait, Logger: a.log,
	}
	reads.Routes(a.server.Router())
	return nil
}

// newIDs hands out ids so that books that are created together lie together.
func (a *App) newIDs() *command.IDs {
	return command.NewIDs(a.pool, messaging.PartitionOfBook(a.cfg.MQ.Partitions))
}

// startSpool opens the searches that are yet to be published, and publishes them.
func (a *App) startSpool(background context.Context) (query.SearchLog, error) {
	s, err := spool.Open(spool.Config{
		Dir: filepath.Join(a.cfg.App.DataDir, "searches"), MaxBytes: a.cfg.Spool.MaxBytes,
		Logger: a.log, Registerer: a.registry,
	})
	if err != nil {
		return nil, fmt.Errorf("open the search spool: %w", err)
	}
	a.spool = s
	a.onClose("publish and close the search spool", s.Close)
	a.run(func() {
		log := searchLog{messaging.Writer{Publisher: a.publisher, Topic: a.topics.Searches}}
		if err := s.Drain(background, log); err != nil && background.Err() == nil {
			a.fail(fmt.Errorf("drain the search spool: %w", err))
		}
	})
	return s.Searches(), nil
}

// searchLog tells the spool which searches no broker will ever take: it sets
// those aside, rather than trying for ever what holds up all behind it.
type searchLog struct{ messaging.Writer }

// Append implements [spool.Log].
func (l searchLog) Append(ctx context.Context, batch []events.Encoded) ([]events.Position, error) {
	positions, err := l.Writer.Append(ctx, batch)
	if errors.Is(err, messaging.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", spool.ErrUnpublishable, err)
	}
	return positions, err
}

// undecided says whether the log holds commands that are not decided.
func (a *App) undecided(ctx context.Context) (bool, error) {
	_, newest, err := a.broker.Watermarks(ctx, a.topics.Commands)
	if err != nil {
		return false, err
	}
	next, err := projection.Checkpoints(ctx, a.pool, consumerCommands, firstGeneration)
	if err != nil {
		return false, err
	}
	for partition, offset := range newest {
		if offset > 0 && (partition >= len(next) || next[partition] < offset) {
			return true, nil
		}
	}
	return false, nil
}

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
