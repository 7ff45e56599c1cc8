// Package relevance measures whether a search finds the book that somebody has in
// mind.
//
// In comes a real catalogue ([ReadBooks]); out goes a [Report]: for each kind of
// query, how often the wanted book came first, how often among the first five, and
// the mean of 1/rank (MRR; a book below the first ten counts 0). The books are
// loaded by the service's own projection into a PostgreSQL of the run's own, and
// the read side's search is asked directly, without HTTP: what is measured is what
// comes, and not how fast.
//
// # What is asked
//
// Each query is made from one book, the wanted one, the way a person who knows the
// book would ask: see the list of kinds. Words are split and folded here, and not by
// the service's package for that, so that what is measured has no say in what is
// asked. A query must identify its book to a person as far as the kind allows: of a
// title's words the ones that the fewest other titles have are taken; a beginning
// goes on until at most five titles begin like that; a mistake that happens to make
// another word of the catalogue is drawn again.
//
// Some titles are shared (there are four "Selected Poems"), and the words of a
// series are in all its books. Such queries are asked all the same and only the
// wanted book counts. What that costs is reported beside the result, as what is
// reached by words alone: by a search that ranks all books that the query fits (whose
// title is it, begins with it, has all its words) before all others, and among those
// by chance. A search may do better, for it may tell a title that is the two words
// from a longer one that has them; it can't where titles are the same. To order those
// by popularity neither helps nor hurts, since each book is wanted as often as any
// other.
//
// # Two halves
//
// The books are split by a hash of their number, the same for every seed. While a
// search is tuned only the tuning half is looked at: it is reported always, with
// examples of what was missed if that is asked for. The held-out half is measured on
// demand, and only ever as numbers. All books are in the catalogue that is searched.
//
// On failure: the first one ends the run, and what it has made goes with it, see
// package scratch. A search that the database gives up for its time limit is no
// failure but a miss, and counted.
package relevance
