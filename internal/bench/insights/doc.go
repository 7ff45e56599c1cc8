// Package insights measures how fast a service counts what is searched, how fast it
// answers with what it has counted, and that a service that is killed counts nothing
// twice and forgets nothing.
//
// In come books, numbers and what starts a service in a process of its own; out goes a
// [Report]. One service goes through all of it, on one data directory:
//
//   - the books get in through the API, as an import;
//   - while the service is down, searches of the last eight days are put on its log, in
//     the service's own encoding. It is started, and has to catch up: trends, interests
//     and what was served together, all of them beside each other;
//   - trends of each window and recommendations are asked for beside lookups by id, in
//     turns and at a fixed rate, while nothing else goes on;
//   - the same, while so many searches a second arrive; how far the read models are
//     behind is looked at all the time;
//   - down again, it gets a fifth as many searches as at first. While it works on those
//     it is killed with SIGKILL, twice, and started again;
//   - what it has counted then is compared with what was noted down while searches were
//     made: each query's searches and readers, each reader's interests, and all sums.
//
// Searches are functions of the books and the seed. Few queries and few readers make
// most of them (Zipf's law), a tenth is by nobody known, and each query is typed in
// several ways that differ in case, spaces and accents.
//
// Clients, service, broker and PostgreSQL share the machine. Searches are put on the
// log by this process, not by the service's API, so what it costs to answer them is not
// in the figures; what it costs to encode and publish them is.
//
// On failure: the first one ends the run, the service is stopped and its files go, see
// package scratch. Killed, it takes the service with it, whose standard input ends; the
// next run removes the files. A count that is not what it should be is a failure
// ([CountError]), and so are read models that stop following the log.
package insights
