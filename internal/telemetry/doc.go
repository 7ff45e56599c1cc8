// Package telemetry sets up how the service shows what it does: logs, metrics
// and traces.
//
// NewLogger, NewRegistry and NewTracerProvider each return a value that is
// handed to whoever needs it; none becomes the process's default, so that two
// services in one test don't count in each other's metrics. What belongs to one
// request or message travels in its context: the W3C trace context and the
// correlation id, which are read from HTTP and Kafka headers where they come in,
// written to headers where they go out, and added to every log line in between.
//
// Headers come from strangers. A traceparent that breaks the W3C's rules is
// replaced by a new trace, as the recommendation asks, and never an error:
// telemetry doesn't fail a request. Nothing is kept between requests or on disk,
// and no spans are exported yet, so a killed process loses nothing here.
package telemetry
