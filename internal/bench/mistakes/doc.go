// Package mistakes makes the mistakes that people make at keyboards, for benchmarks
// of a search that is to forgive them.
//
// In come a word and a source of random numbers, out goes the word with one
// mistake: the same numbers make the same one. Words in which nobody is expected to
// guess, those of fewer than [MinWord] letters, are told apart by [Fits]. Nothing
// here fails.
package mistakes
