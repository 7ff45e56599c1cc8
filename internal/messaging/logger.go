package messaging

import (
	"context"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
)

// watermillLogger writes what Watermill has to say at debug level or below: its
// "info" is a line for each step, its errors come once per try of an outage. What
// they come to is logged here once, by who knows.
//
// Watermill's own adapter would do, but for its price: it logs several lines per
// message at trace level, and formats them also when nobody wants them, which
// took a sixth of a consumer's time.
type watermillLogger struct {
	log *slog.Logger
	// told, if not nil, hears of errors. For much that goes wrong between two
	// sessions of a consumer group, that is the only sign.
	told func(msg string, err error)
}

// Error implements [watermill.LoggerAdapter].
func (l watermillLogger) Error(msg string, err error, fields watermill.LogFields) {
	l.write(slog.LevelDebug, msg, fields.Add(watermill.LogFields{"error": err}))
	if l.told != nil {
		l.told(msg, err)
	}
}

// Info implements [watermill.LoggerAdapter].
func (l watermillLogger) Info(msg string, fields watermill.LogFields) {
	l.write(slog.LevelDebug, msg, fields)
}

// Debug implements [watermill.LoggerAdapter].
func (l watermillLogger) Debug(msg string, fields watermill.LogFields) {
	l.write(watermill.LevelTrace, msg, fields)
}

// Trace implements [watermill.LoggerAdapter].
func (l watermillLogger) Trace(msg string, fields watermill.LogFields) {
	l.write(watermill.LevelTrace, msg, fields)
}

// With implements [watermill.LoggerAdapter].
func (l watermillLogger) With(fields watermill.LogFields) watermill.LoggerAdapter {
	for key, value := range fields {
		l.log = l.log.With(key, value)
	}
	return l
}

func (l watermillLogger) write(level slog.Level, msg string, fields watermill.LogFields) {
	ctx := context.Background()
	if !l.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("said", msg)}
	for key, value := range fields {
		attrs = append(attrs, slog.Any(key, value))
	}
	l.log.LogAttrs(ctx, level, "watermill", attrs...)
}
