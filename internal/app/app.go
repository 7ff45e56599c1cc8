package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/proxy"

	"bookstore/internal/command"
	"bookstore/internal/config"
	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/spool"
	"bookstore/internal/telemetry"
	"bookstore/internal/web"
)

// Options are what a test needs to run a service beside others; the zero value
// is what a user gets.
type Options struct {
	Topics   events.Topics // zero: the names of the contract
	Database string        // connection string; "": from the configuration
	Dialer   proxy.Dialer  // to Kafka; nil: directly
	Logger   *slog.Logger  // nil: to standard error, as configured
	NoSample bool          // leave an empty log empty
}

// App is a running service.
type App struct {
	cfg      config.Config
	topics   events.Topics
	log      *slog.Logger
	registry *prometheus.Registry

	homes     homes
	pool      *pgxpool.Pool // of consumers and the write side
	queryPool *pgxpool.Pool // of the read side

	kafka  messaging.Config
	broker *messaging.Broker
	heads  *messaging.Heads
	to     publishers
	bus    *messaging.CommandBus // nil without the API
	router *messaging.Router

	engines  map[string]*projection.Engine  // by consumer; of this process's roles
	trackers map[string]*projection.Tracker // by projection
	metrics  *projection.Metrics
	rebuilds *rebuild.Rebuilder
	outcomes *command.Outcomes
	searches *spool.Spool // nil without the API
	opens    *spool.Spool // nil without the API
	server   *web.Server

	background sync.WaitGroup     // what runs until stop
	stop       context.CancelFunc // ends the background
	closers    []closer           // in the order in which parts were brought up
	failed     chan error
}

// closer takes one part down.
type closer struct {
	what  string
	close func(context.Context) error
}

// GCPercent is what [Run] sets, where GOGC is not. Little of what is allocated
// lives long, and with a live heap of some 20 MB the default of 100 collects every
// few milliseconds under load: a sixth of the time of a busy process, measured.
const GCPercent = 400

// Run starts the service, says on out where to look, and takes it down when ctx
// ends.
func Run(ctx context.Context, cfg config.Config, out io.Writer, options Options) error {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(GCPercent)
	}
	a, err := Start(ctx, cfg, options)
	if err != nil {
		return err
	}
	a.Announce(out)
	var failure error
	select {
	case <-ctx.Done():
		a.log.Info("stopping", "within", cfg.App.ShutdownTimeout)
	case failure = <-a.failed:
	}
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.App.ShutdownTimeout)
	defer cancel()
	return errors.Join(failure, a.Close(shutdown))
}

// Start brings the service up and returns when it is ready to answer. What it
// began is taken down again when it fails.
func Start(ctx context.Context, cfg config.Config, options Options) (*App, error) {
	a := &App{
		cfg:      cfg,
		topics:   options.Topics,
		log:      options.Logger,
		registry: telemetry.NewRegistry(),
		engines:  make(map[string]*projection.Engine),
		trackers: make(map[string]*projection.Tracker),
		failed:   make(chan error, 1),
	}
	if a.topics == (events.Topics{}) {
		a.topics = events.DefaultTopics()
		a.topics.Searches = cfg.MQ.Topic
	}
	if a.log == nil {
		a.log = telemetry.NewLogger(os.Stderr, cfg.App.LogLevel, string(cfg.App.LogFormat))
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	if err := a.start(ctx, background, options); err != nil {
		shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.App.ShutdownTimeout)
		defer cancel()
		return nil, errors.Join(err, a.Close(shutdown))
	}
	return a, nil
}

// start brings the parts up in the order in which they need each other.
func (a *App) start(ctx, background context.Context, options Options) error {
	if err := a.startHomes(ctx, background, options); err != nil {
		return err
	}
	if err := a.openDatabase(ctx); err != nil {
		return err
	}
	if err := a.openLog(ctx, background); err != nil {
		return err
	}
	if err := a.checkLog(ctx); err != nil {
		return err
	}
	if err := a.restoreWriteSide(ctx); err != nil {
		return err
	}
	// Once consuming has stopped, what is on its way to the database is brought to
	// its end, before the database is disconnected.
	a.onClose("end the background", func(context.Context) error {
		a.stop()
		a.background.Wait()
		return nil
	})
	a.outcomes = command.NewOutcomes(a.pool)
	a.metrics = projection.NewMetrics(a.registry)
	if err := a.startRebuilds(ctx, background); err != nil {
		return err
	}
	if err := a.startConsumers(background); err != nil {
		return err
	}
	if err := a.startServer(background); err != nil {
		return err
	}
	if err := a.writeRunFile(); err != nil {
		return err
	}
	if options.NoSample {
		return nil
	}
	return a.loadSample(ctx)
}

// onClose takes note of how to take a part down that has just been brought up.
func (a *App) onClose(what string, f func(context.Context) error) {
	a.closers = append(a.closers, closer{what, f})
}

// fail ends a running service for a reason that no retry mends.
func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default: // there is a reason already
	}
}

// run does something in the background until the service stops.
func (a *App) run(f func()) { a.background.Go(f) }

// Close takes the service down: what was taken is answered, what was decided is
// published, what was searched and opened is published as far as ctx allows, and
// the rest is on disk for the next start.
func (a *App) Close(ctx context.Context) error {
	var faults []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		began := time.Now()
		if err := a.closers[i].close(ctx); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", a.closers[i].what, err))
		}
		a.log.Debug("closed", "part", a.closers[i].what, "took", time.Since(began))
	}
	a.closers = nil
	a.stop() // for a start that failed half-way
	a.background.Wait()
	return errors.Join(faults...)
}
