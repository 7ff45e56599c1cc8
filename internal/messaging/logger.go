package messaging

import (
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
)

// newWatermillLogger writes what Watermill has to say to logger, all of it at
// debug level or below: its "info" is a line for each step, its errors come once
// per try of an outage. What they come to is logged here once, by who knows.
func newWatermillLogger(logger *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(logger, map[slog.Level]slog.Level{
		slog.LevelError:      slog.LevelDebug,
		slog.LevelInfo:       slog.LevelDebug,
		slog.LevelDebug:      watermill.LevelTrace,
		watermill.LevelTrace: watermill.LevelTrace,
	})
}

// faultLogger also tells what Watermill logs as an error. For much that goes
// wrong between two sessions of a consumer group, that is the only sign.
type faultLogger struct {
	watermill.LoggerAdapter
	told func(msg string, err error)
}

// Error implements [watermill.LoggerAdapter].
func (l faultLogger) Error(msg string, err error, fields watermill.LogFields) {
	l.LoggerAdapter.Error(msg, err, fields)
	l.told(msg, err)
}

// With implements [watermill.LoggerAdapter]. Without it the wrapper would be lost.
func (l faultLogger) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return faultLogger{l.LoggerAdapter.With(fields), l.told}
}
