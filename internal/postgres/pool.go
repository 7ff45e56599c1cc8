package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are what differs between the pools of the service.
type Options struct {
	ApplicationName string // shown in pg_stat_activity, so that an operator sees whose query it is
	MaxConns        int32  // connections at most; 0 leaves it to pgx: 4, or one per CPU if there are more
}

const (
	// connectTimeout bounds each attempt to connect to each address. A host that
	// drops packets would otherwise hold a request for minutes that could have
	// been answered 503 at once.
	connectTimeout = 2 * time.Second

	// pingTimeout bounds the check of a connection that was idle. On a server
	// that is frozen or cut off, that check would otherwise never end.
	pingTimeout = 2 * time.Second

	// maxConnLifetime lets connections move to another server behind the same
	// name, and gives back what a long-lived backend has grown. Spread, so that
	// they don't all go at once.
	maxConnLifetime       = time.Hour
	maxConnLifetimeJitter = 10 * time.Minute

	maxConnIdleTime   = 10 * time.Minute
	healthCheckPeriod = 30 * time.Second

	// idleInTransaction is when the server ends a transaction whose client has
	// gone quiet. A frozen process (a paused virtual machine, SIGSTOP) keeps its
	// connection and its row locks; without this bound nobody could take over
	// its partitions until it thaws. A transaction that has a reason to pause
	// for longer sets its own bound with SET LOCAL.
	idleInTransaction = time.Minute
)

// Open returns a pool of connections to the server of connString, a URL or
// libpq's key=value form. It fails when connString is malformed, and not when
// the server is away: connections are made when they are needed. There is no
// statement timeout; callers bound their queries by context.
//
// What connString says about connect_timeout, application_name or
// idle_in_transaction_session_timeout comes before the values here.
func Open(ctx context.Context, connString string, options Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL pool: %w", err)
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if options.MaxConns > 0 {
		config.MaxConns = options.MaxConns
	}
	config.PingTimeout = pingTimeout
	config.MaxConnLifetime = maxConnLifetime
	config.MaxConnLifetimeJitter = maxConnLifetimeJitter
	config.MaxConnIdleTime = maxConnIdleTime
	config.HealthCheckPeriod = healthCheckPeriod

	parameters := config.ConnConfig.RuntimeParams
	setMissing(parameters, "application_name", options.ApplicationName)
	setMissing(parameters, "idle_in_transaction_session_timeout", fmt.Sprint(idleInTransaction.Milliseconds()))

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL pool: %w", err)
	}
	return pool, nil
}

func setMissing(parameters map[string]string, name, value string) {
	if _, given := parameters[name]; !given && value != "" {
		parameters[name] = value
	}
}
