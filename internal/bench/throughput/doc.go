// Package throughput measures how fast the catalog follows the log, beside the
// naive way to do it and beside what PostgreSQL allows at all.
//
// In come a catalogue and a number of events; out comes a [Report] with the times,
// the rates, the peaks of memory and the ratios that matter. All in one run, on the
// same servers and the same events:
//
//   - naive: Watermill's router and watermill-kafka's subscriber as their
//     documentation shows them, a transaction for each message;
//   - live: the service's engine behind the service's router;
//   - the limit of live: the rows that it wrote, prepared beforehand, written into
//     the same indexed tables in batches of the same sizes over as many connections;
//   - rebuild: the service's bulk rebuild;
//   - the limit of a rebuild: COPY of the finished rows into a bare table, then the
//     same indexes.
//
// No way may gain from its place in the order: each begins with new tables and a
// CHECKPOINT, and runs in a process of its own ([Task]), so that neither a warm heap
// nor a grown one is inherited. What each leaves in the tables is counted and
// hashed: a way that was fast because it lost something is found out
// ([RowsError]).
//
// On failure: the first one ends the run, and what the run has made goes with it:
// its directory, where the servers are its own; its topics and its schema in
// servers that were given. Killed, it leaves those two behind; its own directory is
// removed by the next run, and its tasks end by themselves. Two runs at once don't
// meet, except that each slows the other.
package throughput
