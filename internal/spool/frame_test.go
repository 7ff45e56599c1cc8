package spool_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
	"bookstore/internal/spool"
)

func anyRecord(t *rapid.T) events.Encoded {
	data := rapid.SliceOfN(rapid.Byte(), 0, 300)
	e := events.Encoded{Key: data.Draw(t, "key"), Value: data.Draw(t, "value"), Headers: []events.Header{}}
	for range rapid.IntRange(0, 5).Draw(t, "headers") {
		e.Headers = append(e.Headers, events.Header{Key: string(data.Draw(t, "name")), Value: string(data.Draw(t, "of"))})
	}
	return e
}

func TestFramesKeepAnyBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var segment []byte
		want := rapid.SliceOfN(rapid.Custom(anyRecord), 1, 5).Draw(t, "records")
		for i, e := range want {
			frame, err := spool.Frame(e, uint64(i+1))
			require.NoError(t, err)
			segment = append(segment, frame...)
		}
		got, damaged, torn, err := spool.Walk(segment)
		require.NoError(t, err)
		require.Zero(t, damaged+torn)
		require.Equal(t, want, got)
	})
}

// FuzzWalk reads arbitrary bytes as a segment. It must not panic, must come to
// an end, and each byte must be in a record, damaged or torn: nothing is skipped.
func FuzzWalk(f *testing.F) {
	var segment []byte
	for n := range 3 {
		frame, err := spool.Frame(sized(n, 50*n), uint64(n+1))
		require.NoError(f, err)
		segment = append(segment, frame...)
	}
	f.Add([]byte{})
	f.Add(segment)
	f.Add(segment[:len(segment)-1])
	f.Add(segment[1:])
	f.Add(append(bytes.Clone(segment), segment...))
	f.Add(append(make([]byte, 100), segment...))
	f.Add(bytes.Repeat([]byte{0xFF, 'S', 'P', 1}, 20))
	for _, at := range []int{0, 5, 9, 20, 25, 29, 33, len(segment) - 1} {
		flipped := bytes.Clone(segment)
		flipped[at] ^= 0x10
		f.Add(flipped)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		records, damaged, torn, err := spool.Walk(data)
		require.NoError(t, err)
		whole := 0
		for _, e := range records {
			size, err := spool.FrameSize(e)
			require.NoError(t, err)
			whole += size
		}
		require.Equal(t, len(data), whole+damaged+torn)
	})
}
