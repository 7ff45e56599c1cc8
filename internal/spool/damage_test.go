package spool_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/spool"
)

// filled returns a directory with records 1 to n in segments of three each.
func filled(t require.TestingT, parent string, n int) string {
	dir, err := os.MkdirTemp(parent, "")
	require.NoError(t, err)
	size, err := spool.FrameSize(numbered(1))
	require.NoError(t, err)
	s := open(t, spool.Config{Dir: dir, SegmentBytes: int64(3*size + 10)})
	appendNumbers(t, s, 1, n)
	require.NoError(t, s.Crash())
	return dir
}

// Wherever the newest segment ends, the whole frames in it are published and the
// rest is cut off, with a log line and no alarm.
func TestTornTailIsCutOff(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	size, err := spool.FrameSize(numbered(1))
	require.NoError(t, err)
	for cut := range 2*size + 1 {
		dir := filled(t, parent, 5)
		require.NoError(t, os.Truncate(segmentFiles(t, dir)[1], int64(cut)))
		out := &logs{}
		s := open(t, spool.Config{Dir: dir, Logger: out.logger()})
		whole := 3 + cut/size
		appendNumbers(t, s, whole+1, whole+2)
		require.NoError(t, s.Crash())
		s = open(t, spool.Config{Dir: dir, Logger: out.logger()})
		require.Equal(t, numbers(1, whole+2), drainAll(t, s), "cut at %d", cut)
		torn := 0
		if cut%size > 0 {
			torn = 1
		}
		require.Equal(t, torn, out.lines(slog.LevelWarn), "cut at %d", cut)
		require.Zero(t, out.lines(slog.LevelError), "cut at %d", cut)
		require.Empty(t, setAside(t, dir))
	}
}

// A bit that flips anywhere costs the record it is in and no other; its bytes
// are set aside, and it is reported.
func TestFlippedBitCostsOneRecord(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		const n = 8
		dir := filled(t, parent, n)
		files := segmentFiles(t, dir)
		file := rapid.IntRange(0, len(files)-1).Draw(t, "file")
		content, err := os.ReadFile(files[file])
		require.NoError(t, err)
		at := rapid.IntRange(0, len(content)-1).Draw(t, "byte")
		content[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		require.NoError(t, os.WriteFile(files[file], content, 0o600))
		size, err := spool.FrameSize(numbered(1))
		require.NoError(t, err)
		hit := file*3 + at/size // index of the record

		out := &logs{}
		s := open(t, spool.Config{Dir: dir, Logger: out.logger()})
		appendNumbers(t, s, n+1, n+3)
		require.Equal(t, slices.Delete(numbers(1, n+3), hit, hit+1), drainAll(t, s))
		require.Equal(t, 1, out.lines(slog.LevelError))
		start := at / size * size
		require.Equal(t, [][]byte{content[start : start+size]}, setAside(t, dir)[".damaged"])
	})
}

func TestMissingSegmentIsReported(t *testing.T) {
	t.Parallel()
	for _, missing := range []int{0, 1} {
		t.Run(fmt.Sprint(missing), func(t *testing.T) {
			t.Parallel()
			dir := filled(t, t.TempDir(), 9)
			require.NoError(t, os.Remove(segmentFiles(t, dir)[missing]))
			out := &logs{}
			keys := drainAll(t, open(t, spool.Config{Dir: dir, Logger: out.logger()}))
			require.Equal(t, slices.Delete(numbers(1, 9), missing*3, missing*3+3), keys)
			require.Equal(t, 1, out.lines(slog.LevelError))
		})
	}
}

func TestLostPositionPublishesAllThatIsThere(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{"missing": nil, "empty": {}, "zeros": make([]byte, 1024), "noise": []byte("noise")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filled(t, t.TempDir(), 8)
			path := filepath.Join(dir, "position")
			require.NoError(t, os.Remove(path))
			if content != nil {
				require.NoError(t, os.WriteFile(path, content, 0o600))
			}
			out := &logs{}
			s := open(t, spool.Config{Dir: dir, Logger: out.logger()})
			require.Equal(t, 1, out.lines(slog.LevelWarn))
			require.Equal(t, numbers(1, 8), drainAll(t, s))
		})
	}
}

// One of the two slots being torn leaves the position before it: the last batch
// comes again, nothing is lost.
func TestTornPositionRepeatsTheLastBatch(t *testing.T) {
	t.Parallel()
	for slot := range 2 {
		dir := t.TempDir()
		s := open(t, spool.Config{Dir: dir})
		appendNumbers(t, s, 1, 4)
		require.Equal(t, numbers(1, 4), drainAll(t, s))
		path := filepath.Join(dir, "position")
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content[slot*512+20] ^= 1
		require.NoError(t, os.WriteFile(path, content, 0o600))
		s = open(t, spool.Config{Dir: dir})
		appendNumbers(t, s, 5, 6)
		keys := drainAll(t, s)
		require.Contains(t, [][]string{numbers(1, 6), numbers(5, 6)}, keys)
	}
}

// A segment that begins with an unknown format is set aside as a whole.
func TestForeignSegmentIsSetAside(t *testing.T) {
	t.Parallel()
	dir := filled(t, t.TempDir(), 3)
	foreign := []byte("this is not a segment, and it is longer than a frame's header")
	require.NoError(t, os.WriteFile(segmentFiles(t, dir)[0], foreign, 0o600))
	s := open(t, spool.Config{Dir: dir})
	appendNumbers(t, s, 10, 11)
	require.Equal(t, numbers(10, 11), drainAll(t, s))
	require.Equal(t, [][]byte{foreign}, setAside(t, dir)[".damaged"])
}

func TestFileWithAWrongNameIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.segment"), nil, 0o600))
	_, err := spool.Open(spool.Config{Name: "searches", Dir: dir})
	require.Error(t, err)
	require.NotErrorIs(t, err, spool.ErrInUse)
	require.NoError(t, os.Remove(filepath.Join(dir, "1.segment")))
	require.Empty(t, drainAll(t, open(t, spool.Config{Dir: dir})), "a failed Open gives the lock back")
}
