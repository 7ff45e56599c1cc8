package messaging

import (
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"bookstore/internal/events"
	"bookstore/internal/telemetry"
)

// chain returns the middleware of all consumers, the outermost first:
//
//  1. ids: first of all, so that every line that is logged further in has them.
//  2. logging: outside of metrics, so that the time it takes to write a line is
//     not taken for the consumer's.
//  3. metrics: outside of recovery, so that a panic counts as a failure.
//  4. recovery: next to the consumer, whose panic it makes an error that the
//     others see like any other. Theirs would end in Watermill's router, which
//     recovers as well, but only logs.
//
// There is no retry and no poison queue among them. A failed message is offered
// again by the subscriber, before any later one of its partition; and what to do
// with one that never succeeds is a decision that the consumer takes in the same
// transaction as its position.
func chain(log *slog.Logger, m metrics) []message.HandlerMiddleware {
	return []message.HandlerMiddleware{ids, logging(log), m.middleware, middleware.Recoverer}
}

// ids puts the trace and the correlation id that a message carries into its
// context.
func ids(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		ctx := telemetry.ContextWithTraceparent(msg.Context(), msg.Metadata.Get(events.HeaderTraceparent))
		ctx = telemetry.ContextWithCorrelationID(ctx, msg.Metadata.Get(events.HeaderCorrelationID))
		msg.SetContext(ctx)
		return next(msg)
	}
}

// logging writes a line for each failure, and at debug level for each message.
func logging(log *slog.Logger) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			out, err := next(msg)
			ctx := msg.Context()
			switch {
			case err != nil:
				r := RecordOf(msg)
				log.WarnContext(ctx, "consumer failed on a record; offering it again",
					"consumer", message.HandlerNameFromCtx(ctx), "topic", r.Topic, "position", r.Position(), "error", err)
			case log.Enabled(ctx, slog.LevelDebug):
				r := RecordOf(msg)
				log.DebugContext(ctx, "record taken over", "consumer", message.HandlerNameFromCtx(ctx),
					"topic", r.Topic, "position", r.Position(), "type", r.Header(events.HeaderType))
			}
			return out, err
		}
	}
}

// metrics are those of all consumers of a router.
type metrics struct {
	received, failed *prometheus.CounterVec
	seconds          *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer) (metrics, error) {
	consumer := []string{"consumer"}
	m := metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bookstore_consumer_received_total", Help: "Records offered to a consumer, again after a failure included.",
		}, consumer),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bookstore_consumer_failed_total", Help: "Records that a consumer failed to take over.",
		}, consumer),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bookstore_consumer_handle_seconds", Help: "Time until a consumer has taken a record over; it grows when the consumer is the slower one.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 10, 7),
		}, consumer),
	}
	for _, c := range []prometheus.Collector{m.received, m.failed, m.seconds} {
		if err := registerer.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m metrics) middleware(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		consumer := message.HandlerNameFromCtx(msg.Context())
		began := time.Now()
		out, err := next(msg)
		m.seconds.WithLabelValues(consumer).Observe(time.Since(began).Seconds())
		m.received.WithLabelValues(consumer).Inc()
		if err != nil {
			m.failed.WithLabelValues(consumer).Inc()
		}
		return out, err
	}
}
