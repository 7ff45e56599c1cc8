package embedded

import (
	"fmt"
	"os"
)

// isPostmasterOf says whether the process is a PostgreSQL server on the
// cluster: it works in that directory, whatever path it was started with.
func isPostmasterOf(pid int, cluster string) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || string(name) != "postgres\n" {
		return false
	}
	cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	dir, err := os.Stat(cluster)

	return err == nil && os.SameFile(cwd, dir)
}
