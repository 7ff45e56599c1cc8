package config

import (
	"log/slog"
	"slices"
	"time"

	"bookstore/internal/events"
)

// Config is everything that can be set about the service. Load checks it;
// Default gives the values that hold when nothing is set.
type Config struct {
	App         App
	DB          DB
	MQ          MQ
	Embedded    Embedded
	Projections Projections
	Spool       Spool
}

// App holds what concerns the service as a whole and its HTTP side.
type App struct {
	Port            int           // TCP port of the HTTP server, 0 to 65535; 0 takes any free port
	PageSize        int           // books on a page when the client names no limit, 1 to 100
	DataDir         string        // directory of everything that is kept on disk; relative to the working directory
	Roles           []Role        // what this process does; never empty
	CommandWait     time.Duration // how long a write waits for its outcome before it answers 202; 0 to 1 minute
	QueryWait       time.Duration // how long a query waits to see the write its Consistency-Token names; 0 to 1 minute
	MaxBodyBytes    int64         // bytes accepted in a request body, 1 KiB to 64 MiB
	ShutdownTimeout time.Duration // how long a drain may take before the process ends anyway; 1 second to 10 minutes
	LogLevel        slog.Level    // least important level that is logged
	LogFormat       LogFormat     // how log lines are written
}

// DB says which PostgreSQL to use.
type DB struct {
	Host     string // host name, IP address or socket directory; empty: the embedded PostgreSQL
	Port     int    // 1 to 65535
	User     string
	Password Secret // may be empty: PostgreSQL's own sources (PGPASSFILE, ~/.pgpass) then apply
	Database string
}

// MQ says which Kafka to use and how the service's topics are laid out there.
type MQ struct {
	Brokers    []string // host:port of one or more brokers; empty: the embedded broker
	Topic      string   // name of the topic of searches, the public contract
	Partitions int      // partitions of every topic the service creates, 1 to 1024; fixed once created
}

// Embedded holds the ports of what runs inside this process when db.host or
// mq.brokers is empty.
type Embedded struct {
	KafkaPort    int // loopback port of the broker, 0 to 65535; 0 takes any free port
	PostgresPort int // loopback port of PostgreSQL, 0 to 65535; 0 listens on a unix socket only
}

// Projections says what becomes of read models that are not of the program's
// version.
type Projections struct {
	Rebuild RebuildChoice // what is done at a start that finds one
}

// RebuildChoice is who begins a rebuild that a new version needs.
type RebuildChoice string

// The choices. Either way the old generation goes on answering meanwhile.
const (
	RebuildOffer RebuildChoice = "offer" // an operator, who is told
	RebuildAuto  RebuildChoice = "auto"  // the service
)

// Spool bounds what waits on disk for the broker: answered searches in one spool,
// opened books in another.
type Spool struct {
	MaxBytes int64 // bytes on disk at which either spool is full, at least 1 MiB
}

// LogFormat is how log lines are written.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text" // key=value, for people
	LogJSON LogFormat = "json" // one JSON object a line, for collectors
)

// Role is a part of the service that a process plays.
type Role string

// The roles. A process that is scaled out plays one or more of the last four.
const (
	RoleAll       Role = "all"       // every role, in one process
	RoleAPI       Role = "api"       // answers HTTP
	RoleCommands  Role = "commands"  // decides commands and publishes events
	RoleProjector Role = "projector" // projects events into the read model
	RoleInsights  Role = "insights"  // projects what was searched and opened
)

// Default returns the settings that hold when neither file nor environment say
// otherwise: everything embedded, every role in this process.
func Default() Config {
	return Config{
		App: App{
			Port:            8080,
			PageSize:        5,
			DataDir:         "./data",
			Roles:           []Role{RoleAll},
			CommandWait:     5 * time.Second,
			QueryWait:       2 * time.Second,
			MaxBodyBytes:    1 << 20,
			ShutdownTimeout: 15 * time.Second,
			LogLevel:        slog.LevelInfo,
			LogFormat:       LogText,
		},
		DB: DB{
			Port:     5432,
			User:     "bookstore",
			Database: "lr_event_book",
		},
		MQ: MQ{
			Brokers:    []string{},
			Topic:      events.DefaultSearchesTopic,
			Partitions: 12,
		},
		Embedded:    Embedded{KafkaPort: 9092},
		Projections: Projections{Rebuild: RebuildOffer},
		Spool:       Spool{MaxBytes: 1 << 30},
	}
}

// EmbeddedPostgres reports whether this process runs its own PostgreSQL.
func (c Config) EmbeddedPostgres() bool { return c.DB.Host == "" }

// EmbeddedKafka reports whether this process runs its own broker.
func (c Config) EmbeddedKafka() bool { return len(c.MQ.Brokers) == 0 }

// Has reports whether this process plays role. A process with RoleAll plays
// every one.
func (c Config) Has(role Role) bool {
	return slices.Contains(c.App.Roles, role) || slices.Contains(c.App.Roles, RoleAll)
}
