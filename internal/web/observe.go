package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// newDurations makes the histogram of all requests. Its buckets reach from what
// an indexed query takes to the longest that a request may wait.
func newDurations() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "bookstore_http_request_duration_seconds",
		Help:    "Time to answer a request, by route template, method and class of status; 4xx includes clients that left.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"route", "method", "status"})
}

// observe looks at each request when it is over, however it ended: one value in
// the histogram and one line in the log. A stream takes as long as its client likes,
// which says nothing about us: it is not in the histogram. A service that is well logs nothing
// about its requests, so what is there is worth reading.
func observe(logger *slog.Logger, durations *prometheus.HistogramVec) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := newResponse(w)
			began := time.Now()
			defer func() { // also when the connection is cut by a panic
				took := time.Since(began)
				if answer.status == 0 { // nothing written: net/http sends this
					answer.status = http.StatusOK
				}
				if !answer.streaming {
					durations.WithLabelValues(routeLabel(answer), methodLabel(r), statusClass(answer.status)).Observe(took.Seconds())
				}
				logRequest(logger, r, answer, took)
			}()
			next.ServeHTTP(answer, r)
		})
	}
}

func logRequest(logger *slog.Logger, r *http.Request, answer *response, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case answer.err == nil: // well, or the client's fault
	case answer.status > http.StatusInternalServerError:
		level = slog.LevelWarn // something that we need is away
	default:
		// A 500, or an answer that failed after it had begun.
		level = slog.LevelError
	}
	if !logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", methodLabel(r)),
		slog.String("route", routeLabel(answer)),
		slog.String("path", printable(r.URL.EscapedPath())),
		slog.Int("status", answer.status),
		slog.Duration("took", took),
	}
	if answer.err != nil {
		attrs = append(attrs, slog.Any("error", answer.err))
	}
	var panicked *panicked
	if errors.As(answer.err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.stack)))
	}
	logger.LogAttrs(r.Context(), level, "request answered", attrs...)
}

// The labels take few values, whatever clients send: each combination is a time
// series for ever.

func routeLabel(answer *response) string {
	if answer.route == "" {
		return "unmatched"
	}
	return answer.route
}

func methodLabel(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	default:
		return "other"
	}
}

func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }

// panicked is a panic as an error. It doesn't unwrap: whatever was thrown, the
// answer is a 500.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
