package clients

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSoManyClientsAskAtOnce(t *testing.T) {
	t.Parallel()
	const clients = 3
	together := make(chan struct{}) // closed when all are there
	var there atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if there.Add(1) == clients {
			close(together)
		}
		<-together
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	client := New(clients)
	defer client.CloseIdleConnections()
	seen, err := Hammer(t.Context(), clients, time.Millisecond, func(ctx context.Context, i int) error {
		if i == 0 {
			return Get(ctx, client, server.URL+"/bad")
		}
		return Get(ctx, client, server.URL+"/good")
	})
	require.NoError(t, err)
	m := seen.Measurement("m")
	require.GreaterOrEqual(t, m.Requests, clients)
	require.Equal(t, 1, m.Failed, "what is answered 503 has failed, and is no reason to end")
	require.Positive(t, m.PerSecond)
	require.LessOrEqual(t, m.P50, m.P99)

	server.Close()
	_, err = Hammer(t.Context(), clients, time.Hour, func(ctx context.Context, _ int) error {
		return Get(ctx, client, server.URL)
	})
	require.Error(t, err, "nobody answers any more")
}

// A service that holds up its clients is not asked less for it.
func TestLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	held := time.Now().Add(500 * time.Millisecond)
	asked := 0
	seen, err := Knock(t.Context(), 1, 100, 50*time.Millisecond, func(ctx context.Context, i int) error {
		require.Equal(t, asked, i)
		asked++
		if i == 0 {
			return SleepUntil(ctx, held)
		}
		return ErrFailed
	})
	require.NoError(t, err)
	require.Len(t, seen.latencies, 5)
	require.Equal(t, 4, seen.failed)
	for _, latency := range seen.latencies {
		require.Greater(t, latency, 400*time.Millisecond, "all had to wait for the first one")
	}

	seen, err = Knock(t.Context(), 2, 0.001, time.Millisecond, func(context.Context, int) error { return nil })
	require.NoError(t, err)
	require.Len(t, seen.latencies, 1, "one at least")

	_, err = Knock(t.Context(), 2, 1000, time.Hour, func(context.Context, int) error { return context.Canceled })
	require.ErrorIs(t, err, context.Canceled)
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var s Samples
	for i := range 100 {
		s.latencies = append(s.latencies, time.Duration(100-i)*time.Millisecond)
	}
	s.took = 10 * time.Second
	require.Equal(t, Measurement{Name: "m", Requests: 200, Failed: 1, PerSecond: 10, P50: 51, P99: 100},
		s.And(Samples{latencies: s.latencies, took: s.took, failed: 1}).Measurement("m"))
	require.Equal(t, Measurement{Name: "none"}, Samples{}.Measurement("none"))
}
