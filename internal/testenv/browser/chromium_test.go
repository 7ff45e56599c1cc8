package browser

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutChromiumOnlyCIFails(t *testing.T) {
	t.Parallel()
	_, err := find("no-such-browser")
	require.ErrorIs(t, err, exec.ErrNotFound)

	elsewhere := attempt(t, func(t *trial) { missing(t, err, "") })
	require.True(t, elsewhere.skipped)
	require.Empty(t, elsewhere.problems)
	ci := attempt(t, func(t *trial) { missing(t, err, "true") })
	require.False(t, ci.skipped)
	requireOne(t, ci.problems, "no-such-browser")
}

func TestChromiumThatDoesNotStart(t *testing.T) {
	t.Parallel()
	broken, err := exec.LookPath("false")
	require.NoError(t, err)
	_, _, err = start(broken, t.TempDir()+"/home")
	require.Error(t, err)
}
