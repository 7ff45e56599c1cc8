// Package sizes reads how much disk a database takes, and each of its tables and
// indexes, for the benches. It only reads.
package sizes
