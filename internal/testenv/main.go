package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"bookstore/internal/embedded"
)

// shared is what the tests of this binary share. It is the one place for
// package state: go test gives each binary one TestMain and no way to hand
// what that starts to the tests.
var shared environment

type environment struct {
	inMain bool // without Main nobody would stop what is started

	once struct{ dir, postgres, broker sync.Once }

	dir      *workDir
	dirErr   error
	postgres *embedded.Postgres
	pgErr    error
	broker   *broker
	kafkaErr error

	mu    sync.Mutex
	stops []func() error // given to Share
}

// meterArbiter is a goroutine that Sarama's metrics library starts once and
// never stops.
var meterArbiter = goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")

// Main runs the tests of a package, stops what they started, and exits. A
// goroutine that still runs then fails the run; options name exceptions.
func Main(m *testing.M, options ...goleak.Option) {
	shared.inMain = true
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(append(options, meterArbiter)...); err != nil {
			fmt.Fprintln(os.Stderr, "testenv: goroutines left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func (e *environment) close() error {
	var failures []error
	for _, stop := range e.stops {
		failures = append(failures, stop())
	}
	if e.broker != nil {
		e.broker.close()
	}
	if e.postgres != nil {
		failures = append(failures, e.postgres.Close(context.Background()))
	}
	if e.dir != nil {
		failures = append(failures, e.dir.remove())
	}

	return errors.Join(failures...)
}

// workDir returns the directory of this test binary's services.
func (e *environment) workDir() (*workDir, error) {
	e.once.dir.Do(func() { e.dir, e.dirErr = newWorkDir() })

	return e.dir, e.dirErr
}

// workDir is a temporary directory that is known to be in use while its lock
// is held.
type workDir struct {
	path string
	lock *embedded.DirLock
}

const workDirPrefix = "bookstore-testenv-"

func newWorkDir() (*workDir, error) {
	removeAbandoned()
	path, err := os.MkdirTemp("", workDirPrefix)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o711); err != nil { // PostgreSQL's user passes through it
		return nil, err
	}
	lock, err := embedded.LockDir(path)
	if err != nil {
		return nil, err
	}

	return &workDir{path: path, lock: lock}, nil
}

// removeAbandoned clears up after test binaries that were killed: nobody holds
// the lock of their directory. One that was made this instant and is not locked
// yet has no lock file either, and is left alone.
func removeAbandoned() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), workDirPrefix+"*", "LOCK"))
	for _, file := range locks {
		lock, err := embedded.LockDir(filepath.Dir(file))
		if err != nil {
			continue
		}
		_ = os.RemoveAll(filepath.Dir(file))
		_ = lock.Release()
	}
}

func (d *workDir) remove() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Release())
}
