package postgres

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsTransient reports whether the same work may succeed when it is tried again
// unchanged: the server was away, restarting, overloaded or out of time, or the
// transaction lost against another. It is false for what the data or the
// statement is to blame for, and for a context that was cancelled: nobody waits
// for that any more.
//
// It doesn't say that nothing was done. A connection that is lost at a commit
// leaves open whether the commit happened, so what is tried again must be safe
// to do twice.
func IsTransient(err error) bool {
	var fromServer *pgconn.PgError
	if errors.As(err, &fromServer) {
		return isTransientCode(fromServer)
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	return isLostConnection(err)
}

// isTransientCode judges what the server says. The codes are those of appendix A
// of PostgreSQL's manual.
func isTransientCode(err *pgconn.PgError) bool {
	switch err.Code {
	case "40000", // transaction_rollback
		"40001", // serialization_failure
		"40003", // statement_completion_unknown
		"40P01", // deadlock_detected
		"55P03", // lock_not_available: lock_timeout
		"57014", // query_canceled: statement_timeout, or an operator
		"57P01", // admin_shutdown, pg_terminate_backend
		"57P02", // crash_shutdown
		"57P03", // cannot_connect_now: starting up or recovering
		"57P05", // idle_session_timeout
		"25006", // read_only_sql_transaction: reached a standby during a failover
		"25P03", // idle_in_transaction_session_timeout
		"25P04": // transaction_timeout
		return true
	case "0A000":
		// feature_not_supported, a fault of the statement, but for one case: the
		// plan it was prepared with is of an older schema. pgx has dropped that
		// plan by now. Only the place in the server's source tells them apart.
		return err.Routine == "RevalidateCachedQuery"
	}
	switch err.Code[:min(2, len(err.Code))] {
	case "08", // connection_exception
		"53": // insufficient_resources: too many connections, memory, disk
		return true
	}
	return false
}

// isLostConnection judges what this side saw of the connection.
func isLostConnection(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) ||
		errors.As(err, &network) || // also context.DeadlineExceeded: no answer in time
		errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}

// IsUniqueViolation reports whether err says that a row is there already by the
// named unique constraint or index.
func IsUniqueViolation(err error, constraint string) bool {
	const uniqueViolation = "23505"
	var fromServer *pgconn.PgError
	return errors.As(err, &fromServer) && fromServer.Code == uniqueViolation && fromServer.ConstraintName == constraint
}

// IsDataFault reports whether err says that the values a statement was given are
// to blame, so that it fails again with them and may succeed with others: a text
// or number that a type can't hold, a constraint that a row breaks, a document or
// index entry beyond a limit.
//
// A unique violation is not among them: it says that a row is there already, and
// so as much about the table as about the row.
func IsDataFault(err error) bool {
	const uniqueViolation = "23505"
	var fromServer *pgconn.PgError
	if !errors.As(err, &fromServer) || fromServer.Code == uniqueViolation {
		return false
	}
	switch fromServer.Code[:min(2, len(fromServer.Code))] {
	case "22", // data_exception
		"23", // integrity_constraint_violation
		"54": // program_limit_exceeded
		return true
	}
	return false
}

// IsLockTimeout reports whether a statement gave up waiting for a lock, as its
// lock_timeout says.
func IsLockTimeout(err error) bool {
	const lockNotAvailable = "55P03"
	var fromServer *pgconn.PgError
	return errors.As(err, &fromServer) && fromServer.Code == lockNotAvailable
}
