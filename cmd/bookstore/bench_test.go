package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBenchRefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "books.csv")
	require.NoError(t, os.WriteFile(data, []byte("title,authors,original_publication_year\nEmma,Jane Austen,1815\n"), 0o600))
	for flag, said := range map[string]string{
		"--updated=1.5":   "--updated",
		"--deleted=0.95":  "nothing would be created",
		"--events=9":      "too few events",
		"--partitions=1":  "too few partitions",
		"--naive-events=": "--naive-events",
	} {
		r := bookstore(t, nil, "", "bench", "projection", "--data", data, flag)
		require.Equal(t, exitUsage, r.code, flag)
		require.Contains(t, r.stderr, said, flag)
	}
	r := bookstore(t, nil, "", "bench", "projection", "--data", data+".gone")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, "--data FILE")
}

func TestABenchTaskSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	r := bookstore(t, nil, `{"way": "none"}`, "bench", "task")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.stderr, `no way "none"`)
	require.Empty(t, r.stdout)
}
