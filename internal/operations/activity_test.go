package operations

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
)

func TestActivity(t *testing.T) {
	t.Parallel()
	began := time.UnixMilli(1_700_000_000_000)
	var a activity
	require.Empty(t, a.last().Seconds)
	for _, look := range []struct {
		name             string
		milliseconds     int
		searches, writes events.Offsets
		wantSearches     *float64
		wantWrites       *float64
	}{
		{"the first", 0, events.Offsets{5, 5}, nil, nil, nil},
		{"the second", 1000, events.Offsets{105, 6}, events.Offsets{7, 0}, new(101.0), nil},
		{"a late one", 3000, events.Offsets{105, 106}, events.Offsets{7, 3}, new(50.0), new(1.5)},
		{"nothing came", 4000, events.Offsets{105, 106}, events.Offsets{7, 3}, new(0.0), new(0.0)},
		{"nobody knows", 5000, nil, events.Offsets{8, 3}, nil, new(1.0)},
		{"known again", 6000, events.Offsets{900, 900}, events.Offsets{8, 3}, nil, new(0.0)},
		{"another topic", 7000, events.Offsets{3, 0}, events.Offsets{8, 4}, nil, new(1.0)},
		{"a clock that was set back", 6500, events.Offsets{4, 0}, events.Offsets{8, 5}, nil, nil},
	} {
		at := began.Add(time.Duration(look.milliseconds) * time.Millisecond)
		a.see(at, look.searches, look.writes)
		seconds := a.last().Seconds
		require.Len(t, seconds, activitySeconds, look.name)
		require.Equal(t, Second{at.UTC(), look.wantSearches, look.wantWrites}, seconds[activitySeconds-1], look.name)
	}
	first := a.last().Seconds[0]
	require.Equal(t, began.Add(-(activitySeconds-8)*time.Second).UTC(), first.At, "so many seconds ago, of which nothing is known")
	require.Nil(t, first.Searches)
}
