// Package verify answers whether PostgreSQL holds what the log says, nothing
// less and nothing more.
//
// In come the events topic, from its beginning, and one snapshot of the database.
// Out go counts and every difference, each with the book, the field, what the log
// says and what the read model says. The log is folded here by other code than
// the projections', which may be what is wrong.
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
//   - The decisions of the write side: what they call published is in the log,
//     where they say it is, and nobody else has written events.
//
// It writes nothing and locks nobody out. Killed or run twice, it leaves nothing
// behind. The memory it needs grows with the number of books and commands, some
// 350 bytes for a book and the command that created it, and not with their texts.
package verify
