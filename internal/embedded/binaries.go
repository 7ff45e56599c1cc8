package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// oldestPostgres is the oldest major version that the service runs on.
const oldestPostgres = 15

// binaryDirs are where distributions put PostgreSQL's server programs; most
// keep them off the PATH, so that versions can live side by side.
var binaryDirs = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // Red Hat, Fedora: packages of the PostgreSQL project
	"/usr/lib/postgresql*/bin",                           // openSUSE
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",    // Homebrew on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/usr/local/pgsql/bin",                               // built from source
}

// binaries is one installation of PostgreSQL.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// findBinaries returns the newest installation, or the newest of the major
// version if that is not 0. ok is false when there is none.
func findBinaries(major int) (found binaries, ok bool) {
	for _, dir := range candidateDirs() {
		b, err := inspectBinaries(dir)
		if err != nil || b.major < oldestPostgres || (major != 0 && b.major != major) {
			continue
		}
		if b.major > found.major {
			found = b
		}
	}

	return found, found.major != 0
}

func candidateDirs() []string {
	var dirs []string
	for _, pattern := range binaryDirs {
		matches, _ := filepath.Glob(pattern) // the only error is a bad pattern
		dirs = append(dirs, matches...)
	}
	if onPath, err := exec.LookPath("postgres"); err == nil {
		// Resolved, because initdb must lie beside it and a PATH often
		// holds a link to postgres alone.
		if real, err := filepath.EvalSymlinks(onPath); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	slices.Sort(dirs)

	return slices.Compact(dirs)
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspectBinaries asks the programs in dir for their version.
func inspectBinaries(dir string) (binaries, error) {
	b := binaries{dir: dir}
	if _, err := os.Stat(b.path("initdb")); err != nil {
		return b, err
	}

	printed, err := exec.Command(b.path("postgres"), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("ask %s for its version: %w", b.path("postgres"), err)
	}
	match := versionPattern.FindSubmatch(printed)
	if match == nil {
		return b, fmt.Errorf("%s --version printed %q", b.path("postgres"), printed)
	}
	b.major, err = strconv.Atoi(string(match[1]))

	return b, err
}
