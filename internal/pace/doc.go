// Package pace makes a rebuild give way to live queries: with a bound of 1.5, the
// p99 of live queries stays under one and a half times what it was before, and the
// rebuild takes as much longer as that costs.
//
// Two halves, which may be in different processes, meet in the table query_windows.
// A [Meter] is in each process that answers queries: in come durations, out go,
// only while a bounded rebuild is unfinished, counts by second. A [Governor] is in
// the process that owns the rebuild: in come the counts of all processes, out comes
// the share of time that each lane of the rebuild may work, its duty. The lane
// calls [Governor.Wait] between two slices of work, which are best short: a query
// that meets a slice is slowed for that long, whatever the duty.
//
// # What before means
//
// Meters remember their last minute always, so that what was before is known when
// somebody asks. In order of preference the Governor compares with
//
//   - the p99 that an unfinished rebuild has reported as its own before: this one's,
//     of an owner that was killed, or another's that runs at the same time. What is
//     measured now would be disturbed by it;
//   - the seconds that were over when this rebuild was started, without those in
//     which some other rebuild was under way;
//   - nothing, when nobody queried then: the rebuild runs freely until queries come,
//     then stands still until it has measured them undisturbed: for 3 seconds where
//     they are many, up to 30 where they are few.
//
// All times are the database's: those of processes differ, and what began before the
// rebuild would otherwise be anybody's guess.
//
// # How the duty is found
//
// Each duty is judged only by queries that ended under it, over the last 3 seconds,
// or up to 30 where queries are few. Judging by older ones would cut twice for the
// same fault, down to a standstill, and grow twice on the same good news. Above the
// target the duty is cut to where the target would be met if slowness were
// proportional to work, above the bound itself at least by half; clearly below, it
// grows: by doubling while it is far below what was too much the last time (as TCP's
// slow start does), by a quarter otherwise. In between nothing changes, since a p99
// of some hundred queries is noisy. The target lies below the bound, so that noise
// rarely passes it. Plain additive growth would be wrong here: the right duty may be
// 0.02 or 1, and no one step suits both.
//
// There is no least duty: 1 % of a rebuild may already be too much, and then it
// stands still until queries are well again. But when they are not although nothing
// has been done for 20 seconds, the load itself has changed, and a rebuild that
// waited for the old days would never end. What is measured then is the new before.
// It is measured again every two minutes, so that a busy quarter of an hour doesn't
// loosen the bound for the rest of the night; it never goes below the first one.
//
// # On failure
//
// Nothing here is needed for anything to be right, only for it to be fast; nothing
// survives, and nothing has to.
//
//   - The database is away: queries go on being counted in memory, and a second that
//     could not be written is tried again, as long as it is remembered. A Governor that
//     hears nothing for 5 seconds stands still: a database that doesn't answer is the
//     last one to be given more work.
//   - A process that answers queries is killed: its rows are removed by others after
//     two minutes. If it was the only one, there are no queries left to give way to.
//   - The rebuild's owner is killed: its successor begins with a small duty and, as
//     above, with the before that was reported.
//   - Run twice: a second is written once, however often it is tried (its time is part
//     of the key). A Meter that runs twice in one process would count each query once,
//     in seconds cut in two.
//   - By two: any number of processes write; each Governor reads all of them. Two
//     rebuilds at the same time see the same queries and both give way.
package pace
