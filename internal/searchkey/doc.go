// Package searchkey says which searches are one and the same, whoever asks: the
// projections that count them, the queries that look the counts up, and the
// verification that counts anew.
//
// In comes what a reader typed, and who; out go keys of 16 bytes, made by hashing.
// Texts have no place in keys: a query may have more bytes than an index takes, and
// a reader's id is nobody's business in a database dump. The keys lie in tables and
// never change: to fold otherwise, or to hash otherwise, takes a new version of each
// projection that has them.
//
// It only computes: nothing can fail here, or be done twice.
package searchkey
