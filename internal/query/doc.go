// Package query is the read side: it lists, shows and searches the books of the
// read model, tells what happened to each, and what readers search for and may like.
//
// In come HTTP requests ([API]); out go rows of the views that package
// projection keeps ([Catalog] reads them, and nothing here writes), together with
// where in the log those rows stand: a Consistency-Token and a Read-Model-Lag.
// Rows and position come out of one statement, so they are of one moment, and what
// takes several statements reads them all at one moment too. How a search is carried
// out is planned here, by what PostgreSQL knows of how common words are (plan.go).
// Every search that was answered also goes to a [SearchLog], with exactly the
// results that were served, and every book that was opened to an [OpenLog].
//
// On failure:
//   - Bad input is refused with 400 and the name of the field, before the
//     database is asked.
//   - A Consistency-Token names a write that is not readable yet: the query waits
//     for a bounded time and is then refused with 503, never answered without it.
//   - An event of a book could not be applied and is parked: its answers say how
//     many are, and where that is the first one, that is the answer (503): such a
//     book is not one that is not there.
//   - The database is away or a search takes too long: 503 with Retry-After. The
//     server ends the statement itself, so that a search nobody waits for any more
//     does not go on costing. Long before that a plan leaves out what would cost too
//     much, and the answer says so (Partial-Results).
//   - Trends can't be counted anew: the last ones are used for five minutes, and the
//     answer says of when they are (Trends-As-Of).
//   - What is trending or recommended is deleted: it is left out, as books are looked up
//     when they are asked for.
//   - Kafka is away: nothing happens here. Both logs are spools on disk.
//   - A log refuses a search or an open (its bound is reached): the reader is
//     answered all the same, and a log line says so once in a while.
//   - Killed between the append to such a log and the answer: the search or open is
//     published though its reader never saw the results. The other order would
//     lose what was seen.
//
// What is kept between requests is the statistics that searches are planned by, of the last
// half minute, which are a hint only, and which queries trend, for a minute at most
// (ranking.go). So any number of processes may answer, and may for a minute differ in the
// order of trends.
package query
