package embedded

import "fmt"

// PortInUseError says that something else listens on a configured port.
type PortInUseError struct {
	Key  string // the configuration key that sets the port
	Port int
	Err  error
}

func (e *PortInUseError) Error() string {
	return fmt.Sprintf("port %d of 127.0.0.1 is in use: stop what listens there, or set %s to another port: %v",
		e.Port, e.Key, e.Err)
}

func (e *PortInUseError) Unwrap() error { return e.Err }

// NoPostgresError says that PostgreSQL's programs are neither installed nor
// to be had.
type NoPostgresError struct {
	Major int // the version that the data needs; 0 when any will do
	Err   error
}

func (e *NoPostgresError) Error() string {
	wanted := fmt.Sprintf("PostgreSQL %d or newer", oldestPostgres)
	if e.Major != 0 {
		wanted = fmt.Sprintf("PostgreSQL %d, which wrote the data,", e.Major)
	}

	return fmt.Sprintf("%s is not installed and can't be downloaded: install it, or set db.host to a server: %v", wanted, e.Err)
}

func (e *NoPostgresError) Unwrap() error { return e.Err }
