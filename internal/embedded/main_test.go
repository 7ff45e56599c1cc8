package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"bookstore/internal/embedded"
)

// homeVariable makes the test binary not test but run a service's home in that
// directory, as a process of its own that a test can kill.
const homeVariable = "EMBEDDED_TEST_HOME"

func TestMain(m *testing.M) {
	if dir := os.Getenv(homeVariable); dir != "" {
		if err := runHome(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}

	// Killed homes leave their socket's directory behind, so that is made in
	// a place that goes: open to all users, as a /tmp is.
	temp, err := os.MkdirTemp("", "embedded-")
	if err == nil {
		err = errors.Join(os.Chmod(temp, 0o777|os.ModeSticky), os.Setenv("TMPDIR", temp))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.Cleanup(func(code int) {
			_ = os.RemoveAll(temp)
			os.Exit(code)
		}))
}

// home is what a service keeps in its data directory.
type home struct {
	Kafka    string // address
	Database string // connection URL
	Psql     string
	Postgres int // process id

	kafka    *embedded.Kafka
	postgres *embedded.Postgres
	lock     *embedded.DirLock
}

func openHome(ctx context.Context, dir string) (*home, error) {
	lock, err := embedded.LockDir(dir)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.DiscardHandler)
	kafka, err := embedded.StartKafka(ctx, embedded.KafkaConfig{DataDir: filepath.Join(dir, "kafka"), Logger: logger})
	if err != nil {
		return nil, err
	}
	postgres, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		DataDir:  filepath.Join(dir, "postgres"),
		User:     "bookstore",
		Database: "books",
		Logger:   logger,
	})
	if err != nil {
		return nil, err
	}

	return &home{
		Kafka:    kafka.Addr(),
		Database: postgres.ConnString(),
		Psql:     postgres.PsqlLine(),
		kafka:    kafka,
		postgres: postgres,
		lock:     lock,
	}, nil
}

func (h *home) close() error {
	err := h.postgres.Close(context.Background())
	h.kafka.Close()
	_ = h.lock.Release()

	return err
}

// startHome runs a home in the test's own process.
func startHome(t *testing.T, dir string) *home {
	t.Helper()
	h, err := openHome(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.postgres.Close(context.Background()); h.kafka.Close(); _ = h.lock.Release() })

	return h
}

// runHome prints where the home's services are, and runs them until it is
// interrupted or its standard input ends.
func runHome(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	h, err := openHome(ctx, dir)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(h); err != nil {
		return err
	}
	<-ctx.Done()

	return h.close()
}

// homeProcess is a home in a process of its own.
type homeProcess struct {
	home
	cmd *exec.Cmd
}

// startHomeProcess runs the home as the user of credential, nil for the
// test's own.
func startHomeProcess(t *testing.T, dir string, credential *syscall.Credential) *homeProcess {
	t.Helper()
	p := &homeProcess{cmd: homeCommand(t, dir, credential)}
	var problems strings.Builder
	p.cmd.Stderr = &problems
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })

	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		_ = p.cmd.Wait()
		require.Fail(t, "the home did not start", problems.String())
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &p.home))

	return p
}

func homeCommand(t *testing.T, dir string, credential *syscall.Credential) *exec.Cmd {
	t.Helper()
	program := os.Args[0]
	if credential != nil {
		program = publicCopy(t, program)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), homeVariable+"="+dir)
	if credential != nil {
		cmd.Env = append(cmd.Env, "HOME="+filepath.Dir(dir)) // ours is closed to them
	}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential}

	return cmd
}

// publicCopy puts the program where every user can run it: go test keeps the
// original in a directory of its own user's.
func publicCopy(t *testing.T, program string) string {
	t.Helper()
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	path := filepath.Join(publicDir(t), "home")
	require.NoError(t, os.WriteFile(path, content, 0o755))

	return path
}

// publicDir is a temporary directory that every user may enter, which
// t.TempDir() is not.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bookstore-embedded-test-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))

	return dir
}

func (p *homeProcess) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
}
