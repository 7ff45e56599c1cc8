package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServerLogIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	log, err := openServerLog(path)
	require.NoError(t, err)
	defer log.Close()

	line := []byte(strings.Repeat("x", 1<<16-1) + "\n")
	for written := 0; written < 4*serverLogLimit; written += len(line) {
		n, err := log.Write(line)
		require.NoError(t, err)
		require.Equal(t, len(line), n)
	}
	_, err = log.Write([]byte("the last line\n"))
	require.NoError(t, err)

	for _, file := range []string{path, path + ".1"} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(serverLogLimit+len(line)))
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(content), "the last line\n"))

	tail := log.lastLines()
	require.Len(t, tail, serverLogTail)
	require.True(t, strings.HasSuffix(tail, "the last line\n"))
	require.Empty(t, log.lastLines())
}
