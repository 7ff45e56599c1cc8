package config

import (
	"strconv"
	"strings"
)

// ConnString returns the libpq connection string of the PostgreSQL at db.host.
// It has no meaning for the embedded one, which knows its own. What it leaves
// out (TLS above all) comes from PostgreSQL's usual environment variables, such
// as PGSSLMODE and PGSSLROOTCERT.
//
// The string holds the password: it must not be logged.
func (d DB) ConnString() string {
	pairs := []string{
		"host=" + quote(d.Host),
		"port=" + strconv.Itoa(d.Port),
		"user=" + quote(d.User),
		"dbname=" + quote(d.Database),
	}
	// An empty password would keep pgx from looking into ~/.pgpass.
	if d.Password != "" {
		pairs = append(pairs, "password="+quote(string(d.Password)))
	}
	return strings.Join(pairs, " ")
}

// quote makes any text one value of a libpq keyword/value string, where spaces
// separate and both quotes and backslashes have a meaning.
func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
