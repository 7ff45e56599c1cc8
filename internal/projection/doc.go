// Package projection turns the log into tables.
//
// # The engine
//
// In come records of one topic, partition by partition, in order. Out go
// transactions: a batch of records becomes the writes that a [Handler] makes of
// it, and the same transaction moves the checkpoint rows of the batch's
// partitions from where the batch begins to where it ends. The checkpoint row is
// position, lock and fence at once; the offsets that Kafka keeps for the group
// only share out the work.
//
// Batches form by themselves: a worker takes whatever is waiting when its last
// transaction ends, up to a limit. An idle system so has batches of one and no
// added latency, a busy one has large batches and few commits.
//
//   - Killed before the commit: nothing happened. Killed after it: rows and
//     position moved together, and the next owner starts behind them.
//   - Run twice, or by a process that lost its partition and does not know: the
//     checkpoint is not where the batch begins, and the transaction undoes itself
//     ([ErrFenced]). The partition is given up and asked for anew.
//   - Run late: the batch is still the next one, or it is fenced.
//   - The database away, a deadlock, a timeout: the same batch is tried again with
//     backoff, for as long as it takes; nothing is skipped.
//   - The database crashes and takes the last commits with it, those that did not
//     wait for the disk: positions are a moment earlier, rows with them. Within a
//     second that is noticed, also when nothing comes that would be fenced, and the
//     partitions are asked for anew. A [Tracker] forgets what it was told.
//   - A poison record, one that can't be decoded or applied however often it is
//     tried, is parked, and so are those of the same key behind it, if they build on
//     it: see package parked. It is found by what the handler says, or by halving the batch.
//   - Any other failure halts the lane: the batch is retried with backoff, logged
//     once, and shown by [Engine.Faults]. Nothing is skipped and nothing is guessed.
//
// # Projections
//
// A [Projection] is a name, a [Source], a version and an Apply. Each of its generations has
// tables of its own; the active one is behind the views that queries read, and
// [Install] makes the first. Only this package writes them, and it writes nothing
// that the log cannot give again.
//
// The live consumer applies each batch to all attached generations, each by the code
// of its version, in one transaction: they are level always. A generation joins them
// at one position ([Attach]), which raises the epoch of the consumer's checkpoints; a
// batch that was made under another epoch is undone and made anew. Package rebuild
// builds, compares and switches.
package projection
