// Package runfile tells tools on the same machine where a running service is:
// its address, its brokers and its database, which for the embedded ones nobody
// could know otherwise.
//
// In comes, at the start of a service, an [Info]; out it goes to those who ask
// for it, from the file run.json in the service's data directory. The file is
// readable by its owner only, since a connection string may hold a password.
//
// The file appears and changes as a whole, so that a reader never sees half of
// it. A service that is killed leaves it behind: the addresses in it may then
// lead nowhere, which whoever uses them finds out by connecting. Two services
// can't share a data directory, so there is one writer.
package runfile
