package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceparentHeader is the name of the header that carries a trace context, in
// HTTP and in Kafka (W3C Trace Context, section 3.2).
const TraceparentHeader = "traceparent"

// NewTracerProvider returns a provider whose spans have ids and parents, and
// are dropped when they end: there is no exporter. Its Shutdown has nothing to
// flush and is there for when there is one.
func NewTracerProvider() *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider()
}

// ContextWithTraceparent returns ctx as a part of the trace that a traceparent
// header names. If the header is missing or breaks the W3C's rules, it becomes
// the root of a new, sampled trace, so that the result always has a trace.
func ContextWithTraceparent(ctx context.Context, traceparent string) context.Context {
	if span, ok := parseTraceparent(ctx, traceparent); ok {
		return trace.ContextWithRemoteSpanContext(ctx, span)
	}
	return trace.ContextWithSpanContext(ctx, newRoot())
}

// Traceparent returns the traceparent header that passes ctx's trace on: version
// 00, with the current span as the parent. It is empty when ctx has no trace.
func Traceparent(ctx context.Context) string {
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, headers)
	return headers[TraceparentHeader]
}

// traceparentLength is that of a version 00 header: 00-(32 hex)-(16 hex)-(2 hex).
const traceparentLength = 55

func parseTraceparent(ctx context.Context, header string) (trace.SpanContext, bool) {
	// The propagator takes version 00 with a dash at its end, which the
	// recommendation forbids; only later versions may be longer.
	if len(header) < traceparentLength || header[:2] == "00" && len(header) > traceparentLength {
		return trace.SpanContext{}, false
	}
	// Without the trace that may be under way in ctx, which Extract would leave
	// in place of a bad header's.
	blank := trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	extracted := propagation.TraceContext{}.Extract(blank, propagation.MapCarrier{TraceparentHeader: header})
	span := trace.SpanContextFromContext(extracted)
	return span, span.IsValid()
}

func newRoot() trace.SpanContext {
	var traceID trace.TraceID
	var spanID trace.SpanID
	// Each record that comes without a trace gets one: the system's source of secrets was a
	// twentieth of a busy consumer's time, measured. All zeros would be an invalid id, at
	// odds of 1 to 2^64.
	for part := range slices.Chunk(traceID[:], 8) {
		putRandom(part)
	}
	putRandom(spanID[:])
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled})
}

func putRandom(id []byte) {
	binary.NativeEndian.PutUint64(id, rand.Uint64()) //nolint:gosec // an id, and no secret
}
