package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockFile is the file inside a data directory that its user keeps locked.
const lockFile = "LOCK"

// DataDirInUseError says that another process works on the data directory.
type DataDirInUseError struct {
	Dir string // absolute path of the data directory
	PID int    // of the process that holds it; 0 when it could not be read
}

func (e *DataDirInUseError) Error() string {
	holder := "another process"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}

	return fmt.Sprintf("data directory %s is in use by %s: stop that one, or give this one a directory of its own (app.data_dir)",
		e.Dir, holder)
}

// DirLock is one process's claim to a data directory.
type DirLock struct {
	file *os.File
}

// LockDir creates dir when it is missing and claims it for this process. While
// another process holds it, the error is a *DataDirInUseError.
//
// The claim is an flock(2), so the kernel drops it with the process however
// that ends: a lock file that stays behind a kill -9 blocks nobody.
func LockDir(dir string) (*DirLock, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("locate data directory: %w", err)
	}
	if err := os.MkdirAll(dir, dataDirMode()); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}

	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data directory: %w", err)
	}

	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &DataDirInUseError{Dir: dir, PID: holderOf(file)}
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}

	if err := writePID(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("write lock of data directory: %w", err)
	}

	return &DirLock{file: file}, nil
}

// Release gives the directory up. The lock file stays: removing it would let
// two processes hold locks on two files of the same name.
func (l *DirLock) Release() error {
	return l.file.Close()
}

// dataDirMode keeps others from listing the directory. The unprivileged user
// that root runs PostgreSQL as must pass through it to reach its own files.
func dataDirMode() os.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}

	return 0o700
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)

	return err
}

// holderOf reads who wrote the lock. It is for a message only, so what can't
// be read is 0, no error.
func holderOf(file *os.File) int {
	content := make([]byte, 32)
	n, _ := file.ReadAt(content, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(content[:n])))
	if err != nil {
		return 0
	}

	return pid
}
