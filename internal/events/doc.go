// Package events is the contract: the commands and events that travel through
// Kafka, byte for byte, and the topics they travel on.
//
// In come Go values, out go records (key, value, headers), and back again. The
// value is plain JSON, the headers are CloudEvents 1.0 in Kafka binary mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
// The schema version is part of the type, "bookstore.book.created.v1"; a record
// of an older version is lifted by an upcaster in [DecodeEvent], the one door
// that live projections, rebuilds and replays all pass through.
//
// Nothing here does I/O, so nothing here can be killed half-way, run twice or
// run late. What can go wrong is a record that this code does not understand:
// that is a [*DecodeError], which names the record's position, never a panic
// and never a guess.
//
// The golden files in testdata pin the bytes. They are added to, never changed:
// the log is kept for ever, so every version ever written must stay readable.
//
// The package imports the standard library only.
package events
