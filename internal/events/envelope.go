package events

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Header names: CloudEvents 1.0, Kafka binary mode; W3C trace context; and our
// CloudEvents extensions.
const (
	HeaderSpecVersion = "ce_specversion"
	HeaderID          = "ce_id"
	HeaderType        = "ce_type"
	HeaderSource      = "ce_source"
	HeaderTime        = "ce_time"
	HeaderSubject     = "ce_subject"
	HeaderContentType = "content-type"
	HeaderTraceparent = "traceparent"

	HeaderCorrelationID    = "ce_correlationid"
	HeaderActor            = "ce_actor"
	HeaderCommandID        = "ce_commandid"
	HeaderCommandHash      = "ce_commandhash"
	HeaderCommandPartition = "ce_commandpartition"
	HeaderCommandOffset    = "ce_commandoffset"
)

const (
	specVersion = "1.0"
	contentType = "application/json"
)

// Sources of what is on the topics: the CloudEvents source attribute, a
// URI-reference. Source and id together are unique.
const (
	SourceAPI      = "/bookstore/api"      // commands, put by the HTTP API
	SourceCommands = "/bookstore/commands" // events, put by the command handler
	SourceQuery    = "/bookstore/query"    // searches and opens, put by the read side
)

// Envelope is the metadata that travels in a record's headers.
type Envelope struct {
	ID      string    // unique together with Source
	Type    string    // with the schema version, "bookstore.book.created.v1"
	Source  string    // one of the Source constants
	Time    time.Time // when it happened, UTC, microseconds
	Subject string    // the book id; for searches the query

	Traceparent   string // W3C trace context; may be empty
	CorrelationID string // the request that began it all; may be empty
	Actor         string // who asked for it; empty where nobody said

	// Cause is the command that an event answers; nil on commands, searches and opens.
	Cause *Cause
}

// Cause names the command behind an event. With the database gone, the causes
// in the log alone tell which commands were decided and where to go on.
type Cause struct {
	CommandID string
	Hash      string // of what was asked for, see [CommandHash]
	Position  Position
}

// Headers writes the envelope in a fixed order.
func (e Envelope) Headers() []Header {
	headers := make([]Header, 0, 16)
	headers = append(headers,
		Header{HeaderSpecVersion, specVersion},
		Header{HeaderID, e.ID},
		Header{HeaderType, e.Type},
		Header{HeaderSource, e.Source},
		Header{HeaderTime, FormatTime(e.Time)},
		Header{HeaderSubject, e.Subject},
		Header{HeaderContentType, contentType},
	)
	for _, h := range []Header{
		{HeaderTraceparent, e.Traceparent},
		{HeaderCorrelationID, e.CorrelationID},
		{HeaderActor, e.Actor},
	} {
		if h.Value != "" {
			headers = append(headers, h)
		}
	}
	if e.Cause != nil {
		headers = append(headers,
			Header{HeaderCommandID, e.Cause.CommandID},
			Header{HeaderCommandHash, e.Cause.Hash},
			Header{HeaderCommandPartition, strconv.FormatInt(int64(e.Cause.Position.Partition), 10)},
			Header{HeaderCommandOffset, strconv.FormatInt(e.Cause.Position.Offset, 10)},
		)
	}
	return headers
}

// parseEnvelope reads what [Envelope.Headers] wrote. Headers it doesn't know are
// ignored, as CloudEvents asks of consumers.
func parseEnvelope(headers []Header) (Envelope, error) {
	var e Envelope
	var version, happened, commandID, hash, partition, offset string
	for _, h := range headers {
		switch h.Key {
		case HeaderSpecVersion:
			version = h.Value
		case HeaderID:
			e.ID = h.Value
		case HeaderType:
			e.Type = h.Value
		case HeaderSource:
			e.Source = h.Value
		case HeaderTime:
			happened = h.Value
		case HeaderSubject:
			e.Subject = h.Value
		case HeaderTraceparent:
			e.Traceparent = h.Value
		case HeaderCorrelationID:
			e.CorrelationID = h.Value
		case HeaderActor:
			e.Actor = h.Value
		case HeaderCommandID:
			commandID = h.Value
		case HeaderCommandHash:
			hash = h.Value
		case HeaderCommandPartition:
			partition = h.Value
		case HeaderCommandOffset:
			offset = h.Value
		}
	}
	switch {
	case version != specVersion:
		return e, fmt.Errorf("%s is %q, not %q", HeaderSpecVersion, version, specVersion)
	case e.ID == "" || e.Type == "" || e.Source == "":
		return e, errors.New("ce_id, ce_type and ce_source must not be empty")
	}
	var err error
	if e.Time, err = ParseTime(happened); err != nil {
		return e, fmt.Errorf("read %s: %w", HeaderTime, err)
	}
	if commandID == "" {
		return e, nil
	}
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil {
		return e, fmt.Errorf("read %s: %w", HeaderCommandPartition, err)
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return e, fmt.Errorf("read %s: %w", HeaderCommandOffset, err)
	}
	e.Cause = &Cause{CommandID: commandID, Hash: hash, Position: Position{Partition: int32(p), Offset: o}}
	return e, nil
}

// timeLayout is RFC 3339 in UTC with exactly six decimals, what PostgreSQL keeps.
// (Times within values are written by encoding/json, which trims zeros.)
const timeLayout = "2006-01-02T15:04:05.000000Z"

// FormatTime writes t as headers carry it.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime reads any RFC 3339 time and cuts it to microseconds, UTC.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not an RFC 3339 time: %w", s, err)
	}
	return Instant(t), nil
}

// Instant cuts t to what every store on the way keeps: UTC, microseconds.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
