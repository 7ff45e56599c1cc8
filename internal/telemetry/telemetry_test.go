package telemetry

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

// The example of the W3C recommendation.
const (
	exampleTrace       = "4bf92f3577b34da6a3ce929d0e0e4736"
	exampleTraceparent = "00-" + exampleTrace + "-00f067aa0ba902b7-01"
)

func TestTraceparentGoesThroughUnchanged(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		exampleTraceparent,
		"00-" + exampleTrace + "-00f067aa0ba902b7-00", // not sampled: not ours to change
	} {
		ctx := ContextWithTraceparent(t.Context(), header)
		require.Equal(t, header, Traceparent(ctx))
		require.True(t, trace.SpanContextFromContext(ctx).IsRemote())
	}
}

func TestTraceparentOfALaterVersionIsReadAsFarAsKnown(t *testing.T) {
	t.Parallel()
	later := "cc" + exampleTraceparent[2:] + "-what-is-to-come"
	require.Equal(t, exampleTraceparent, Traceparent(ContextWithTraceparent(t.Context(), later)))
}

func TestBadTraceparentStartsANewTrace(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"missing":          "",
		"garbage":          "x",
		"too short":        exampleTraceparent[:54],
		"too long":         exampleTraceparent + "-00",
		"dash at the end":  exampleTraceparent + "-",
		"capitals":         strings.ToUpper(exampleTraceparent),
		"no hex":           strings.Replace(exampleTraceparent, "4bf9", "4bfg", 1),
		"forbidden ff":     "ff" + exampleTraceparent[2:],
		"trace of zeros":   strings.Replace(exampleTraceparent, exampleTrace, strings.Repeat("0", 32), 1),
		"span of zeros":    strings.Replace(exampleTraceparent, "00f067aa0ba902b7", strings.Repeat("0", 16), 1),
		"other separators": strings.ReplaceAll(exampleTraceparent, "-", "_"),
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Also when a trace is under way: a bad header must not hide in it.
			underWay := ContextWithTraceparent(t.Context(), exampleTraceparent)

			first := Traceparent(ContextWithTraceparent(underWay, header))
			second := Traceparent(ContextWithTraceparent(underWay, header))
			require.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`, first)
			require.NotContains(t, first, exampleTrace)
			require.NotEqual(t, first, second)
		})
	}
}

func TestNoTraceNoTraceparent(t *testing.T) {
	t.Parallel()
	require.Empty(t, Traceparent(t.Context()))
}

func TestSpansContinueTheTrace(t *testing.T) {
	t.Parallel()
	provider := NewTracerProvider()
	defer func() { require.NoError(t, provider.Shutdown(t.Context())) }()

	ctx := ContextWithTraceparent(t.Context(), exampleTraceparent)
	ctx, span := provider.Tracer("test").Start(ctx, "child")
	defer span.End()

	require.Equal(t, exampleTrace, span.SpanContext().TraceID().String())
	require.Equal(t, "00-"+exampleTrace+"-"+span.SpanContext().SpanID().String()+"-01", Traceparent(ctx))
	require.NotEqual(t, exampleTraceparent, Traceparent(ctx), "the child is the new parent")
}

func TestCorrelationID(t *testing.T) {
	t.Parallel()
	require.Empty(t, CorrelationID(t.Context()))
	ctx := ContextWithCorrelationID(t.Context(), "a")
	require.Equal(t, "a", CorrelationID(ctx))
	require.Equal(t, "a", CorrelationID(ContextWithCorrelationID(ctx, "")))
	require.Equal(t, "b", CorrelationID(ContextWithCorrelationID(ctx, "b")))
}

func TestLoggerAddsTheContextsIDs(t *testing.T) {
	t.Parallel()
	ctx := ContextWithCorrelationID(ContextWithTraceparent(t.Context(), exampleTraceparent), "c-1")

	var out strings.Builder
	logger := NewLogger(&out, slog.LevelInfo, FormatJSON).With("part", "test")
	logger.InfoContext(ctx, "with ids")
	logger.Info("without")
	logger.WithGroup("g").InfoContext(ctx, "in a group")

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	require.Subset(t, parse(t, lines[0]), map[string]any{"msg": "with ids", "part": "test", "trace_id": exampleTrace, "correlation_id": "c-1"})
	require.NotContains(t, lines[1], "_id")
	require.Equal(t, map[string]any{"trace_id": exampleTrace, "correlation_id": "c-1"}, parse(t, lines[2])["g"])
}

func TestLoggerLevelAndFormat(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	logger := NewLogger(&out, slog.LevelWarn, "text")
	logger.Info("quiet")
	require.Empty(t, out.String())
	logger.Warn("loud")
	require.Contains(t, out.String(), "level=WARN msg=loud")
}

func TestRegistriesAreSeparate(t *testing.T) {
	t.Parallel()
	first, second := NewRegistry(), NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "only_in_first"})
	first.MustRegister(counter)

	require.Contains(t, names(t, first), "only_in_first")
	require.Contains(t, names(t, second), "go_goroutines")
	require.Contains(t, names(t, second), "process_start_time_seconds")
	require.NotContains(t, names(t, second), "only_in_first")
}

func names(t *testing.T, gatherer prometheus.Gatherer) []string {
	t.Helper()
	families, err := gatherer.Gather()
	require.NoError(t, err)
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	return names
}

func parse(t *testing.T, line string) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &fields))
	return fields
}
