package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/app"
	"bookstore/internal/config"
	"bookstore/internal/runfile"
)

// serveVariable makes the test binary not test but be the service, configured by
// the environment as any other, on topics whose names begin with its value.
const serveVariable = "BOOKSTORE_TEST_SERVE"

// serve runs the service until standard input ends, which it does with the test
// at the latest, however that ends.
func serve(prefix string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	cfg, err := config.Load("", os.Environ())
	if err == nil {
		err = app.Run(ctx, cfg, os.Stdout, app.Options{Topics: topicsOf(prefix), NoSample: true})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a service in a process of its own, which a test can kill and start
// again on the same data.
type process struct {
	dir     string // what it keeps, and what it says in service.log
	environ []string

	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
	url    atomic.Pointer[string] // nil while it is not ready
}

// newProcess returns a process that does not run yet. It is stopped with the test.
func newProcess(t testing.TB, dir, prefix string, settings map[string]string) *process {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	p := &process{dir: dir}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "BOOKSTORE_") {
			p.environ = append(p.environ, variable)
		}
	}
	p.environ = append(p.environ, serveVariable+"="+prefix,
		"BOOKSTORE_APP_DATA_DIR="+filepath.Join(dir, "data"), "BOOKSTORE_APP_PORT=0", "BOOKSTORE_APP_LOG_LEVEL=debug")
	for name, value := range settings {
		p.environ = append(p.environ, name+"="+value)
	}
	t.Cleanup(p.stop)
	return p
}

func (p *process) start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(p.dir, "service.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer log.Close()
	fmt.Fprintf(log, "--- started %s\n", time.Now().Format(time.RFC3339Nano))
	// Not CommandContext: killing it is what the test decides.
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Dir, p.cmd.Env = p.dir, p.environ
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	exited, cmd := make(chan struct{}), p.cmd
	p.exited = exited
	go func() {
		_ = cmd.Wait() // how it ended is for the test to know
		close(exited)
	}()
}

// errEnded says that a process ended that should have become ready.
var errEnded = errors.New("the service ended by itself")

// awaitReady returns once /readyz says so, with where the service is.
func (p *process) awaitReady(ctx context.Context, client *http.Client) (runfile.Info, error) {
	var info runfile.Info
	err := poll(ctx, func() (bool, error) {
		select {
		case <-p.exited:
			return false, fmt.Errorf("%w: see %s", errEnded, filepath.Join(p.dir, "service.log"))
		default:
		}
		var err error
		// The run file of a process that was killed is still there.
		if info, err = runfile.Read(filepath.Join(p.dir, "data")); err != nil || info.PID != p.cmd.Process.Pid {
			return false, nil //nolint:nilerr // not yet
		}
		a, err := send(ctx, client, http.MethodGet, info.URL+"/readyz", nil, nil)
		return err == nil && a.status == http.StatusOK, nil
	})
	if err == nil {
		p.url.Store(&info.URL)
	}
	return info, err
}

// partitions returns how many partitions each consumer has, as /readyz tells.
func (p *process) partitions(ctx context.Context, client *http.Client) (map[string]int, error) {
	a, err := send(ctx, client, http.MethodGet, *p.url.Load()+"/readyz", nil, nil)
	if err != nil {
		return nil, err
	}
	var ready struct {
		Checks []struct {
			Name   string
			Detail json.RawMessage
		}
	}
	if err := json.Unmarshal(a.body, &ready); err != nil {
		return nil, err
	}
	held := make(map[string]int)
	for _, check := range ready.Checks {
		if check.Name != "consumers" {
			continue
		}
		var consumers map[string]struct{ Partitions int }
		if err := json.Unmarshal(check.Detail, &consumers); err != nil {
			return nil, err
		}
		for name, c := range consumers {
			held[name] = c.Partitions
		}
	}
	return held, nil
}

// kill ends the process like a power cut would, and the PostgreSQL that it runs
// too if asked to.
func (p *process) kill(t testing.TB, postgresToo bool) {
	t.Helper()
	p.url.Store(nil)
	if postgresToo {
		// Before its parent, whose death would have it shut down in good order.
		if pid := p.postmaster(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	require.NoError(t, p.cmd.Process.Kill())
	<-p.exited
}

// postmaster is the process id of the embedded PostgreSQL; 0 when there is none.
func (p *process) postmaster() int { return postmasterOf(filepath.Join(p.dir, "data", "postgres")) }

// postmasterOf is the process id of the PostgreSQL in an embedded data directory; 0
// when there is none.
func postmasterOf(dir string) int {
	content, err := os.ReadFile(filepath.Join(dir, "cluster", "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0
	}
	return pid
}

// stop ends the process in good order.
func (p *process) stop() {
	if p.cmd == nil {
		return
	}
	_ = p.stdin.Close()
	timeout := time.NewTimer(shutdownBound)
	defer timeout.Stop()
	select {
	case <-p.exited:
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// poll calls try until it is done or fails, or ctx ends.
func poll(ctx context.Context, try func() (done bool, err error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := try()
		if done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// await waits until it is so; otherwise tells what does not happen.
func await(t testing.TB, within time.Duration, otherwise string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	require.NoError(t, poll(ctx, func() (bool, error) { return so(), nil }), otherwise)
}
