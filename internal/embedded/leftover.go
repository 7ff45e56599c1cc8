package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pollInterval is how often the state of a server that starts or stops is
// looked at, where nothing tells us.
const pollInterval = 2 * time.Millisecond

// postmasterFile is what a running server says about itself in
// postmaster.pid.
type postmasterFile struct {
	pid   int
	ready bool // accepts connections
}

// readPostmasterFile returns the zero value when there is no such file, or a
// half-written one.
func readPostmasterFile(cluster string) (postmasterFile, error) {
	content, err := os.ReadFile(filepath.Join(cluster, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return postmasterFile{}, nil
	}
	if err != nil {
		return postmasterFile{}, err
	}

	const pidLine, statusLine = 0, 7 // PostgreSQL's src/include/utils/pidfile.h
	lines := strings.Split(string(content), "\n")
	var found postmasterFile
	if pid, err := strconv.Atoi(strings.TrimSpace(lines[pidLine])); err == nil {
		found.pid = pid
	}
	if len(lines) > statusLine {
		found.ready = strings.TrimSpace(lines[statusLine]) == "ready"
	}

	return found, nil
}

// stopLeftover makes way for a new server. The caller holds the lock of the
// data directory, so a server that still runs there has lost its parent.
func stopLeftover(ctx context.Context, cluster string, logger *slog.Logger) error {
	found, err := readPostmasterFile(cluster)
	if err != nil || found.pid == 0 || !processAlive(found.pid) {
		return err // PostgreSQL itself clears up after a dead server
	}

	if !isPostmasterOf(found.pid, cluster) {
		// After a reboot the number may belong to another process of the same
		// user, and PostgreSQL takes that for a running server.
		return os.Remove(filepath.Join(cluster, "postmaster.pid"))
	}

	logger.Info("stopping the PostgreSQL that an earlier run left behind", "pid", found.pid)
	for _, step := range stopSteps {
		if err := signalProcess(found.pid, step.signal); err != nil {
			return fmt.Errorf("stop PostgreSQL that was left behind (pid %d): %w", found.pid, err)
		}
		gone, err := waitGone(ctx, found.pid, step.patience)
		if err != nil {
			return err
		}
		if gone {
			return nil
		}
	}

	return fmt.Errorf("PostgreSQL that was left behind (pid %d) does not stop", found.pid)
}

func signalProcess(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}

	return nil
}

func processAlive(pid int) bool {
	err := syscall.Kill(pid, 0)

	return err == nil || errors.Is(err, syscall.EPERM)
}

func waitGone(ctx context.Context, pid int, patience time.Duration) (bool, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()

	for processAlive(pid) {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-timeout.C:
			return false, nil
		case <-poll.C:
		}
	}

	return true, nil
}
