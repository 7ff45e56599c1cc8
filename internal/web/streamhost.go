package web

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// streamHost is what a server has for all of its streams.
type streamHost struct {
	draining context.Context // ends when [Server.Shutdown] begins
	drain    context.CancelFunc
	open     *prometheus.GaugeVec
}

func newStreamHost() *streamHost {
	h := &streamHost{open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "bookstore_http_streams_open",
		Help: "Streams of server-sent events that are open, by route template.",
	}, []string{"route"})}
	h.draining, h.drain = context.WithCancel(context.Background())
	return h
}

// streamSeat is what a request finds of its server, should it become a stream. The
// zero value is for one without a [Server], as in tests of routes.
type streamSeat struct {
	host       *streamHost
	connection context.Context // the request's before there was a limit on it
}

type seatKey struct{}

// seat returns a context in which [Stream] finds ctx again, however short the time of
// what is derived from it.
func (h *streamHost) seat(ctx context.Context) context.Context {
	return context.WithValue(ctx, seatKey{}, streamSeat{host: h, connection: ctx})
}

func seatOf(r *http.Request) streamSeat {
	seat, _ := r.Context().Value(seatKey{}).(streamSeat)
	return seat
}

// context returns the context of a stream: it has the values of the request's, and
// ends with the connection or the server.
func (s streamSeat) context(r *http.Request) (context.Context, context.CancelFunc) {
	if s.host == nil {
		return context.WithCancel(r.Context())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	left := context.AfterFunc(s.connection, cancel)
	drained := context.AfterFunc(s.host.draining, cancel)
	return ctx, func() {
		left()
		drained()
		cancel()
	}
}

// opened counts open streams up or down.
func (s streamSeat) opened(route string, by float64) {
	if s.host != nil {
		s.host.open.WithLabelValues(route).Add(by)
	}
}
