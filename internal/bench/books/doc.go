// Package books makes up a large catalogue from a small real one, for benchmarks
// and tests that need more books than there are at hand.
//
// In comes a real catalogue ([ReadSource]), of which the words of titles, the parts
// of names and the years are kept, each as often as it occurs there: what is made
// of them has the frequent words and the rare ones that a search has to cope with.
// Out come books by id ([Catalogue.Book]), or a history of them as the log would
// have it ([Catalogue.History]): creations, updates, deletions, and events that
// were published twice.
//
// It is a function of the source, the seed and the numbers asked for: called
// again, also in another process, it gives the same bytes. A history of a million
// events is made while it is read; what it holds are the versions of the books that
// were changed. Nothing here does I/O but ReadSource, which fails on what is not
// such a catalogue.
package books
