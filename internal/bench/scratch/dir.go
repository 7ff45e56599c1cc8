package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bookstore/internal/embedded"
)

// Dir is a directory that is known to be in use until it is removed.
type Dir struct {
	path string
	lock *embedded.DirLock
}

// prefix begins the names of the benchmarks' directories.
const prefix = "bookstore-bench-"

// maxTries is more than there are runs that begin at the same moment.
const maxTries = 10

// New makes a directory in parent, and removes those of runs that were killed.
func New(parent string) (*Dir, error) {
	removeAbandoned(parent)
	for tries := 1; ; tries++ {
		d, err := claim(parent)
		// Between its making and its locking, a directory looks to a run that begins at
		// the same moment like one that a killed run left.
		_, taken := errors.AsType[*embedded.DataDirInUseError](err)
		if tries == maxTries || !taken && !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
	}
}

// claim makes a directory and locks it.
func claim(parent string) (*Dir, error) {
	path, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	lock, err := embedded.LockDir(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: lock}
	if err := os.Chmod(path, 0o711); err != nil { // PostgreSQL's user passes through it, when we are root
		return nil, errors.Join(err, d.Remove())
	}
	return d, nil
}

// removeAbandoned leaves alone what was made this instant and is not locked yet: it
// has no lock file either.
func removeAbandoned(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, prefix+"*", "LOCK")) // the pattern is well-formed
	for _, file := range locks {
		if lock, err := embedded.LockDir(filepath.Dir(file)); err == nil {
			_ = os.RemoveAll(filepath.Dir(file))
			_ = lock.Release()
		}
	}
}

// Join returns a path in the directory.
func (d *Dir) Join(name string) string { return filepath.Join(d.path, name) }

// Remove removes the directory with all that is in it.
func (d *Dir) Remove() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Release())
}
