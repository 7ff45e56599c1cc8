package runfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/runfile"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a path with spaces")
	require.NoError(t, os.Mkdir(dir, 0o700))

	_, err := runfile.Read(dir)
	require.ErrorIs(t, err, runfile.ErrNotRunning)

	first := runfile.Info{URL: "http://localhost:1", Brokers: []string{"localhost:2"}, Database: "host=/a b", PID: 3}
	second := first
	second.PID = 4
	for _, info := range []runfile.Info{first, second} {
		require.NoError(t, runfile.Write(dir, info))
		read, err := runfile.Read(dir)
		require.NoError(t, err)
		require.Equal(t, info, read)
	}

	require.NoError(t, runfile.Remove(dir))
	_, err = runfile.Read(dir)
	require.ErrorIs(t, err, runfile.ErrNotRunning)
	require.NoError(t, runfile.Remove(dir), "twice")
}

// The connection string may hold a password.
func TestOnlyItsOwnerReadsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, runfile.Write(dir, runfile.Info{}))

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else is left behind")
	info, err := entries[0].Info()
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestWritingNowhereFails(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, runfile.Write(filepath.Join(t.TempDir(), "missing"), runfile.Info{}), fs.ErrNotExist)
}
