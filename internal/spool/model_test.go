package spool_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

// model is what a spool should hold, beside the spool.
type model struct {
	config  spool.Config
	spool   *spool.Spool
	next    int      // number of the next record
	waiting []stored // what is not published yet
}

// stored is a record and where its frame ends.
type stored struct {
	key  string
	path string
	end  int64
}

// Whatever happens to a spool, it publishes what it holds in order, and it holds
// what was appended but for what a power cut took from the end.
func TestSpoolAgainstModel(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(parent, "") //nolint:usetesting // one for each run of many in this test
		require.NoError(t, err)
		m := &model{config: spool.Config{Dir: dir, SegmentBytes: 8000}}
		m.spool = open(t, m.config)
		t.Repeat(map[string]func(*rapid.T){
			"":         m.check,
			"append":   m.append,
			"drain":    m.drain,
			"restart":  m.restart,
			"kill":     m.kill,
			"powerCut": m.powerCut,
		})
		require.Equal(t, m.keys(), drainAll(t, m.spool))
		require.NoError(t, os.RemoveAll(dir))
	})
}

func (m *model) check(t *rapid.T) {
	p := m.spool.Pending()
	require.EqualValues(t, len(m.waiting), p.Records)
	require.Equal(t, len(m.waiting) == 0, p.Bytes == 0)
}

func (m *model) keys() []string {
	keys := []string{}
	for _, r := range m.waiting {
		keys = append(keys, r.key)
	}
	return keys
}

func (m *model) append(t *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(t, "records") {
		m.next++
		require.NoError(t, m.spool.Append(sized(m.next, rapid.IntRange(0, 3000).Draw(t, "size"))))
		files := segmentFiles(t, m.config.Dir)
		newest := files[len(files)-1]
		info, err := os.Stat(newest)
		require.NoError(t, err)
		m.waiting = append(m.waiting, stored{key: fmt.Sprint(m.next), path: newest, end: info.Size()})
	}
}

// drain publishes at least so many records, then stops.
func (m *model) drain(t *rapid.T) {
	if len(m.waiting) == 0 {
		return
	}
	least := rapid.IntRange(1, len(m.waiting)).Draw(t, "least")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var log recorder
	err := m.spool.Drain(ctx, logFunc(func(_ context.Context, batch []events.Encoded) error {
		_, err := log.Append(ctx, batch)
		if len(log.taken) >= least {
			cancel()
		}
		return err
	}))
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, len(log.taken), least)
	require.Equal(t, m.keys()[:len(log.taken)], log.keys())
	m.waiting = m.waiting[len(log.taken):]
}

func (m *model) restart(t *rapid.T) {
	require.NoError(t, m.spool.Close(context.Background()))
	m.spool = open(t, m.config)
}

func (m *model) kill(t *rapid.T) {
	require.NoError(t, m.spool.Crash())
	m.spool = open(t, m.config)
}

// powerCut takes any number of bytes from the end of the newest segment, also
// some that are published.
func (m *model) powerCut(t *rapid.T) {
	require.NoError(t, m.spool.Crash())
	if files := segmentFiles(t, m.config.Dir); len(files) > 0 {
		newest := files[len(files)-1]
		info, err := os.Stat(newest)
		require.NoError(t, err)
		size := rapid.Int64Range(0, info.Size()).Draw(t, "size")
		require.NoError(t, os.Truncate(newest, size))
		for i, r := range m.waiting {
			if r.path == newest && r.end > size {
				m.waiting = m.waiting[:i]
				break
			}
		}
	}
	m.spool = open(t, m.config)
}
