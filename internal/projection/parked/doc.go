// Package parked keeps the records that a consumer could not apply, and those of
// the same key behind them, until somebody has made them applicable or has
// decided to do without them.
//
// In come records as they lie in the log ([Queue]) and the wishes of operators
// ([Request]). Out go what a consumer must know before it applies a batch
// ([ReadHeld]), the records that it is asked to try again or to drop
// ([ReadRequested]), and what operators look at ([List], [Get], [Counts]).
//
// The records of one key that are parked in one generation are a line: they are
// applied in the order of the log or not at all. So a consumer parks each record
// of a key that has a line, also a good one, and a retry of any of them is one of
// the whole line. Records without a key are one line too, and not that of the
// empty key.
//
// Only the consumer that owns a partition parks, applies and discards: the Queue
// functions add to the transaction that also moves its checkpoint, so what they
// do happens with the rest of a batch or not at all, and a batch that is applied
// again parks nothing twice. Operators only leave a note on a row. A note that
// is left while nobody owns the partition waits for the next owner; one that is
// left twice is one.
//
// Rows that were discarded stay, and are what a later generation goes by: what
// was given up once is not met again.
package parked
