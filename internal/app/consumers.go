package app

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"bookstore/internal/command"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/query"
)

// consumerCommands names the command handler's checkpoints.
const consumerCommands = "commands"

// firstGeneration is the only one there is of the write side's state.
const firstGeneration = 1

// projections are the read models. What it takes for one more is to be listed here:
// everything else follows from its source.
var projections = []projection.Projection{
	projection.Catalog{}, projection.History{}, projection.Served(), projection.Opened(),
	projection.Trends{}, projection.Interests{},
}

// topicOf returns the topic that a source is.
func (a *App) topicOf(s projection.Source) string {
	switch s {
	case projection.Searches:
		return a.topics.Searches
	case projection.Opens:
		return a.topics.Opens
	default:
		return a.topics.Events
	}
}

// roleOf returns the role in which a projection is fed and rebuilt.
func roleOf(p projection.Projection) config.Role {
	if p.Source().OfBooks() {
		return config.RoleProjector
	}
	return config.RoleInsights
}

// startRebuilds carries out the rebuilds that fall to this process's roles, and waits
// for all read models to be there, in every role: a query must find its views.
func (a *App) startRebuilds(ctx, background context.Context) error {
	var err error
	a.rebuilds, err = rebuild.New(rebuild.Config{
		Pool: a.pool, Log: func(s projection.Source) rebuild.Log { return topicLog{a, a.topicOf(s)} },
		Projections: projections, Readable: query.Readable, Logger: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	var own []string
	for _, p := range projections {
		if a.cfg.Has(roleOf(p)) {
			own = append(own, p.Name())
		}
	}
	if len(own) > 0 {
		a.registry.MustRegister(a.rebuilds, parkedCollector{a.pool})
		a.run(func() { a.rebuilds.Run(background, own...) })
	}
	if err := a.rebuilds.Install(ctx); err != nil {
		return err
	}
	return a.offerRebuilds(ctx)
}

// offerRebuilds looks for read models that other versions of the program have made.
func (a *App) offerRebuilds(ctx context.Context) error {
	outdated, err := a.rebuilds.Outdated(ctx)
	if err != nil {
		return err
	}
	for _, name := range outdated {
		if a.cfg.Projections.Rebuild == config.RebuildOffer {
			a.log.Warn("read model is of another version than this program makes; it goes on answering until 'bookstore rebuild' replaces it", "projection", name)
			continue
		}
		_, err := a.rebuilds.Start(ctx, name, rebuild.Request{})
		if _, underWay := errors.AsType[*rebuild.UnderWayError](err); err != nil && !underWay {
			return err
		}
	}
	return nil
}

// topicLog is a topic as rebuilds read it.
type topicLog struct {
	*App
	topic string
}

// Watermarks implements [rebuild.Log].
func (l topicLog) Watermarks(ctx context.Context) (oldest, newest events.Offsets, err error) {
	return l.broker.Watermarks(ctx, l.topic)
}

// Read implements [rebuild.Log].
func (l topicLog) Read(ctx context.Context, from, to events.Offsets, fn func(events.Record) error) error {
	return messaging.ReadLog(ctx, l.kafka, l.topic, from, to, fn)
}

// startConsumers puts an engine under each consumer that this process's roles
// have.
func (a *App) startConsumers(background context.Context) error {
	var err error
	if a.router, err = messaging.NewRouter(a.kafka, a.registry); err != nil {
		return err
	}
	a.onClose("stop consuming", func(context.Context) error { return a.router.Close() })
	if a.cfg.Has(config.RoleCommands) {
		log := messaging.Writer{Publisher: a.to.events, Topic: a.topics.Events}
		err := a.follow(background, a.topics.Commands, projection.Config{
			Consumer: consumerCommands, Generations: projection.Only(firstGeneration), Durable: true,
			// A command is a request, not a step of a history: what was asked later does
			// not build on it.
			Independent: true,
			Handler:     command.NewHandler(a.pool, log, a.outcomes),
			Pool:        a.pool, Logger: a.log, Metrics: a.metrics,
		})
		if err != nil {
			return err
		}
	}
	for _, p := range projections {
		source, topic := p.Source(), a.topicOf(p.Source())
		tracker := projection.NewTracker(a.pool, p.Name(), func() events.Offsets { return a.heads.Newest(topic) })
		a.trackers[p.Name()] = tracker
		a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "bookstore_read_model_behind_records",
			Help:        "Records that are on its topic and not in the read model, at last look; 0 where it is not known.",
			ConstLabels: prometheus.Labels{"projection": p.Name()},
		}, func() float64 {
			behind, _ := tracker.Lag()
			return float64(behind)
		}))
		a.run(func() { tracker.Run(background) })
		if !a.cfg.Has(roleOf(p)) {
			continue
		}
		merger := &projection.Merger{Pool: a.pool, Projection: p.Name(), Logger: a.log}
		if projection.Collects(p) {
			a.run(func() { merger.Run(background) })
		}
		err = a.follow(background, topic, projection.Config{
			Consumer: p.Name(), Generations: projection.Attached(p.Name()),
			Independent: !source.OfBooks(), Bookless: !source.OfBooks(),
			Handler: projection.NewFeed(p),
			Advanced: func(next map[int32]int64) {
				tracker.Advanced(next)
				merger.Advanced(next)
			},
			Pool: a.pool, Logger: a.log, Metrics: a.metrics,
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
