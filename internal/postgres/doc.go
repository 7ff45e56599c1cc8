// Package postgres is what every package that talks to PostgreSQL has in common:
// how connections are opened, how the schema is brought up to date, and which
// errors are worth another try.
//
// In come a connection string and the SQL of package migrations. Out go a pool
// whose connections give up on a server that is away within seconds, and a
// schema that fits this binary.
//
// On failure: Open doesn't connect, so a server that is away is met, and got
// over, where the first query runs. Migrate may be run by any number of
// processes at once (an advisory lock lets one work and the others wait) and may
// be killed at any point: each step and the note that it was applied commit
// together, and the lock ends with the connection. A schema that a newer binary
// has already changed is refused, as is a server that is too old: an old binary
// would write rows that the newer one no longer expects.
package postgres
