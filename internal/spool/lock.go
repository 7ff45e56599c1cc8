package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockDir claims dir for this process. The claim is an flock(2), which the
// kernel drops with the process however that ends, so a kill blocks nobody. The
// file stays behind: removing it would let two processes lock two files of one name.
func lockDir(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of the spool: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the spool: %w", err), file.Close())
	}
	return file, nil
}

// unlockDir gives the claim up. Closing the file alone would not always do: a
// process that is just being forked off holds a copy of it until its exec(2).
func unlockDir(lock *os.File) error {
	if err := errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close()); err != nil {
		return fmt.Errorf("unlock the spool: %w", err)
	}
	return nil
}
