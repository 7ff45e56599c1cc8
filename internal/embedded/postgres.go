package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	logFile      = "postgres.log"
	passwordFile = "password"

	// socketPort is in the socket's file name. The socket has a directory of
	// its own, so it need not be free, and with PostgreSQL's default psql
	// needs no -p.
	socketPort = 5432
)

// PostgresConfig says which private PostgreSQL to run.
type PostgresConfig struct {
	// DataDir is made when it is missing and used by this server alone. The
	// caller holds the lock (LockDir) of it or of a directory above it.
	DataDir string

	// Port of 127.0.0.1 that the server listens on besides its socket, for
	// tools that can't use one. 0: none.
	Port int

	// User is the server's superuser, Database the one that is made for it.
	User, Database string

	// Ephemeral gives up durability for speed, for a cluster that is thrown
	// away after a test run.
	Ephemeral bool

	Logger *slog.Logger
}

// Postgres is a running private PostgreSQL server. When the server dies it is
// started again, until Close.
type Postgres struct {
	cfg       PostgresConfig
	cluster   cluster
	socketDir string
	password  string // empty without TCP
	log       *serverLog

	closeOnce sync.Once
	closing   context.CancelFunc
	closeCtx  context.Context // Close's; set before closing is called
	done      chan struct{}
	err       error // valid after done
}

// StartPostgres runs the private PostgreSQL in cfg.DataDir, which it creates
// at the first start, and returns once it accepts connections. A server that
// an earlier, killed run left there is stopped first.
//
// The errors to tell apart are *PortInUseError and *NoPostgresError.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	c, err := openCluster(cfg)
	if err != nil {
		return nil, err
	}
	if err := stopLeftover(ctx, c.dir(), cfg.Logger); err != nil {
		return nil, err
	}

	p := &Postgres{cfg: cfg, cluster: c, done: make(chan struct{})}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	first, err := p.firstServer(ctx)
	if err != nil {
		_ = p.log.Close()
		return nil, err
	}

	running, closing := context.WithCancel(context.Background())
	p.closing = closing
	go p.supervise(running, first)

	return p, nil
}

// prepare writes what the server reads when it starts.
func (p *Postgres) prepare() error {
	if p.cfg.Port != 0 {
		if err := checkPortFree("embedded.postgres_port", p.cfg.Port); err != nil {
			return err
		}
	}

	var err error
	c := p.cluster
	if p.socketDir, err = makeSocketDir(c.dataDir, c.reachable, c.account); err != nil {
		return fmt.Errorf("make directory for PostgreSQL's socket: %w", err)
	}
	if err := c.account.writeFile(filepath.Join(c.dir(), "postgresql.conf"), renderSettings(p.settings())); err != nil {
		return fmt.Errorf("write PostgreSQL's settings: %w", err)
	}
	if err := c.account.writeFile(filepath.Join(c.dir(), "pg_hba.conf"), renderAccess(p.cfg.Port != 0)); err != nil {
		return fmt.Errorf("write PostgreSQL's access rules: %w", err)
	}
	if p.cfg.Port != 0 {
		if p.password, err = loadPassword(filepath.Join(c.dataDir, passwordFile)); err != nil {
			return fmt.Errorf("make PostgreSQL's password: %w", err)
		}
	}
	if p.log, err = openServerLog(filepath.Join(c.dataDir, logFile)); err != nil {
		return fmt.Errorf("open PostgreSQL's log: %w", err)
	}

	return nil
}

func (p *Postgres) settings() []setting {
	listen := ""
	if p.cfg.Port != 0 {
		listen = "127.0.0.1"
	}
	settings := append([]setting{
		{"listen_addresses", listen},
		{"port", strconv.Itoa(p.port())},
		{"unix_socket_directories", `"` + strings.ReplaceAll(p.socketDir, `"`, `""`) + `"`},
		{"unix_socket_permissions", "0700"},
	}, commonSettings...)
	if p.cfg.Ephemeral {
		return append(settings, ephemeralSettings...)
	}

	return append(settings, durableSettings(p.cluster.binaries)...)
}

func (p *Postgres) port() int {
	if p.cfg.Port != 0 {
		return p.cfg.Port
	}

	return socketPort
}

// firstServer starts the server and sees to its database and password.
func (p *Postgres) firstServer(ctx context.Context) (*server, error) {
	s, err := p.startPatiently(ctx)
	if err != nil {
		return nil, err
	}
	err = p.ensureDatabase(ctx)
	if err == nil && p.password != "" {
		err = p.setPassword(ctx)
	}
	if err != nil {
		s.stop(ctx)
		return nil, err
	}

	return s, nil
}

// startPatiently tries a few times: the workers of a server that was killed
// hold its shared memory until they notice, and no new one may start before.
func (p *Postgres) startPatiently(ctx context.Context) (*server, error) {
	const (
		attempts   = 10
		firstPause = 25 * time.Millisecond // doubles each time, 13 s in all
	)

	for attempt := 0; ; attempt++ {
		s, err := startServer(ctx, p.cluster, p.dsn("postgres"), p.log)
		if err == nil || attempt == attempts-1 || !errors.Is(err, errServerExited) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(firstPause << attempt):
		}
	}
}

