package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// FormatJSON asks NewLogger for one JSON object a line. Any other format is
// key=value text.
const FormatJSON = "json"

// NewLogger returns a logger that writes lines of at least level to w. To lines
// that are logged with a context it adds that context's trace_id and
// correlation_id, so that all lines about one request can be found by either.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var lines slog.Handler = slog.NewTextHandler(w, options)
	if format == FormatJSON {
		lines = slog.NewJSONHandler(w, options)
	}
	return slog.New(contextHandler{lines})
}

// contextHandler adds what the context knows to each record.
type contextHandler struct{ slog.Handler }

// Handle adds the ids of ctx, where it has them.
func (h contextHandler) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	if id := CorrelationID(ctx); id != "" {
		record.AddAttrs(slog.String("correlation_id", id))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs keeps the wrapper: the embedded handler's own method would return a
// handler without it.
func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the wrapper, as WithAttrs does. The ids end up in the group.
func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}
