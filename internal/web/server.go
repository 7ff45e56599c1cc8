package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config is what a [Server] needs.
type Config struct {
	Logger   *slog.Logger         // adds correlation_id and trace_id from the context, see package telemetry
	Registry *prometheus.Registry // takes the server's metrics; /metrics shows all of it
	Checks   []Check              // what /readyz looks at, shown in this order
	// MaxBodyBytes is the most that any request may send; above 0.
	MaxBodyBytes int64
	Timeouts     Timeouts // the zero value stands for [DefaultTimeouts]
}

// Timeouts are what a connection may take, so that a client that is slow, by
// nature or on purpose, holds up only itself. All are above 0.
type Timeouts struct {
	// ReadHeader is for the request line and the headers.
	ReadHeader time.Duration
	// Read is for the whole request; a body that takes longer gets a 408.
	Read time.Duration
	// Handle is for what happens between request and answer: the request's
	// context ends with it. It must be longer than any wait a client can ask for.
	Handle time.Duration
	// Idle is for a connection between two requests.
	Idle time.Duration
}

// DefaultTimeouts suit a service whose bodies are small and whose longest wait
// is a minute.
func DefaultTimeouts() Timeouts {
	return Timeouts{ReadHeader: 5 * time.Second, Read: 30 * time.Second, Handle: 90 * time.Second, Idle: 2 * time.Minute}
}

// writeSlack is how long the last answer that is still in time may take to send.
const writeSlack = 10 * time.Second

// maxHeaderBytes leaves room for a search of 10,000 characters of four bytes, each
// escaped to three: it must reach the route, which explains what is wrong with
// it. What is longer gets net/http's bare 431.
const maxHeaderBytes = 160 << 10

// Server is the service's HTTP server. Add routes to Router before [Server.Serve],
// not after.
type Server struct {
	router       *mux.Router
	logger       *slog.Logger
	durations    *prometheus.HistogramVec
	streams      *streamHost
	health       *health
	maxBodyBytes int64
	timeouts     Timeouts

	http     *http.Server
	listener net.Listener
}

// New makes a server with the service's own routes: /healthz, /readyz, /metrics,
// /openapi.json, /docs and /. It fails when the registry has such metrics
// already, or when the embedded documentation is broken.
func New(cfg Config) (*Server, error) {
	if cfg.Timeouts == (Timeouts{}) {
		cfg.Timeouts = DefaultTimeouts()
	}
	s := &Server{
		router: NewRouter(), logger: cfg.Logger, durations: newDurations(), streams: newStreamHost(), health: newHealth(cfg.Checks),
		maxBodyBytes: cfg.MaxBodyBytes, timeouts: cfg.Timeouts,
	}
	for _, metric := range []prometheus.Collector{s.durations, s.streams.open} {
		if err := cfg.Registry.Register(metric); err != nil {
			return nil, fmt.Errorf("register the HTTP metrics: %w", err)
		}
	}
	docs, err := newDocs()
	if err != nil {
		return nil, fmt.Errorf("make the documentation: %w", err)
	}
	get := func(path string, h http.Handler) { s.router.Handle(path, h).Methods(http.MethodGet) }
	get("/healthz", Handle(s.health.live))
	get("/readyz", Handle(s.health.ready))
	get("/metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{}))
	get("/openapi.json", Handle(docs.openAPI))
	get("/docs", Handle(docs.page))

	s.http = &http.Server{
		Handler:           s.middleware(route(s.router)),
		ReadHeaderTimeout: cfg.Timeouts.ReadHeader,
		ReadTimeout:       cfg.Timeouts.Read,
		// Counted from the end of the headers, so it covers what comes before the
		// answer as well.
		WriteTimeout:   max(cfg.Timeouts.Read, cfg.Timeouts.Handle) + writeSlack,
		IdleTimeout:    cfg.Timeouts.Idle,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// Router takes the routes of the API.
func (s *Server) Router() *mux.Router { return s.router }

// Listen takes the address, ":8080" or ":0" for any free port, without
// answering yet: connections wait for [Server.Serve]. It fails with a
// [*ListenError].
func (s *Server) Listen(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return &ListenError{Addr: addr, Err: err}
	}
	s.listener = listener
	return nil
}

// Addr is the address that [Server.Listen] took.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until [Server.Shutdown] begins, and then returns nil;
// Shutdown returns when the last request is answered.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", s.listener.Addr(), err)
	}
	return nil
}

// Shutdown closes the port, ends all streams and waits for the requests that were
// taken. Those that are not answered when ctx ends are cut off, which is the error
// then.
func (s *Server) Shutdown(ctx context.Context) error {
	s.health.draining.Store(true)
	s.streams.drain()
	err := s.http.Shutdown(ctx)
	if s.listener != nil {
		// http.Server closes only a listener that it has served.
		_ = s.listener.Close()
	}
	if err != nil {
		_ = s.http.Close()
		return fmt.Errorf("answer the requests under way before shutting down: %w", err)
	}
	return nil
}

// ListenError says why an address could not be taken, in the words of the
// configuration.
type ListenError struct {
	Addr string
	Err  error
}

func (e *ListenError) Error() string {
	const remedy = "set app.port (BOOKSTORE_APP_PORT) to a free one, or to 0 for any"
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return fmt.Sprintf("listen on %s: another program has that port; %s", e.Addr, remedy)
	case errors.Is(e.Err, syscall.EACCES):
		return fmt.Sprintf("listen on %s: this user may not use that port; %s", e.Addr, remedy)
	default:
		return fmt.Sprintf("listen on %s (app.port): %v", e.Addr, e.Err)
	}
}

// Unwrap returns what the operating system said.
func (e *ListenError) Unwrap() error { return e.Err }
