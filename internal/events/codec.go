package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
)

// Recorded is an event together with what its record says about it.
type Recorded struct {
	Envelope
	Position Position
	Event    Event
}

// Issued is a command together with what its record says about it.
type Issued struct {
	Envelope
	Position Position
	Command  Command
}

// Encoded is a message ready for a topic.
type Encoded struct {
	Key     []byte
	Value   []byte
	Headers []Header
}

// EncodeEvent writes an event. Type and subject of the envelope are filled in
// from the event; the rest is the caller's.
func EncodeEvent(envelope Envelope, event Event) (Encoded, error) {
	return encode(envelope, event.EventType(), event.Book(), event)
}

// EncodeCommand writes a command. Type and subject of the envelope are filled in
// from the command; the rest is the caller's.
func EncodeCommand(envelope Envelope, command Command) (Encoded, error) {
	return encode(envelope, command.CommandType(), command.Book(), command)
}

func encode(envelope Envelope, kind string, book int64, payload any) (Encoded, error) {
	value, err := marshal(payload)
	if err != nil {
		return Encoded{}, fmt.Errorf("encode %s of book %d: %w", kind, book, err)
	}
	envelope.Type = kind
	envelope.Subject = strconv.FormatInt(book, 10)
	return Encoded{Key: BookKey(book), Value: value, Headers: envelope.Headers()}, nil
}

// BookKey is the record key of a book's commands and events.
func BookKey(book int64) []byte { return strconv.AppendInt(nil, book, 10) }

// marshal is json.Marshal without the HTML escaping that would turn the "&" of
// a title into six bytes that no other language writes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// current maps each type that is written today to the Go type it is read into.
var (
	currentEvents = map[string]reflect.Type{
		TypeBookCreated:     reflect.TypeFor[BookCreated](),
		TypeBookUpdated:     reflect.TypeFor[BookUpdated](),
		TypeBookDeleted:     reflect.TypeFor[BookDeleted](),
		TypeCommandRejected: reflect.TypeFor[CommandRejected](),
	}
	currentCommands = map[string]reflect.Type{
		TypeCreateBook: reflect.TypeFor[CreateBook](),
		TypeUpdateBook: reflect.TypeFor[UpdateBook](),
		TypeDeleteBook: reflect.TypeFor[DeleteBook](),
	}
)

// DecodeEvent reads a record of the events topic, of any schema version that
// was ever written. It fails with a [*DecodeError].
func DecodeEvent(r Record) (Recorded, error) {
	envelope, payload, err := decode(r, currentEvents)
	if err != nil {
		return Recorded{}, err
	}
	return Recorded{Envelope: envelope, Position: r.Position(), Event: payload.(Event)}, nil
}

// DecodeCommand reads a record of the commands topic, of any schema version
// that was ever written. It fails with a [*DecodeError].
func DecodeCommand(r Record) (Issued, error) {
	envelope, payload, err := decode(r, currentCommands)
	if err != nil {
		return Issued{}, err
	}
	return Issued{Envelope: envelope, Position: r.Position(), Command: payload.(Command)}, nil
}

func decode(r Record, current map[string]reflect.Type) (Envelope, any, error) {
	envelope, err := parseEnvelope(r.Headers)
	if err != nil {
		return envelope, nil, r.decodeError("bad CloudEvents headers", err)
	}
	kind, value, err := upcast(envelope.Type, r.Value)
	if err != nil {
		return envelope, nil, r.decodeError("lift "+envelope.Type, err)
	}
	target, known := current[kind]
	if !known {
		return envelope, nil, r.decodeError("unknown type "+strconv.Quote(envelope.Type), nil)
	}
	payload := reflect.New(target)
	if err := json.Unmarshal(value, payload.Interface()); err != nil {
		return envelope, nil, r.decodeError("bad JSON in "+envelope.Type, err)
	}
	envelope.Type = kind
	out := payload.Elem().Interface()
	if keyed := out.(interface{ Book() int64 }); !bytes.Equal(r.Key, BookKey(keyed.Book())) {
		return envelope, nil, r.decodeError(fmt.Sprintf("key %q is not the id of book %d", r.Key, keyed.Book()), nil)
	}
	return envelope, out, nil
}
