package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// MinimumVersion is the oldest major version of PostgreSQL that the service
// runs on.
const MinimumVersion = 15

// OldServerError says that the server is older than MinimumVersion.
type OldServerError struct {
	Version string // as the server gives it, such as "14.11 (Debian 14.11-1)"
}

func (e *OldServerError) Error() string {
	return fmt.Sprintf("PostgreSQL %s is too old: %d or newer is needed", e.Version, MinimumVersion)
}

// CheckVersion returns an *OldServerError if the server is older than
// MinimumVersion, or the error of asking it.
func CheckVersion(ctx context.Context, pool *pgxpool.Pool) error {
	var number int
	var text string
	const query = "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
	if err := pool.QueryRow(ctx, query).Scan(&number, &text); err != nil {
		return fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	return checkVersion(number, text)
}

// checkVersion judges a server_version_num: 150004 is 15.4.
func checkVersion(number int, text string) error {
	if number/10000 < MinimumVersion {
		return &OldServerError{Version: text}
	}
	return nil
}
