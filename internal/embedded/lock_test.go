package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/embedded"
)

func TestLockDirAdmitsOne(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made on demand")
	first, err := embedded.LockDir(dir)
	require.NoError(t, err)

	_, err = embedded.LockDir(dir)
	var inUse *embedded.DataDirInUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, embedded.DataDirInUseError{Dir: dir, PID: os.Getpid()}, *inUse)

	require.NoError(t, first.Release())
	second, err := embedded.LockDir(dir)
	require.NoError(t, err)
	require.NoError(t, second.Release())
}
