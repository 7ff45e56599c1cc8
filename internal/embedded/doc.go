// Package embedded runs, inside the service's data directory, what the service
// finds elsewhere when it is scaled out: a Kafka broker, in this process, and a
// private PostgreSQL, as a child process. Both speak their real protocols, so
// nothing above this package knows the difference. It needs a Unix.
//
// In come a directory, ports and a logger; out go the broker's address and a
// connection URL. Ports that are set are on 127.0.0.1 only.
//
// # What happens on failure
//
// Run twice: LockDir refuses the second process on a data directory. The lock
// is the kernel's and goes with its holder.
//
// Killed here, at any moment: what either service acknowledged is on disk. The
// broker ends with this process and drops a torn last write when it is opened
// again. PostgreSQL is told by the kernel (Linux) and shuts down in good order;
// one that is still there at the next start is stopped first. A kill during the
// first start leaves no half-made cluster, as it moves into place when it is
// complete.
//
// PostgreSQL dies by itself: it is started again, after growing pauses, and one
// line is logged. When that fails for good, Done is closed and Err tells why.
// Clients see broken connections meanwhile and reconnect.
//
// The broker can't die alone. What it does not do: it keeps no sequence numbers
// of idempotent producers over a kill, so that a batch that a producer in
// another process repeats, because the broker was killed before it answered,
// may be in the log twice. And it takes a failed sync of the disk for a good
// one, so that a disk that reports errors may lose acknowledged records.
//
// A data directory that is deep, or closed to the user that PostgreSQL has to
// run as when we are root, works too: its socket then lies with the machine's
// temporary files, in a private directory, and the server gets to its files
// through an open directory that it inherits (Linux).
package embedded
