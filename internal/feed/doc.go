// Package feed lets anyone follow the catalogue over HTTP, without Kafka: as
// server-sent events (/api/events/stream), and as the last entries of the log
// (/api/events).
//
// In come the records of the events topic, in each partition's order; out go
// CloudEvents in JSON. A [Hub] follows the topic once for the whole process, however
// many clients there are, and keeps the last records. Each client reads them at its
// own pace. One that is further behind, because it is slow or begins in the past, reads
// the log, a stretch at a time, until what the hub has is all that it lacks: nobody
// waits for it, and it is never skipped ahead. Few read the log at the same time, and
// each holds one stretch, so memory does not grow with the log.
//
// A client's position is the next offset of every partition: the log has no other order
// than that within partitions, and two clients may get two books' changes in a different
// order. Each event brings as its id the position behind it. A client that sends that
// back gets exactly the rest, from this process or another.
//
// On failure:
//   - The log away: streams stay open and silent, and go on from where they are. The log
//     says so once an outage.
//   - Killed, or shut down: nothing is kept here. Clients connect again, elsewhere if
//     need be, and say what they have.
//   - A record that can't be read is sent as what it is, an event of the name
//     "unreadable", and never left out: only its reader can know what it may miss.
//   - An event that is twice in the log, as after a crash of who wrote it, is sent twice,
//     as on Kafka; (id, version) tells.
//   - A position that the log does not have is refused, and the answer says why.
package feed
