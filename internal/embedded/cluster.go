package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// cluster is the place of one PostgreSQL cluster: its files, the programs that
// fit them, and the account that owns them.
//
//	DataDir/cluster       PostgreSQL's files (PGDATA)
//	DataDir/run           its socket, when the path is short enough
//	DataDir/postgres.log  what it says; postgres.log.1 is the log before it
//	DataDir/password      for connections over TCP, when there are any
type cluster struct {
	dataDir  string
	account  account
	binaries binaries

	// reachable is false when the account may not pass through a directory
	// above dataDir (/root, a home directory).
	reachable bool
}

func (c cluster) dir() string { return filepath.Join(c.dataDir, "cluster") }

// openCluster finds or makes the cluster in dataDir.
func openCluster(cfg PostgresConfig) (cluster, error) {
	dataDir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return cluster{}, fmt.Errorf("locate PostgreSQL's data directory: %w", err)
	}
	as, err := chooseAccount(dataDir)
	if err != nil {
		return cluster{}, err
	}
	if err := as.makeDir(dataDir); err != nil {
		return cluster{}, fmt.Errorf("create PostgreSQL's data directory: %w", err)
	}

	c := cluster{dataDir: dataDir, account: as}
	major, err := c.majorVersion()
	if err != nil {
		return cluster{}, err
	}
	var found bool
	if c.binaries, found = findBinaries(major); !found {
		if c.binaries, err = downloadBinaries(major, cfg.Logger); err != nil {
			return cluster{}, &NoPostgresError{Major: major, Err: err}
		}
	}
	c.reachable = c.canReach()
	if !c.reachable && !canPassDirectories {
		return cluster{}, fmt.Errorf("user %d, who PostgreSQL runs as, may not enter %s: use a data directory elsewhere (app.data_dir)",
			as.uid, dataDir)
	}

	if major == 0 {
		return c, c.init(cfg)
	}

	return c, nil
}

// majorVersion returns which PostgreSQL wrote the cluster, 0 if there is none
// yet. Another major version can't read it.
func (c cluster) majorVersion() (int, error) {
	content, err := os.ReadFile(filepath.Join(c.dir(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of PostgreSQL's data: %w", err)
	}

	return strconv.Atoi(strings.TrimSpace(string(content)))
}

// canReach tries whether the account may enter the data directory by its
// path. Reckoning it from file modes would miss access lists and the like.
func (c cluster) canReach() bool {
	if !c.account.switched {
		return true
	}
	probe := exec.Command(c.binaries.path("postgres"), "--version")
	probe.Dir = c.dataDir
	probe.SysProcAttr = childAttr(c.account, syscall.SIGKILL)

	return runChild(probe) == nil
}

// command prepares a PostgreSQL program that works on the cluster's files in
// dir. The caller closes release once the program has started.
func (c cluster) command(program, dir string, args ...string) (cmd *exec.Cmd, release func(), err error) {
	release = func() {}
	cmd = exec.Command(c.binaries.path(program))
	if !c.reachable {
		handle, err := os.Open(dir)
		if err != nil {
			return nil, nil, err
		}
		release = func() { _ = handle.Close() }
		cmd.ExtraFiles = []*os.File{handle}
		dir = inheritedDir
	}
	cmd.Args = append(cmd.Args, append([]string{"-D", dir}, args...)...)
	cmd.Dir = "/"
	cmd.Env = serverEnv()

	return cmd, release, nil
}

// serverEnv leaves out what would change how the programs behave (PGPORT,
// PGOPTIONS, LC_ALL), and keeps what they need to be found and loaded.
func serverEnv() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}

	return env
}

// init makes the cluster beside its place and moves it there when it is whole
// and on disk, so that a kill leaves either no cluster or a good one.
func (c cluster) init(cfg PostgresConfig) error {
	if err := c.removeHalfMade(); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(c.dataDir, halfMadePrefix)
	if err != nil {
		return fmt.Errorf("create PostgreSQL cluster: %w", err)
	}
	if err := c.account.own(fresh); err != nil {
		return fmt.Errorf("create PostgreSQL cluster: %w", err)
	}

	var failures []error
	for _, locale := range locales(c.binaries.major) {
		err := c.initdb(fresh, cfg, locale)
		if err == nil {
			return c.publish(fresh)
		}
		failures = append(failures, err)
	}

	return errors.Join(failures...)
}

const halfMadePrefix = "initdb-"

func (c cluster) removeHalfMade() error {
	halfMade, _ := filepath.Glob(filepath.Join(globQuote(c.dataDir), halfMadePrefix+"*"))
	for _, dir := range halfMade {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove half-made PostgreSQL cluster: %w", err)
		}
	}

	return nil
}

// globQuote keeps the special characters of a path from being read as a
// pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// locales are initdb's options for text, the best first. All of them compare
// strings by code point, which is the same on every machine and lets LIKE 'x%'
// use a plain index, and know letters beyond ASCII, for lower() and full text
// search.
func locales(major int) [][]string {
	libc := [][]string{
		{"--locale=C", "--lc-ctype=C.UTF-8"},
		{"--locale=C", "--lc-ctype=en_US.UTF-8"}, // systems without C.UTF-8, such as macOS
	}
	if major < 17 {
		return libc
	}
	builtin := []string{"--locale-provider=builtin", "--builtin-locale=C.UTF-8"}

	return append([][]string{append(builtin, libc[0]...), append(builtin, libc[1]...)}, libc...)
}

func (c cluster) initdb(dir string, cfg PostgresConfig, locale []string) error {
	args := append([]string{
		"--username=" + cfg.User,
		"--encoding=UTF8",
		"--auth=trust", // replaced at each start, see renderAccess
	}, locale...)
	if cfg.Ephemeral {
		args = append(args, "--no-sync")
	} else {
		args = append(args, "--data-checksums")
	}

	cmd, release, err := c.command("initdb", dir, args...)
	if err != nil {
		return fmt.Errorf("create PostgreSQL cluster: %w", err)
	}
	defer release()
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = childAttr(c.account, syscall.SIGKILL)
	if err := runChild(cmd); err != nil {
		return fmt.Errorf("create PostgreSQL cluster: initdb: %w\n%s", err, output.String())
	}

	return nil
}

func (c cluster) publish(fresh string) error {
	if err := os.Rename(fresh, c.dir()); err != nil {
		return fmt.Errorf("put PostgreSQL cluster in place: %w", err)
	}
	parent, err := os.Open(c.dataDir)
	if err != nil {
		return fmt.Errorf("put PostgreSQL cluster in place: %w", err)
	}
	defer parent.Close()

	return parent.Sync()
}
