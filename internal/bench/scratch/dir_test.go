package scratch

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADirectoryIsItsRunsUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	first, err := New(parent)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(first.Join("file"), nil, 0o600))
	second, err := New(parent)
	require.NoError(t, err)
	require.NotEqual(t, first.path, second.path)
	require.FileExists(t, first.Join("file"), "a run beside it removed it")

	require.NoError(t, second.Remove())
	require.NoError(t, first.Remove())
	require.NoDirExists(t, first.path)
	require.NoDirExists(t, second.path)
}

func TestWhatAKilledRunLeftIsRemoved(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	left, err := New(parent)
	require.NoError(t, err)
	require.NoError(t, left.lock.Release()) // as the kernel does

	next, err := New(parent)
	require.NoError(t, err)
	require.NoDirExists(t, left.path)
	require.NoError(t, next.Remove())
}
