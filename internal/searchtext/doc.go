// Package searchtext turns text into the words that searching compares.
//
// In comes text as people write it, out go words as the catalogue's index and
// the queries on it both hold them: "L’Étranger (O'Brien)" becomes "letranger",
// "obrien". Both sides call the same functions, so a book is found by what its
// writer typed and by what a reader without that keyboard types instead; where
// the two sides ever differed, books would be there and not be found.
//
// The forms that PostgreSQL reads (tsvector and tsquery) are written here too,
// rather than with to_tsvector: what its parser calls a word depends on the
// server's version and locale, and a rebuilt index must be the same index.
//
// What a reader types may be more than words: [ParseQuery] reads phrases and fields
// out of it. It is here since all that compares with the index has to read a query
// alike: the search, what suggests the next word, and what marks those found.
//
// The functions are pure and take any string, also invalid UTF-8: there is
// nothing to fail, to be killed in or to run twice. A change to [Words] or
// [Lexemes] changes what is stored, so it needs a new version of the catalog
// projection.
package searchtext
