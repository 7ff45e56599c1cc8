package events_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bookstore/internal/events"
)

func TestParseToken(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]events.Token{
		"":                               nil,
		"  ":                             nil,
		"0.0":                            {{}},
		"7.9000000001":                   {{Partition: 7, Offset: 9_000_000_001}},
		"1.2,3.4":                        {{Partition: 1, Offset: 2}, {Partition: 3, Offset: 4}},
		" 1.2 , 3.4 ":                    {{Partition: 1, Offset: 2}, {Partition: 3, Offset: 4}},
		"1.2,1.2":                        {{Partition: 1, Offset: 2}, {Partition: 1, Offset: 2}},
		"2147483647.9223372036854775807": {{Partition: 1<<31 - 1, Offset: 1<<63 - 1}},
	} {
		got, err := events.ParseToken(s)
		require.NoError(t, err, "%q", s)
		require.Equal(t, want, got, "%q", s)
	}
	for _, s := range []string{
		"1", "1.", ".1", "1.2.3", "-1.2", "1.-2", "a.b", "1,2", "1.2,", ",1.2", "1.2;3.4", "1.2 3.4", "0x1.2",
		"2147483648.0", "0.9223372036854775808", "1.2\x00", strings.Repeat("1.2,", 1024) + "1.2",
	} {
		_, err := events.ParseToken(s)
		require.Error(t, err, "%q", s)
	}
	longest, err := events.ParseToken(strings.Repeat("1.2,", 1023) + "1.2")
	require.NoError(t, err)
	require.Len(t, longest, 1024)
}

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	position := rapid.Custom(func(t *rapid.T) events.Position {
		return events.Position{
			Partition: rapid.Int32Min(0).Draw(t, "partition"),
			Offset:    rapid.Int64Min(0).Draw(t, "offset"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		token := events.Token(rapid.SliceOfN(position, 1, 20).Draw(t, "token"))
		got, err := events.ParseToken(token.String())
		require.NoError(t, err)
		require.Equal(t, token, got)
	})
}

func TestOffsetsCoverWhatLiesBelowThem(t *testing.T) {
	t.Parallel()
	offsets := events.Offsets{12, 0, 7}
	require.Equal(t, "12,0,7", offsets.String())
	for token, want := range map[string]bool{
		"": true, "0.11": true, "0.12": false, "1.0": false, "2.6": true, "2.7": false,
		"3.0": false, "0.11,2.6": true, "0.11,2.7": false, "2147483647.0": false,
	} {
		parsed, err := events.ParseToken(token)
		require.NoError(t, err)
		require.Equal(t, want, offsets.Covers(parsed), "%q", token)
	}
	require.True(t, events.Offsets(nil).Covers(nil))
}
