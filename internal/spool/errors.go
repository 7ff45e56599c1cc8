package spool

import "errors"

// What [Open], [Spool.Append] and [Spool.Drain] can fail with, besides errors
// of the file system.
var (
	// ErrFull: the record was not taken since the spool is at its bound or the disk
	// is full (then the error is also the file system's, such as syscall.ENOSPC).
	ErrFull = errors.New("the spool is full")
	// ErrTooLarge: the record alone is larger than a spool of this size may hold.
	ErrTooLarge = errors.New("the record is too large for the spool")
	// ErrClosed: the spool was closed.
	ErrClosed = errors.New("the spool is closed")
	// ErrInUse: another process (or another Spool in this one) owns the directory.
	ErrInUse = errors.New("the spool is in use by another process")
	// ErrDraining: a Drain runs already. Two would publish everything twice.
	ErrDraining = errors.New("the spool is being drained already")
)

// ErrUnpublishable is what a [Log] returns, wrapped, when it will never take one
// of the records in the batch, such as one above the broker's message limit. Each
// record is then given to it alone, to find out which; that one is set aside.
// Tried for ever like any other failure, it would hold up all behind it.
var ErrUnpublishable = errors.New("the record can never be written")
