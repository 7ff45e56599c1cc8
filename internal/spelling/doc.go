// Package spelling finds the words that a mistyped one was meant to be.
//
// In comes what somebody typed, out come words of a vocabulary that are within a
// typo or two of it, the likeliest first. A vocabulary has too many words to compare
// with each, so every word is stored with a few numbers, its [Variants]; what was
// typed has a few too, those to [Lookup]; a word that may have been meant shares one.
// An index on the numbers finds candidates, some of them by chance, and [Closest]
// keeps those that are near enough.
//
// A word is what package searchtext makes of text: folded, without spaces. Letters
// are counted in runes, so a typo is one in every script.
//
// The functions are pure and take any string, also invalid UTF-8, whose bytes count
// as a letter each: there is nothing to fail, to be killed in or to run twice.
// Variants are stored: a change to them needs a new version of the projection that
// stores them.
package spelling
