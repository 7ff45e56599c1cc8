// Package scratch gives a benchmark a directory for its servers' files.
//
// In comes where it is to be made, most often the machine's temporary directory; out
// goes a directory ([New]) through which PostgreSQL's user may pass. [Dir.Remove]
// removes it.
//
// On failure: a run that is killed leaves its directory behind. The lock on it goes
// with the run, and the next one removes what nobody holds the lock of. Two runs at
// once have a directory each.
package scratch
