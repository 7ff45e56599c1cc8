//go:build !linux

package embedded

import (
	"os/exec"
	"strconv"
	"strings"
)

// isPostmasterOf says whether the process is a PostgreSQL server on the
// cluster, going by the command line that we start it with.
func isPostmasterOf(pid int, cluster string) bool {
	command, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()

	return err == nil && strings.Contains(string(command), "postgres") && strings.Contains(string(command), cluster)
}
