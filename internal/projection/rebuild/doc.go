// Package rebuild builds a new generation of a projection from the log, while the
// old one goes on answering, and puts it in the old one's place.
//
// A rebuild is a row of the table rebuilds, and that row is how its two sides
// meet. Operators, from any process, write what they wish ([SetWish], [Accept]) and
// read how far it has come ([Get], [List]). The one process that owns it reads the
// wishes and writes the rest.
//
// On failure: a rebuild that is killed goes on from what the row and its
// checkpoints say. An order that was answered is in the row, and is followed by
// whoever owns the rebuild then. One that comes when the rebuild is over is
// refused ([ErrOver]); the row's lock decides which of the two was first.
package rebuild
