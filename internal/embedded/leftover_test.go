package embedded

import (
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Where the kernel doesn't end an orphaned server (childAttr), the next start
// has to.
func TestStartStopsAServerThatWasLeftBehind(t *testing.T) {
	t.Parallel()
	cfg := PostgresConfig{DataDir: t.TempDir(), User: "bookstore", Database: "books", Logger: slog.New(slog.DiscardHandler)}
	first, err := StartPostgres(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, first.Close(t.Context()))

	// A server that nobody supervises.
	_, err = makeSocketDir(first.cluster.dataDir, first.cluster.reachable, first.cluster.account)
	require.NoError(t, err)
	cmd, release, err := first.cluster.command("postgres", first.cluster.dir())
	require.NoError(t, err)
	cmd.SysProcAttr = childAttr(first.cluster.account, 0)
	orphan, err := startChild(cmd)
	require.NoError(t, err)
	release()
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGKILL); <-orphan.exited })
	require.Eventually(t, func() bool {
		state, err := readPostmasterFile(first.cluster.dir())
		return err == nil && state.pid == cmd.Process.Pid && state.ready
	}, 30*time.Second, pollInterval)

	second, err := StartPostgres(t.Context(), cfg)
	require.NoError(t, err)
	select {
	case <-orphan.exited:
	default:
		require.Fail(t, "the orphan still runs")
	}
	require.NoError(t, second.Close(t.Context()))
}
