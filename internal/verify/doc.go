// Package verify answers whether PostgreSQL holds what the log says, nothing
// less and nothing more.
//
// In come the topics of events, searches and opens, from their beginnings, and one
// snapshot of the database. Out go counts and every difference, each with the book, or
// the query and the reader, the field, what the log says and what the read model says.
// The log is folded here by other code than the projections', which may be what is
// wrong; only the keys of queries and readers are made by the same, package searchkey.
//
// What is compared:
//
//   - The log with itself: every offset is there, every event can be read, and
//     each book's versions are 1, 2, 3 and so on. The same event twice is no
//     difference (a crash makes the write side publish again, and readers drop it)
//     but two different events under one version are.
//   - The tables that are searched, and the history, each at the position that its
//     checkpoints have in the snapshot. So it makes no difference that the service
//     goes on meanwhile, and that a read model is behind.
//     Events that are parked are left out of the comparison and named: a read model
//     that says what it lacks is not wrong, and not equal to the log either. One
//     that can't be read and was discarded is counted; what that leaves out of a
//     book is a difference like any other.
//   - What is counted of searches (served, trends, interests) and of opens (opened), row
//     by row and field by field, each again at its own position. A record that lies in
//     its topic twice counts twice here too. Searches and openings that are parked are
//     left out and named one by one, as each stands by itself; discarded ones are left
//     out and counted.
//     Both topics may be set to forget what is old. What was counted of it stays, and
//     can't be compared: the report says so ([ReadModel.NotCompared]), and it is no
//     difference.
//   - The decisions of the write side: what they call published is in the log,
//     where they say it is, and nobody else has written events.
//
// It writes nothing and locks nobody out, also not a rebuild that wants to switch
// while topics are read ([ErrSwitched] says that it did so too early for what was still
// to be compared). Killed or run twice, it leaves nothing behind.
//
// The memory it needs does not grow with texts, of which there are digests only: what
// differs is read from the log once more to be shown. It grows with the number of books
// and commands, some 350 bytes for a book and the command that created it. These are
// done with before searches are read, which take, measured, 130 to 190 bytes for each
// pair of a reader and a query (in trends and interests together), 60 more for a reader
// who is new, 270 to 390 for a query, with a slot and a form, and 55 to 85 for each
// further slot of five minutes in which a query was searched.
package verify
