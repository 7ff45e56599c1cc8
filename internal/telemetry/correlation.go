package telemetry

import "context"

type correlationKey struct{}

// ContextWithCorrelationID returns ctx with the id that ties together everything
// one request led to: its command, the events, and the log lines on the way. An
// empty id leaves ctx as it is.
func ContextWithCorrelationID(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, correlationKey{}, id)
}

// CorrelationID returns ctx's correlation id, empty if it has none.
func CorrelationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}
