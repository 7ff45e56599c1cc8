// Package messaging is the service's door to Kafka: everything that is written to
// the log or read from it passes here.
//
// Out go commands ([CommandBus]), events and searches ([Writer]), through one
// [Publisher]. In come the records of a topic, to each [Consumer] of a [Router],
// or to a tool that reads a stretch of the log ([ReadLog]). [EnsureTopics] sees to
// it that the topics can keep the service's promises.
//
// Two clients, each for what it is best at: consumer groups are Watermill's router
// and watermill-kafka's subscriber, which is made of Sarama; all else is franz-go,
// whose producer keeps the order and says what became of a record (see
// [Publisher] for why Sarama's can't).
//
// # On failure
//
// The broker away, or frozen: everything here starts without it and goes on within
// a second of its return. Writers wait as long as their context says, and then
// know whether anything may have been written; commands are refused within
// milliseconds after the first few. Consumers stand still, and say so in
// [Router.States].
//
// Killed: what was acknowledged is in the log. What was being written is there or
// not; the next process can't know and writes it again, so readers compare ids or
// versions. A killed consumer's partitions move to the group's others after six to
// ten seconds.
//
// Run twice: each consumer of a group has partitions of its own. One that was
// thought dead may still call Handle for a moment after another has taken over; the
// position that consumers keep with their writes is what makes that harmless.
//
// A position that the log does not have: a [LostLogError], and nothing is
// delivered. Never a jump.
package messaging
