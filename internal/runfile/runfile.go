package runfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Info says where a running service is.
type Info struct {
	URL      string   `json:"url"`      // of the HTTP server; "" where the process has none
	Brokers  []string `json:"brokers"`  // host:port of Kafka
	Database string   `json:"database"` // connection string of PostgreSQL; holds its password, if any
	PID      int      `json:"pid"`
}

// ErrNotRunning says that no service has written where it is: none was started
// in that data directory, or it has ended.
var ErrNotRunning = errors.New("no service runs in this data directory")

func path(dir string) string { return filepath.Join(dir, "run.json") }

// Write says where the service of the data directory dir is, in place of what was
// said before. dir must exist.
func Write(dir string, info Info) error {
	content, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return fmt.Errorf("write run file: %w", err)
	}
	// CreateTemp gives it mode 0600. It need not be synced: after a crash of the
	// machine the service doesn't run.
	temporary, err := os.CreateTemp(dir, "run-*.json.tmp")
	if err != nil {
		return fmt.Errorf("write run file: %w", err)
	}
	_, err = temporary.Write(append(content, '\n'))
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path(dir))
	}
	if err != nil {
		return fmt.Errorf("write run file: %w", errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

// Read returns where the service of the data directory dir is. It fails with
// [ErrNotRunning] where none says so.
func Read(dir string) (Info, error) {
	content, err := os.ReadFile(path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, fmt.Errorf("read %s: %w", path(dir), ErrNotRunning)
	}
	if err != nil {
		return Info{}, fmt.Errorf("read run file: %w", err)
	}
	var info Info
	if err := json.Unmarshal(content, &info); err != nil {
		return Info{}, fmt.Errorf("read %s: %w", path(dir), err)
	}
	return info, nil
}

// Remove says that the service of the data directory dir has ended. There being
// no file is no error.
func Remove(dir string) error {
	if err := os.Remove(path(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove run file: %w", err)
	}
	return nil
}
