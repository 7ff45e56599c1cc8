package testenv

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Share is for what all tests of this binary share and this package does not
// know, such as a browser. It returns a directory for its files; Main calls
// stop after the last test, before it removes the directory. If the test
// binary is killed, stop is not called, and the next run removes the directory.
// It may be called by several tests at a time.
func Share(t testing.TB, stop func() error) (dir string) {
	t.Helper()
	requireMain(t)
	work, err := shared.workDir()
	require.NoError(t, err, "make a directory for what tests share")

	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.stops = append(shared.stops, stop)

	return work.path
}
