// Package config turns config.yml and the environment into one checked Config.
//
// In come the built-in defaults, then the file, then environment variables
// (BOOKSTORE_DB_PASSWORD sets db.password), each over the one before. Out goes
// a Config that needs no further checks: every number is in its range, every
// address parses, and the settings fit one another.
//
// On failure out goes a *Faults that lists every mistake in every source at
// once, so that an operator mends a file in one go rather than once per start.
// A key or a variable that nobody reads is a mistake too: a misspelt setting
// that is silently ignored is found in production, months later. Secrets never
// appear in a fault, nor when a Config is printed or logged.
//
// Nothing here opens a connection or creates a directory. Load reads one file
// and can be run any number of times, by any number of processes.
package config
