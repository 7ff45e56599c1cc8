// Package search measures how fast the service searches, as its clients see it, in
// catalogues of several sizes.
//
// In comes a catalogue that is made up (package books) and what starts a service;
// out goes a [Report]. For each size, the log is written first, commands and events
// as the service itself would have written them, and the service is started on it
// with an empty database: it restores its write side and builds its read models in
// bulk, as after a disaster. Then, one after the other and always with a trickle of
// writes through the API beside it:
//
//   - lookups by id, half of them before and half behind all that follows;
//   - each kind of query by itself;
//   - the mix, in which all kinds have the same share but for the two that nobody asks
//     for often, one letter and words that exist only apart;
//   - the same mix, by the same number of connections straight to PostgreSQL: the
//     read side's own search (query.Catalog) on a pool of its own, without HTTP and
//     without the spool of searches.
//
// In the largest catalogue the trickle then ends, and new books get in, as events on
// the log that the service's own consumers apply live:
//
//   - the mix at a fixed rate, while nothing is written;
//   - the same, while so many new books a second arrive, evenly in time; how many of
//     them were applied by then, and how long the rest took;
//   - a backlog of new books that arrive at once, while nobody searches.
//
// But for that fixed rate, clients are as many as there are connections, each sending its next request when
// it has read the last answer; latency is from the sending to the end of the
// answer. At a fixed rate latency is from when a request was due, so that a service that
// holds up its clients is not asked less for it. They live in the service's process, so that 2 cores are shared by clients,
// service and PostgreSQL. A request that is not answered 200 has failed: it is
// counted, and its latency counts too.
//
// Catalogue and queries are functions of the seed; which words are common and which
// are rare is counted in the catalogue itself.
//
// On failure: the first one ends the run, the service is closed and its files go,
// see package scratch. A service that has not as many books as were written is a
// failure ([CountError]), and so are read models that stop following the log.
package search
