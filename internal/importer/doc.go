// Package importer adds the books of a file to a running bookstore, through the
// same HTTP API as everybody else.
//
// In comes a stream of rows, CSV or NDJSON, of any length; what is in memory at
// one time is the rows on their way and never the file. Out go POST requests to
// /api/books, several at once, and what became of each row: a book that was
// added, a book that was there already, or a row that was refused, with its line
// and the reason.
//
// Each request carries an Idempotency-Key made of what the row says, which is
// what makes all else simple:
//
//   - Killed, stopped, or run twice: run it again. The service answers a row that
//     it has with the first outcome, and nothing is added twice.
//   - The service away, restarting, overloaded, or an answer lost on the way: the
//     same request is sent again, with backoff, for a bounded time. Then the import
//     ends with [GaveUpError].
//   - A row that can't be read, or that the service refuses, is reported and the
//     rest goes on. A quote that is never closed costs its own row, not the file.
//   - An ISBN that is none, in CSV and NDJSON alike, is left out of its book and
//     counted: most NDJSON is made of tables as well, and a book without its number
//     is worth more than none. Who wants such books refused asks the API.
//   - A file imported by a version that knew no ISBNs, imported again: its rows are
//     the same, so nothing is added, and the books that are there stay without. They
//     are counted. It is the same where two rows differ in nothing but the ISBN.
//   - Two imports of the same file at once: each book is added by one of them.
package importer
