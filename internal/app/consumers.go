package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"bookstore/internal/command"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection"
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
		log := messaging.Writer{Publisher: a.to.events, Topic: a.topics.Events}
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
