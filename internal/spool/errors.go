package spool

import (
	"errors"
	"fmt"
)

// What [Open], [Spool.Append] and [Spool.Drain] can fail with, besides errors
// of the file system.
var (
	// ErrFull: the record was not taken since the spool is at its bound or the disk
	// is full (then the error is also the file system's, such as syscall.ENOSPC).
	ErrFull = errors.New("the search spool is full")
	// ErrTooLarge: the record alone is larger than a spool of this size may hold.
	ErrTooLarge = errors.New("the record is too large for the search spool")
	// ErrClosed: the spool was closed.
	ErrClosed = errors.New("the search spool is closed")
	// ErrInUse: another process (or another Spool in this one) owns the directory.
	ErrInUse = errors.New("the search spool is in use by another process")
	// ErrDraining: a Drain runs already. Two would publish everything twice.
	ErrDraining = errors.New("the search spool is being drained already")
)

// UnpublishableError is what a [Log] returns for a record that it will never
// take, such as one above the broker's message limit. Without it, that record
// would be retried for ever and hold up all behind it.
type UnpublishableError struct {
	// Index of the record in the batch. Those before it were written, those behind
	// it were not tried.
	Index int
	Err   error
}

func (e *UnpublishableError) Error() string {
	return fmt.Sprintf("record %d of the batch can never be written: %v", e.Index, e.Err)
}

// Unwrap returns the reason.
func (e *UnpublishableError) Unwrap() error { return e.Err }
