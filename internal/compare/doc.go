// Package compare tells whether two generations of a projection hold the same
// rows, and if not, where they differ: the check of a rebuild before the switch.
//
// In come pairs of tables, the active generation's and the new one's, and a
// transaction of the caller's whose snapshot both are read in. Out go, for each
// pair, the counts and checksums of all rows; where those differ, which fields
// do and in how many rows, with samples; and on request every differing row.
//
// # What a difference is
//
// Rows are matched by key, columns by name, values by their text form, which is
// what a client gets to see: numeric 1.0 and 1.00 differ, also where PostgreSQL's
// operators call them equal, and types without such an operator need none.
//
// A row that one side lacks is a difference, and one whose fields differ is, once.
// So is a column that only the active side has, or that changed its type, and a
// table that is gone: clients could miss them. A column or a table that only the
// new side has is reported and is none: nobody asks for it yet.
//
// # How
//
// A table is walked in order of its key, in chunks of a bounded number of rows of
// both sides together, so that neither gaps in the keys nor a side that is empty
// nor a book with a million versions makes a chunk larger. One statement per
// chunk takes the counts and checksums; only where they differ are the rows
// joined. This process holds a row at a time, the server a chunk.
//
// A row's checksum is a chain of 64-bit hashes, each seeded with the one before:
// it changes when a value moves to another column or row, or when a NULL becomes
// an empty text, while the order of the columns in the table does not matter. A
// table's checksum is the sum of its rows': the same in any order, and, unlike an
// exclusive or, not zero for the same row twice. It finds accidents, not attacks:
// two different chunks of rows pass for equal once in 2^64.
//
// # Failure
//
// Nothing is written, so there is nothing to clean up: killed, it is run again,
// from the start, in a new snapshot. Two may run at once. What one run finds
// holds for its snapshot alone; generations that are fed in one transaction are
// level in each.
//
// While the transaction is open it holds back VACUUM, and the tables can't be
// dropped: a DROP waits for it, and every later query of that table for the DROP.
// A table that was dropped before is reported as missing.
package compare
