package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is the operating system user that PostgreSQL's programs run as.
// PostgreSQL refuses to run as root, which is what containers and CI often
// start us as.
type account struct {
	uid, gid int
	switched bool // it is another user than ours
}

// unprivilegedUsers are tried in this order when we are root: the user that
// distributions make for PostgreSQL, then the one that every system has.
var unprivilegedUsers = []string{"postgres", "nobody"}

// chooseAccount picks who PostgreSQL runs as. Root keeps to the owner of a
// directory that exists, so that a postgres user installed later, or a first
// start as an ordinary user, doesn't make the old files unreadable.
func chooseAccount(dir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Getuid(), gid: os.Getgid()}, nil
	}

	if info, err := os.Stat(dir); err == nil {
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid != 0 {
			return account{uid: int(stat.Uid), gid: int(stat.Gid), switched: true}, nil
		}
	}

	for _, name := range unprivilegedUsers {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(found.Uid)
		gid, gidErr := strconv.Atoi(found.Gid)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return account{}, fmt.Errorf("read ids of user %s: %w", name, err)
		}
		return account{uid: uid, gid: gid, switched: true}, nil
	}

	return account{}, fmt.Errorf("PostgreSQL does not run as root and none of the users %q exists: create one, or start as an ordinary user",
		unprivilegedUsers)
}

// credential is what a child process is started with; nil keeps our own.
func (a account) credential() *syscall.Credential {
	if !a.switched {
		return nil
	}

	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// own hands path over to the account.
func (a account) own(path string) error {
	if !a.switched {
		return nil
	}

	return os.Lchown(path, a.uid, a.gid)
}

// makeDir makes sure that dir exists, belongs to the account and is closed to
// everyone else.
func (a account) makeDir(dir string) error {
	if err := os.MkdirAll(dir, dataDirMode()); err != nil {
		return err
	}
	if err := a.own(dir); err != nil {
		return err
	}

	return os.Chmod(dir, 0o700)
}

// writeFile replaces path in one step, so that a kill half-way leaves the old
// content, and makes it readable by the account alone.
func (a account) writeFile(path string, content []byte) error {
	partial := path + ".new"
	if err := os.WriteFile(partial, content, 0o600); err != nil {
		return err
	}
	if err := a.own(partial); err != nil {
		return err
	}

	return os.Rename(partial, path)
}