// ensureDatabase creates the database, unless it is there.
func (p *Postgres) ensureDatabase(ctx context.Context) error {
	err := checkConnection(ctx, p.ConnString())
	if missing := (*pgconn.PgError)(nil); !errors.As(err, &missing) || missing.Code != "3D000" {
		return err
	}

	return p.exec(ctx, "CREATE DATABASE "+pgx.Identifier{p.cfg.Database}.Sanitize())
}

// setPassword runs at each start, so that the file always tells the password
// that is in force.
func (p *Postgres) setPassword(ctx context.Context) error {
	// Generated from letters and digits only, so it needs no quoting; ALTER
	// ROLE takes no parameters.
	return p.exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", pgx.Identifier{p.cfg.User}.Sanitize(), p.password))
}

func (p *Postgres) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)

	return err
}

// supervise starts the server again when it ends by itself, until Close or
// until it can't be started any more.
func (p *Postgres) supervise(ctx context.Context, s *server) {
	defer close(p.done)
	defer p.log.Close()

	for {
		select {
		case <-ctx.Done():
			p.shutDown(s)
			return
		case <-s.exited:
		}

		diedAt, cause := time.Now(), s.err
		var err error
		if s, err = p.startPatiently(ctx); err != nil {
			if ctx.Err() == nil {
				//nolint:errorlint // the cause is nil after an orderly stop by somebody else: %w would not print that
				p.err = fmt.Errorf("PostgreSQL ended (%v) and does not start again: %w", cause, err)
			}
			return
		}
		p.cfg.Logger.Warn("PostgreSQL ended by itself and was started again",
			"cause", cause, "away", time.Since(diedAt), "log", p.log.path)
	}
}

func (p *Postgres) shutDown(s *server) {
	s.stop(p.closeCtx)
	if filepath.Dir(p.socketDir) != p.cluster.dataDir {
		_ = os.Remove(p.socketDir) // only tidiness: the next start takes it as it is
	}
}

// Close stops the server in good order, and less kindly when that takes more
// than 20 s or ctx ends. What was committed is kept either way.
func (p *Postgres) Close(ctx context.Context) error {
	p.closeOnce.Do(func() {
		p.closeCtx = ctx
		p.closing()
	})
	<-p.done

	return p.err
}

// Done is closed when the server is gone for good: after Close, or when it
// died and could not be started again, which Err tells.
func (p *Postgres) Done() <-chan struct{} { return p.done }

// Err says why the server is gone: nil while it runs and after a Close.
func (p *Postgres) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// ConnString connects to the database as its owner, over the socket. It is a
// URL that pgx and libpq's programs understand.
func (p *Postgres) ConnString() string { return p.dsn(p.cfg.Database) }

func (p *Postgres) dsn(database string) string {
	// PathEscape, because neither pgx nor libpq take a "+" for a space.
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.User(p.cfg.User),
		Path:     "/" + database,
		RawQuery: "host=" + url.PathEscape(p.socketDir) + "&port=" + strconv.Itoa(p.port()),
	}

	return dsn.String()
}

// ConnStringTCP connects over TCP with the password, for programs that can't
// use a socket; empty when the server has no port.
func (p *Postgres) ConnStringTCP() string {
	if p.cfg.Port == 0 {
		return ""
	}
	dsn := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(p.cfg.User, p.password),
		Host:   net.JoinHostPort("127.0.0.1", strconv.Itoa(p.cfg.Port)),
		Path:   "/" + p.cfg.Database,
	}

	return dsn.String()
}

// PsqlLine is a command for a shell that opens the database.
func (p *Postgres) PsqlLine() string {
	words := []string{p.psql(), "-h", p.socketDir}
	if p.port() != socketPort {
		words = append(words, "-p", strconv.Itoa(p.port()))
	}
	words = append(words, "-U", p.cfg.User, p.cfg.Database)
	for i, word := range words {
		words[i] = shellQuote(word)
	}

	return strings.Join(words, " ")
}

// psql is the full path where the program is not on the PATH.
func (p *Postgres) psql() string {
	if _, err := exec.LookPath("psql"); err == nil {
		return "psql"
	}

	return p.cluster.binaries.path("psql")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=-]+$`)

// shellQuote makes a shell read word as it is.
func shellQuote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}

	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// loadPassword reads the password, or generates it and keeps it for us alone.
func loadPassword(path string) (string, error) {
	if content, err := os.ReadFile(path); err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	password := rand.Text()

	return password, os.WriteFile(path, []byte(password+"\n"), 0o600)
}

// checkPortFree finds out before PostgreSQL does, whose refusal is a line in a
// log.
func checkPortFree(key string, port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return &PortInUseError{Key: key, Port: port, Err: err}
	}

	return listener.Close()
}
