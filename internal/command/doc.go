// Package command is the write side: it takes requests to change books, puts
// them on the log as commands, decides them, and writes what was decided.
//
// In come HTTP requests ([API]) and, from the commands topic, commands in the
// order of their book ([Handler]). Out go commands onto the log, decisions into
// PostgreSQL, events onto the log, and answers to who is waiting ([Outcomes]).
//
// Deciding is pure ([Decide]): a book as it stands and a command in, an event
// out. The same command in the same state gives the same event, to the byte,
// whenever and wherever it is decided: the time in it is the command's own.
//
//   - Killed after a command was accepted: it is in the log and is decided by
//     whoever takes over its partition.
//   - Killed between the decision and its event: the decision's row is the outbox;
//     the next owner publishes it first thing ([Handler.Resume]). Killed between
//     the event and the note that it was published: the very same event is
//     published again, and consumers drop it by book and version.
//   - A command that arrives twice (a retry under the same Idempotency-Key, a
//     republished record) is answered with the first decision; by command id.
//   - Two that decide for the same book at once: the database takes one history
//     per book, the other decides again in the state that is then.
//   - Decided late: If-Match still holds at the moment of the decision.
//   - Kafka away: writes are refused, at once after the first; what is decided
//     waits in the outbox. PostgreSQL away: writes are refused; what is in the log
//     waits there.
package command
