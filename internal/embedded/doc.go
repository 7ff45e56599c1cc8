// Package embedded runs, inside the service's data directory, what the service
// otherwise finds elsewhere: a Kafka broker (in this process) and a private
// PostgreSQL (as a child process). Both speak their real protocols, so nothing
// above this package knows the difference.
package embedded
