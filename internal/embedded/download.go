package embedded

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// downloadable maps a major version to the release that embedded-postgres
// knows; newestDownload is taken when there is no cluster yet.
var downloadable = map[int]embeddedpostgres.PostgresVersion{
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

const newestDownload = 18

// downloadBinaries gets PostgreSQL's programs from Maven Central, once per
// user and version, for a machine that has none installed. major 0 means the
// newest.
func downloadBinaries(major int, logger *slog.Logger) (binaries, error) {
	if major == 0 {
		major = newestDownload
	}
	version, known := downloadable[major]
	if !known {
		return binaries{}, fmt.Errorf("no download of PostgreSQL %d is known", major)
	}

	cache, err := downloadDir()
	if err != nil {
		return binaries{}, err
	}
	lock, err := lockDownloads(cache)
	if err != nil {
		return binaries{}, err
	}
	defer lock.Close()

	home := filepath.Join(cache, "postgresql-"+strconv.Itoa(major))
	if found, err := inspectBinaries(filepath.Join(home, "bin")); err == nil {
		return found, nil
	}

	logger.Info("downloading PostgreSQL, as none is installed", "version", string(version), "to", home)
	if err := unpackInto(home, cache, version); err != nil {
		return binaries{}, fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}

	return inspectBinaries(filepath.Join(home, "bin"))
}

// downloadDir is where programs are kept between data directories. Root's own
// cache is closed to the unprivileged user who has to run them.
func downloadDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/bookstore", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for PostgreSQL's programs: %w", err)
	}

	return filepath.Join(cache, "bookstore"), nil
}

// lockDownloads waits for other processes that download: several test binaries
// or services may find at the same time that PostgreSQL is missing.
func lockDownloads(cache string) (io.Closer, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(cache, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", cache, err)
	}

	return file, nil
}

// unpackInto fills home in one step, so that a kill half-way leaves nothing
// that looks complete.
//
// embedded-postgres can't be told to unpack and no more, and what it would
// start is not what we need: it refuses root, takes a TCP port for everyone on
// the machine, and outlives a killed parent. So it is given a data directory
// that is none: it unpacks, its start fails, and the programs are there.
func unpackInto(home, cache string, version embeddedpostgres.PostgresVersion) error {
	work, err := os.MkdirTemp(cache, "unpacking-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}

	noCluster := filepath.Join(work, "no-cluster")
	if err := os.Mkdir(noCluster, 0o700); err != nil {
		return err
	}
	major, _, _ := strings.Cut(string(version), ".")
	if err := os.WriteFile(filepath.Join(noCluster, "PG_VERSION"), []byte(major), 0o600); err != nil {
		return err
	}

	programs := filepath.Join(work, "programs")
	startErr := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).
		Port(0).
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "runtime")).
		BinariesPath(programs).
		DataPath(noCluster).
		Logger(io.Discard)).Start()

	if _, err := os.Stat(filepath.Join(programs, "bin", "postgres")); err != nil {
		return startErr
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}

	return os.Rename(programs, home)
}
