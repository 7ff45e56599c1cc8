// Package app wires the parts into a running service. It is the only package
// that sees all the others; data flows through it one way:
//
//	                HTTP (web)
//	     ┌─────────────┴──────────────┐
//	command.API                   query.API ───────────► spools
//	     │ commands                   ▲ rows               │ searches, opens
//	     ▼                            │                    ▼
//	messaging ──► Kafka          PostgreSQL           messaging ──► Kafka
//	     │ commands topic             ▲                    searches, opens topics
//	     ▼                            │
//	projection.Engine            projection.Engine ◄── messaging ◄── Kafka
//	+ command.Handler            + Catalog, History         events topic,
//	     │                       + Served, Opened           searches, opens topics
//	     │ decisions, outbox          ▲
//	     ▼                            │
//	PostgreSQL, then messaging ──► Kafka events topic
//
// In comes a configuration, out goes a service: [Start] brings it up, in the
// order in which parts need each other, and [App.Close] takes it down in the
// reverse order, answering first what has been taken.
//
// What can't be done safely is refused at start with the reason: a data
// directory in use, a topic that would break a promise, a database newer than
// the program, a log that has lost what the database has seen. A database or a
// broker that is away is waited for. Killed at any moment, nothing is left behind
// that the next start does not put right.
package app
