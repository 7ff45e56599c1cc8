package app

import (
	"context"
	"net"
	"strconv"
	"time"

	"bookstore/internal/command"
	"bookstore/internal/config"
	"bookstore/internal/messaging"
	"bookstore/internal/operations"
	"bookstore/internal/pace"
	"bookstore/internal/projection"
	"bookstore/internal/query"
	"bookstore/internal/web"
	"bookstore/internal/web/pages"
)

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
	if err := a.startSpools(background); err != nil {
		return err
	}
	bus, err := messaging.NewCommandBus(a.to.commands, a.topics.Commands, a.log)
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
	meter := pace.NewMeter(a.pool, a.log)
	a.run(func() { meter.Run(background) })
	reads := &query.API{
		Catalog:  &query.Catalog{Pool: a.queryPool, Timeout: queryTimeout, Observe: meter.Observe},
		Searches: a.searches.Searches(), Opens: a.opens.Opens(), Books: catalog, History: history,
		Trends: a.trackers[projection.Trends{}.Name()], Interests: a.trackers[projection.Interests{}.Name()],
		PageSize: a.cfg.App.PageSize, Wait: a.cfg.App.QueryWait, Logger: a.log,
	}
	a.run(func() { reads.Catalog.KeepRankings(background) })
	reads.Routes(a.server.Router())
	a.addOperations(background)
	a.addFeed(background)
	return a.addPages(background)
}

// addPages adds what people see, which asks the API as any client would.
func (a *App) addPages(background context.Context) error {
	shown, err := pages.New(background, a.server.Router(), a.log)
	if err != nil {
		return err
	}
	shown.Routes(a.server.Router())
	return nil
}

// orderWait is how long a request to retry or discard parked records waits for
// their owner, who looks about once a second.
const orderWait = 5 * time.Second

// addOperations adds the operators' routes.
func (a *App) addOperations(background context.Context) {
	described := make([]operations.Described, len(projections))
	for i, p := range projections {
		described[i] = operations.Described{Name: p.Name(), Version: p.Version(), Topic: a.topicOf(p.Source())}
	}
	api := &operations.API{
		Pool: a.pool, Rebuilds: a.rebuilds, Projections: described, Topics: a.topics,
		Heads: a.heads.Newest, OldestUnapplied: a.broker.OldestTimestamp,
		Wait: orderWait, MaxBodyBytes: a.cfg.App.MaxBodyBytes,
	}
	api.Routes(a.server.Router())
	a.run(func() { api.Run(background) })
}

// newIDs hands out ids so that books that are created together lie together.
func (a *App) newIDs() *command.IDs {
	return command.NewIDs(a.pool, messaging.PartitionOfBook(a.cfg.MQ.Partitions))
}

// undecided says whether the log holds commands that are not decided.
func (a *App) undecided(ctx context.Context) (bool, error) {
	_, newest, err := a.broker.Watermarks(ctx, a.topics.Commands)
	if err != nil {
		return false, err
	}
	next, err := projection.Checkpoints(ctx, a.pool, consumerCommands)
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
