// Package spool keeps what readers did on disk until Kafka has it, so that no
// reader ever waits for Kafka and nothing is forgotten.
//
// In come answered searches ([Searches.Append]) or opened books ([Opens.Append]),
// on the hot path of a query, in a few microseconds. Out they go, in order, to
// their topic ([Spool.Drain], one loop in the background). Between the two lie
// files, never memory: five minutes without a broker cost disk space and nothing
// else. Each topic has a spool of its own, so that none waits behind the other's
// records, and neither fills the other's disk space.
//
// What is stored are the final bytes of the record (key, value, headers). They
// are fixed when the reader is answered, so a kill, an upgrade or an hour of
// outage in between changes nothing about what consumers read.
//
// # What happens on failure
//
//   - Killed (kill -9) after Append returned: nothing is lost. Append is one
//     write(2), and what the kernel has taken outlives the process. Killed within
//     Append: the record was not acknowledged; a frame that is cut short is cut
//     off at the next [Open], with a log line.
//   - Power lost: the last second may be gone, since fsync(2) runs once a second
//     and nobody waits for it. To wait would put a disk's latency into each query.
//   - Killed between the topic's acknowledgement and the write of the position:
//     at most one batch is published again, the same bytes in the same order.
//     Consumers that want each record once compare ce_id.
//   - Broker away, or frozen: Drain retries for ever, Append doesn't notice.
//   - Bound reached (Config.MaxBytes), or disk full: the newest records are
//     refused, Append returns [ErrFull], the query itself goes on. What was
//     spooled before stays, an unbroken sequence. See docs/decisions/0005-search-spool.md.
//   - Damaged bytes (bit rot, a sector lost in a power cut): they are copied to
//     the directory set-aside, logged as an error and counted, and the drain goes
//     on behind them. The same is done with a record that the topic will never
//     take ([ErrUnpublishable]).
//   - Run twice: the directory is locked, so a second Open fails with [ErrInUse];
//     a second Drain fails with [ErrDraining].
//   - Shut down: [Spool.Close] publishes what it can within its context. The rest
//     is what the next start publishes first.
//
// # Files
//
//	LOCK                              flock(2) of the process that owns the directory
//	position                          where the first unpublished frame lies
//	00000000000000000001.segment      frames; the name is the sequence number of the first
//	00000000000000005121.segment
//	set-aside/...                     damaged bytes and unpublishable frames, for a person to look at
//
// A segment is written by one process, front to back, and deleted once all of
// it is published.
package spool
