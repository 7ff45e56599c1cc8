package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// stopSteps are the ways to stop a server, from the kindest on. Fast shutdown
// (SIGINT) rolls back what is open and writes a checkpoint, so that the next
// start has nothing to recover; immediate shutdown (SIGQUIT) leaves that to
// the next start. None loses what was committed.
var stopSteps = []struct {
	signal   syscall.Signal
	patience time.Duration
}{
	{syscall.SIGINT, 20 * time.Second},
	{syscall.SIGQUIT, 5 * time.Second},
	{syscall.SIGKILL, 5 * time.Second},
}

// server is one run of the PostgreSQL server process.
type server struct {
	*child
}

// startServer runs the server of the cluster and returns once it accepts
// connections, which takes as long as its recovery does.
func startServer(ctx context.Context, c cluster, dsn string, log *serverLog) (*server, error) {
	cmd, release, err := c.command("postgres", c.dir())
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer release()
	cmd.Stdout, cmd.Stderr = log, log
	// The server's own children hold the pipe to the log, and may outlive it.
	cmd.WaitDelay = 100 * time.Millisecond
	// If we are killed the server shuts down in good order by itself. The next
	// start waits for that, which is quicker than recovering from a crash.
	cmd.SysProcAttr = childAttr(c.account, syscall.SIGINT)

	_ = log.lastLines()
	started, err := startChild(cmd)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	s := &server{child: started}
	if err := s.waitReady(ctx, c.dir(), dsn); err != nil {
		s.stop(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("start PostgreSQL: %w; its log (%s) ends:\n%s",
			err, filepath.Join(c.dataDir, logFile), log.lastLines())
	}

	return s, nil
}

// errServerExited says that the server ended while it was waited for.
var errServerExited = errors.New("the server process ended")

// waitReady polls the server's own note of its state, which costs neither a
// connection nor a line in its log, and then makes sure with a connection.
func (s *server) waitReady(ctx context.Context, clusterDir, dsn string) error {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()

	for {
		state, err := readPostmasterFile(clusterDir)
		if err != nil {
			return err
		}
		if state.ready && state.pid == s.cmd.Process.Pid {
			return checkConnection(ctx, dsn)
		}

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.exited:
			return errors.Join(errServerExited, s.err)
		case <-poll.C:
		}
	}
}

func checkConnection(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}

	return conn.Close(ctx)
}

// stop ends the server. When ctx ends it goes on to the next, rougher step at
// once instead of waiting the step's time.
func (s *server) stop(ctx context.Context) {
	for _, step := range stopSteps {
		_ = s.cmd.Process.Signal(step.signal) // an error means that it is gone
		if s.waitExit(ctx, step.patience) {
			return
		}
	}
}

// rushed is what a step gets when ctx has ended.
const rushed = time.Second

func (s *server) waitExit(ctx context.Context, patience time.Duration) bool {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-s.exited:
		return true
	case <-timeout.C:
		return false
	case <-ctx.Done():
		timeout.Reset(rushed)
	}

	select {
	case <-s.exited:
		return true
	case <-timeout.C:
		return false
	}
}
