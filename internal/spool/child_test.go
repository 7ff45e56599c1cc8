package spool_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

// childRole is the environment variable that turns the test binary into a child.
const childRole = "SPOOL_TEST_CHILD"

// runChild plays the role that the environment asks for, if it asks for one.
func runChild() bool {
	role := os.Getenv(childRole)
	if role == "" {
		return false
	}
	dir := os.Getenv("SPOOL_TEST_DIR")
	from, _ := strconv.Atoi(os.Getenv("SPOOL_TEST_FROM"))
	s, err := spool.Open(spool.Config{Name: "searches", Dir: dir, SegmentBytes: 8 << 10})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	switch role {
	case "append":
		childAppends(s, from)
	case "append-and-drain":
		childAppendsAndDrains(s, from, os.Getenv("SPOOL_TEST_TOPIC"))
	case "disk-full":
		childMeetsFullDisk(s)
	}
	return true
}

// childWorkers is how many goroutines append in a child.
const childWorkers = 4

// childAppends appends until it is killed. Each line it prints is the key of a
// record that Append has returned nil for.
func childAppends(s *spool.Spool, from int) {
	var workers sync.WaitGroup
	for w := range childWorkers {
		workers.Go(func() {
			for n := from; ; n++ {
				e := sized(n, n%700)
				e.Key = fmt.Appendf(nil, "%d.%d", w, n)
				if err := s.Append(e); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%s\n", e.Key)
			}
		})
	}
	workers.Wait()
}

// childAppendsAndDrains appends numbers until it is killed, and publishes them to
// a file with one key on each line.
func childAppendsAndDrains(s *spool.Spool, from int, topic string) {
	go func() {
		err := s.Drain(context.Background(), fileLog(topic))
		fmt.Fprintln(os.Stderr, "drain ended:", err)
		os.Exit(1)
	}()
	for n := from; ; n++ {
		if err := s.Append(sized(n, n%700)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// fileLog is a log that outlives the process: the path of a file.
type fileLog string

func (path fileLog) Append(_ context.Context, batch []events.Encoded) ([]events.Position, error) {
	file, err := os.OpenFile(string(path), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	_, err = file.WriteString(strings.Join(keysOf(batch), "\n") + "\n")
	return make([]events.Position, len(batch)), err
}

// killedChild starts a child, kills it after so many lines, and returns all that
// it printed.
func killedChild(t *testing.T, role string, env map[string]string, after int) []string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), exe)
	child.Env = append(os.Environ(), childRole+"="+role)
	for name, value := range env {
		child.Env = append(child.Env, name+"="+value)
	}
	var stderr strings.Builder
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())

	var lines []string
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		if lines = append(lines, scanner.Text()); len(lines) == after {
			require.NoError(t, child.Process.Kill())
		}
	}
	_ = child.Wait() // it was killed, which is what Wait reports
	require.GreaterOrEqual(t, len(lines), after, "the child ended by itself: %s", stderr.String())
	require.Empty(t, stderr.String())
	return lines
}
