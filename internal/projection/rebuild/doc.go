// Package rebuild builds a new generation of a projection from the log, while the
// old one goes on answering, and puts it in the old one's place.
//
// A rebuild is a row of the table rebuilds, and that row is how its two sides
// meet. Operators, from any process, write what they wish ([SetWish], [Accept]) and
// read how far it has come ([Get], [List]). The one process that owns it reads the
// wishes and writes the rest: see [Rebuilder.Run].
//
// # The way of a rebuild
//
//	copying      the log, from its oldest record to where the live consumer is, goes
//	             through an engine of its own into tables that have a primary key
//	             and nothing else
//	indexing     the other indexes are made, side by side, and statistics taken
//	catching up  what came meanwhile follows; then the live consumer is held for
//	             some milliseconds, the generation brought to its very position,
//	             and from there on it feeds both in the same transactions
//	verifying    in one snapshot, where both are level, all rows are compared
//	switching    the views that queries read are pointed at the new generation
//
// With a bound on how slow queries may become, the indexes come first and the rows
// in small batches with pauses between: slower, but without a step that could not
// give way.
//
// A log of books' histories must be whole, or nothing is built of it. Of other logs
// ([projection.Source]) what is left is built, and the verification shows the rest as
// lost.
//
// # On failure
//
//   - The engine is the live one: what a rebuild copies and where it is are one
//     transaction, a poison record is parked, and a second owner is fenced.
//   - Killed at any moment: the advisory lock that makes an owner goes with its
//     connection, and the next one goes on in the phase that the row says, from the
//     generation's own checkpoints. An index is there or it is not. Each step from one
//     phase to the next is one transaction, also the switch.
//   - Run by two, as one has lost its lock and not noticed: whatever it wants to
//     write down, its name must still be in the row.
//   - Cancelled or failed: the tables go, in the transaction that says so. The active
//     generation was never touched.
//   - Nothing is published: a rebuild reads the log and writes tables, and that is all
//     it could do.
//
// An order that was answered is in the row, and is followed by whoever owns the
// rebuild then. One that comes when the rebuild is over is refused ([ErrOver]); the
// row's lock decides which of the two was first.
package rebuild
