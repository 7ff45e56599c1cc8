package spool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

func TestFullSpoolRefusesTheNewest(t *testing.T) {
	t.Parallel()
	dir, registry, out := t.TempDir(), prometheus.NewRegistry(), &logs{}
	s := open(t, spool.Config{Dir: dir, MaxBytes: 64 << 10, SegmentBytes: 4 << 10, Registerer: registry, Logger: out.logger()})
	last := 0
	for ; ; last++ {
		if err := s.Append(sized(last+1, 1000)); err != nil {
			require.ErrorIs(t, err, spool.ErrFull)
			break
		}
	}
	require.Greater(t, last, 55)
	require.ErrorIs(t, s.Append(numbered(0)), spool.ErrFull, "a small one does not slip in")
	for range 100 {
		require.ErrorIs(t, s.Append(sized(0, 1000)), spool.ErrFull)
	}
	require.EqualValues(t, 102, metric(t, registry, "refused_total"))
	require.LessOrEqual(t, metric(t, registry, "disk_bytes"), metric(t, registry, "max_bytes"))
	require.Equal(t, 1, out.lines(slog.LevelError), "one line on entering")

	// With an eighth published and deleted, it takes more, behind what it has.
	var log recorder
	drainUntil(t, s, &log, func() bool { return metric(t, registry, "disk_bytes") < 64<<10*7/8-2000 })
	require.NoError(t, s.Append(sized(last+1, 1000)))
	require.Equal(t, 1, out.lines(slog.LevelWarn), "one line on leaving")
	drainInto(t, s, &log)
	require.Equal(t, numbers(1, last+1), log.keys())
}

func TestFullSpoolThatIsEmptiedTakesMore(t *testing.T) {
	t.Parallel()
	s := open(t, spool.Config{Dir: t.TempDir(), MaxBytes: 64 << 10, SegmentBytes: 16 << 10})
	var want, got []string
	for n := range 200 {
		// A quarter of the bound is the largest record there can be.
		e := sized(n, []int{10, 4000, 16<<10 - 200}[n%3])
		if err := s.Append(e); err != nil {
			require.ErrorIs(t, err, spool.ErrFull)
			var log recorder
			drainUntil(t, s, &log, func() bool { return s.Pending().Records == 0 })
			got = append(got, log.keys()...)
			require.NoError(t, s.Append(e), "a spool with nothing pending has room")
		}
		want = append(want, string(e.Key))
	}
	require.Equal(t, want, append(got, drainAll(t, s)...))
}

// drainUntil publishes batch by batch until enough says so.
func drainUntil(t *testing.T, s *spool.Spool, log spool.Log, enough func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- s.Drain(ctx, logFunc(func(ctx context.Context, batch []events.Encoded) error {
			// One segment at most is a batch, so what was published is deleted by now.
			if enough() {
				cancel()
				return ctx.Err()
			}
			_, err := log.Append(ctx, batch)
			return err
		}))
	}()
	require.Eventually(t, enough, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// A disk that is full refuses with the same error, and the half of a frame that
// still found room is taken back. The limit is RLIMIT_FSIZE, which the kernel
// applies to write(2) as it does a full disk: a part is written, then an error.
func TestDiskFullRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	exe, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), exe)
	child.Env = append(os.Environ(), childRole+"=disk-full", "SPOOL_TEST_DIR="+dir)
	var stderr strings.Builder
	child.Stderr = &stderr
	stdout, err := child.Output()
	require.NoError(t, err, stderr.String())

	var want []string
	scanner := bufio.NewScanner(strings.NewReader(string(stdout)))
	for scanner.Scan() {
		want = append(want, scanner.Text())
	}
	require.Greater(t, len(want), 5)
	out := &logs{}
	require.Equal(t, want, drainAll(t, open(t, spool.Config{Dir: dir, Logger: out.logger()})))
	require.Zero(t, out.lines(slog.LevelError)+out.lines(slog.LevelWarn), "nothing torn, nothing damaged")
	require.Empty(t, setAside(t, dir))
}

// childMeetsFullDisk appends to a full disk, then to one with room again, and
// prints the keys that Append has taken.
func childMeetsFullDisk(s *spool.Spool) {
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var unlimited syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &unlimited))
	limited := unlimited
	limited.Cur = 5000 // the segments of children are larger
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited))

	n, refused := 0, 0
	for ; refused < 10; n++ {
		switch err := s.Append(sized(n, 600)); {
		case err == nil:
			fmt.Println(n)
		case errors.Is(err, spool.ErrFull) && errors.Is(err, syscall.EFBIG):
			refused++
		default:
			check(err)
		}
	}
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &unlimited))
	// One small record now, which does not cover what a refused one may have left.
	again := time.NewTicker(20 * time.Millisecond)
	for taken := false; !taken; n++ {
		<-again.C // a disk that has failed is left alone for a moment
		switch err := s.Append(sized(n, 10)); {
		case err == nil:
			fmt.Println(n)
			taken = true
		case !errors.Is(err, spool.ErrFull):
			check(err)
		}
	}
	check(s.Close(context.Background()))
}
