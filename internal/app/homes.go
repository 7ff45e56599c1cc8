package app

import (
	"context"
	"fmt"
	"path/filepath"

	"bookstore/internal/config"
	"bookstore/internal/embedded"
	"bookstore/internal/messaging"
)

// homes are where the log and the database live: in this process's care, or
// somewhere else.
type homes struct {
	kafka    *embedded.Kafka    // nil: elsewhere
	postgres *embedded.Postgres // nil: elsewhere
	database string             // connection string
}

// startHomes takes the data directory and starts what is embedded.
func (a *App) startHomes(ctx, background context.Context, options Options) error {
	a.homes.database = options.Database
	if a.homes.database == "" && !a.cfg.EmbeddedPostgres() {
		a.homes.database = a.cfg.DB.ConnString()
	}
	a.kafka = messaging.Config{Brokers: a.cfg.MQ.Brokers, ClientID: "bookstore", Dialer: options.Dialer, Logger: a.log}
	if !a.keepsFiles() {
		return nil
	}
	lock, err := embedded.LockDir(a.cfg.App.DataDir)
	if err != nil {
		return err
	}
	a.onClose("release the data directory", func(context.Context) error { return lock.Release() })

	if a.cfg.EmbeddedKafka() {
		if err := a.startKafka(ctx); err != nil {
			return err
		}
	}
	if a.homes.database == "" {
		return a.startPostgres(ctx, background)
	}
	return nil
}

// keepsFiles says whether this process has anything in its data directory: an
// embedded server, or the spool of searches.
func (a *App) keepsFiles() bool {
	return a.cfg.EmbeddedKafka() || a.homes.database == "" || a.cfg.Has(config.RoleAPI)
}

func (a *App) startKafka(ctx context.Context) error {
	kafka, err := embedded.StartKafka(ctx, embedded.KafkaConfig{
		DataDir: filepath.Join(a.cfg.App.DataDir, "kafka"), Port: a.cfg.Embedded.KafkaPort, Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	a.homes.kafka = kafka
	a.kafka.Brokers = []string{kafka.Addr()}
	if a.kafka.Dialer == nil {
		a.kafka.Dialer = kafka
	}
	a.onClose("stop the embedded broker", func(context.Context) error {
		kafka.Close()
		return nil
	})
	return nil
}

func (a *App) startPostgres(ctx, background context.Context) error {
	postgres, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		DataDir: filepath.Join(a.cfg.App.DataDir, "postgres"), Port: a.cfg.Embedded.PostgresPort,
		User: a.cfg.DB.User, Database: a.cfg.DB.Database, Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("start the embedded PostgreSQL: %w", err)
	}
	a.homes.postgres = postgres
	a.homes.database = postgres.ConnString()
	a.onClose("stop the embedded PostgreSQL", postgres.Close)
	a.run(func() {
		select {
		case <-postgres.Done(): // it was restarted again and again, in vain
			a.fail(fmt.Errorf("the embedded PostgreSQL has stopped: %w", postgres.Err()))
		case <-background.Done():
		}
	})
	return nil
}
